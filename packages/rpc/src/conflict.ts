// A version conflict carries the current document, and that may be larger than what fits into the trailers of a failure. So a request may ask for it
// as an answer, and between services each does; it becomes the error again where it arrives:
//
//   service throws versionConflict {current} -> answer {current document, conflict {code, message}} -> client throws versionConflict {current}
import type { DescMethod } from "@bufbuild/protobuf";
import { type ErrorCode, errorTable, type JsonObject, PlatformError } from "@mooring/contracts";
import type { Plain } from "./plain.ts";

const askedBy = "conflictAsAnswer";
const saidBy = "conflict";

/** Whether requests of this method can ask for a conflict as an answer. */
export function mayAnswerConflict({ input, output }: DescMethod): boolean {
  const has = (fields: readonly { readonly localName: string }[], name: string): boolean =>
    fields.some((field) => field.localName === name);
  return has(input.fields, askedBy) && has(output.fields, saidBy);
}

export function askForConflict(request: Plain): Plain {
  return { ...request, [askedBy]: true };
}

/** Asks the service; a conflict becomes an answer if the request wants it so and there is a document to show. */
export async function conflictAsAsked(request: Plain, ask: (request: Plain) => Promise<Plain>): Promise<Plain> {
  const { [askedBy]: isAsked, ...known } = request;
  try {
    return await ask(known);
  } catch (error) {
    if (isAsked !== true || !(error instanceof PlatformError) || error.code !== "versionConflict") throw error;
    const { code, message, details } = error;
    if (details.current === undefined) throw error;
    return { ...details.current, [saidBy]: { code, message } };
  }
}

/** The answer, unless it is a conflict: that is thrown, as its service threw it. */
export function orThrowConflict(answer: Plain): Plain {
  const { [saidBy]: said, ...current } = answer;
  if (said === undefined) return answer;
  const { code, message } = said as { readonly code: string; readonly message: string };
  const known = Object.hasOwn(errorTable, code) ? (code as ErrorCode) : "versionConflict";
  throw new PlatformError(known, message, { current: current as JsonObject });
}
