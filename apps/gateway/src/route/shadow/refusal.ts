// Refusals in AWS's codes and texts, which both dialects have (wire formats §1.2, §3.1): 400, 401, 403, 404, 409, 413, 415, 429, 500.
import { type ErrorCode, errorTable, PlatformError } from "@mooring/contracts";
import { type ShadowRequest, unsupportedEncoding } from "./parse.ts";

/** One text for each kind of failure; what the request itself shows to be wrong has its own. */
const texts: Partial<Readonly<Record<ErrorCode, string>>> = {
  invalidArgument: "State contains an invalid node",
  unauthenticated: "Unauthorized",
  permissionDenied: "Forbidden",
  notFound: "Thing not found",
  versionConflict: "Version conflict",
  payloadTooLarge: "The payload exceeds the maximum size allowed",
  unsupportedMediaType: unsupportedEncoding,
  quotaExceeded: "Too many requests",
};

const noSuchName = "No shadow exists with name: ";

/** What is answered about a shadow that holds nothing. */
export function noSuchShadow(name: string): PlatformError {
  return new PlatformError("notFound", `${noSuchName}'${name}'`);
}

export function refusalOf(error: PlatformError, request: ShadowRequest): { readonly code: number; readonly message: string } {
  const code = errorTable[error.code].http;
  if (error === request.error) return { code, message: request.text };
  if (error.code === "notFound" && error.message.startsWith(noSuchName)) return { code, message: error.message };
  const message = texts[error.code];
  // Of everything else AWS says that it is its own failure.
  return message === undefined ? { code: 500, message: "Internal service failure" } : { code, message };
}
