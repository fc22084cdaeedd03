import { PlatformError } from "@mooring/contracts";

/** The error a promise is rejected with. Throws when it is not rejected, or with anything but a PlatformError. */
export async function errorOf(promise: Promise<unknown>): Promise<PlatformError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error("was not refused");
}

/** What of a request an error names. */
export function pointersOf(error: PlatformError): readonly string[] {
  return (error.details.issues ?? []).map(({ pointer }) => pointer);
}
