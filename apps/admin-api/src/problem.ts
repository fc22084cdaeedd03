import { type ErrorCode, errorTable, type FieldIssue, type JsonObject, PlatformError } from "@mooring/contracts";
import { z } from "zod";
import { limits } from "./limits.ts";

export const problemContentType = "application/problem+json";
const problemTypeBase = "https://mooring.dev/problems/";

/** RFC 9457: what every answer that is no success carries. Extension members: code, issues, current. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly issues?: readonly FieldIssue[];
  readonly current?: JsonObject;
}

export const problemSchema = z
  .object({
    type: z.url().describe("Names the kind of problem; ends in its code."),
    title: z.string().describe("The kind of problem in words; the same for every problem of one type."),
    status: z.int().describe("The HTTP status."),
    detail: z.string().describe("What was wrong this time."),
    code: z.enum(Object.keys(errorTable)).describe("The kind of problem for programs; the same code that gRPC and devices see."),
    issues: z
      .array(
        z.object({
          pointer: z.string().describe("JSON pointer (RFC 6901) to the field; a path or query parameter or a header goes by its name."),
          message: z.string(),
          expected: z.string().optional(),
          got: z.string().optional(),
        }),
      )
      .optional()
      .describe("Every field that is wrong."),
    current: z.record(z.string(), z.unknown()).optional().describe("With versionConflict: the document as it is now."),
  })
  .describe("A problem document (RFC 9457).");

/** How a route names fields where the service behind it names them otherwise: `{"/csrPem": "/csr"}`. */
export type PointerNames = Readonly<Record<string, string>>;

/** An error as a problem document. The cause is not in it. */
export function toProblem(error: PlatformError, names: PointerNames = {}): Problem {
  const { http, title } = errorTable[error.code];
  const { issues, current } = error.details;
  return {
    type: `${problemTypeBase}${error.code}`,
    title,
    status: http,
    detail: renameDetail(error.message, names),
    code: error.code,
    ...(issues === undefined ? {} : { issues: issues.slice(0, limits.issuesMax).map((issue) => renameIssue(issue, names)) }),
    ...(current === undefined ? {} : { current }),
  };
}

function renameIssue(issue: FieldIssue, names: PointerNames): FieldIssue {
  const name = names[issue.pointer];
  return name === undefined ? issue : { ...issue, pointer: name };
}

/** `invalidField` begins its message with the pointer. */
function renameDetail(detail: string, names: PointerNames): string {
  for (const [from, to] of Object.entries(names)) {
    if (detail.startsWith(`${from}:`)) return `${to}${detail.slice(from.length)}`;
  }
  return detail;
}

/** Text of the caller's own, short enough to be repeated to them. */
export function shorten(text: string): string {
  // Cutting may leave half of a surrogate pair behind, which would not survive as UTF-8.
  return text.length <= limits.echoLengthMax ? text : `${text.slice(0, limits.echoLengthMax).toWellFormed()}…`;
}

/** One segment of a JSON pointer (RFC 6901 §3). */
export function pointerSegment(name: string): string {
  return shorten(name).replaceAll("~", "~0").replaceAll("/", "~1");
}

/** Several fields are wrong: the first is told in the message, all of them as issues. */
export function invalidFields(where: string, issues: readonly FieldIssue[]): PlatformError {
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  const message = first === undefined ? `the ${where} is not valid` : `${first.pointer || `the ${where}`}: ${first.message}${more}`;
  return new PlatformError("invalidArgument", message, { issues: issues.slice(0, limits.issuesMax) });
}
