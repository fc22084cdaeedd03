import type { JsonObject } from "./json.ts";

/**
 * Every error that crosses a border carries one of these codes. This table is the only place where a code meets a wire status:
 * HTTP (RFC 9110), gRPC (google.rpc.Code), MQTT 5 reason code (§2.4), CoAP code (RFC 7252 §12.1.2, as class * 32 + detail), Alink code.
 */
export const errorTable = {
  invalidArgument: { http: 400, grpc: 3, mqtt: 0x99, coap: 0x80, alink: 460, title: "Invalid argument" },
  unauthenticated: { http: 401, grpc: 16, mqtt: 0x86, coap: 0x81, alink: 401, title: "Not authenticated" },
  permissionDenied: { http: 403, grpc: 7, mqtt: 0x87, coap: 0x83, alink: 403, title: "Permission denied" },
  notFound: { http: 404, grpc: 5, mqtt: 0x83, coap: 0x84, alink: 404, title: "Not found" },
  methodNotAllowed: { http: 405, grpc: 12, mqtt: 0x83, coap: 0x85, alink: 400, title: "Method not allowed" },
  alreadyExists: { http: 409, grpc: 6, mqtt: 0x83, coap: 0x89, alink: 400, title: "Already exists" },
  versionConflict: { http: 409, grpc: 10, mqtt: 0x83, coap: 0x8c, alink: 409, title: "Version conflict" },
  // A condition that stood in a header of the request, such as If-Match (RFC 9110 §15.5.13).
  preconditionFailed: { http: 412, grpc: 9, mqtt: 0x83, coap: 0x8c, alink: 409, title: "Precondition failed" },
  failedPrecondition: { http: 409, grpc: 9, mqtt: 0x83, coap: 0x8c, alink: 400, title: "Not possible in this state" },
  deviceOffline: { http: 409, grpc: 14, mqtt: 0x83, coap: 0xa3, alink: 9201, title: "Device offline" },
  payloadTooLarge: { http: 413, grpc: 11, mqtt: 0x95, coap: 0x8d, alink: 460, title: "Too large" },
  unsupportedMediaType: { http: 415, grpc: 3, mqtt: 0x99, coap: 0x8f, alink: 460, title: "Unsupported media type" },
  quotaExceeded: { http: 429, grpc: 8, mqtt: 0x97, coap: 0x9d, alink: 429, title: "Quota exceeded" },
  internal: { http: 500, grpc: 13, mqtt: 0x80, coap: 0xa0, alink: 500, title: "Internal error" },
  unavailable: { http: 503, grpc: 14, mqtt: 0x88, coap: 0xa3, alink: 500, title: "Unavailable" },
  timeout: { http: 504, grpc: 4, mqtt: 0x83, coap: 0xa4, alink: 500, title: "Timeout" },
} as const satisfies Record<string, WireStatus>;

interface WireStatus {
  readonly http: number;
  readonly grpc: number;
  readonly mqtt: number;
  readonly coap: number;
  readonly alink: number;
  readonly title: string;
}

export type ErrorCode = keyof typeof errorTable;

/** One thing that is wrong with a request: where (JSON pointer, RFC 6901) and what. */
export interface FieldIssue {
  readonly pointer: string;
  readonly message: string;
  readonly expected?: string;
  readonly got?: string;
}

export interface ErrorDetails {
  /** Every field that is wrong, not only the first. */
  readonly issues?: readonly FieldIssue[];
  /** With `versionConflict` and `preconditionFailed`: the document as it is now. */
  readonly current?: JsonObject;
}

/** An operating error: expected, typed, its message safe to show. A broken invariant is an assertion, not one of these. */
export class PlatformError extends Error {
  override readonly name = "PlatformError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, publicMessage: string, options: ErrorDetails & { readonly cause?: unknown } = {}) {
    super(publicMessage, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = {
      ...(options.issues === undefined ? {} : { issues: options.issues }),
      ...(options.current === undefined ? {} : { current: options.current }),
    };
  }
}

/** An `invalidArgument` about one field. */
export function invalidField(pointer: string, message: string): PlatformError {
  return new PlatformError("invalidArgument", `${pointer}: ${message}`, { issues: [{ pointer, message }] });
}

/** Codes of operating systems, Postgres (classes 08, 53, 57) and Prisma that mean: not now, perhaps later. */
const outageCode = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|08|53|57P|P1001|P1002|P1008|P1017|P2024)/;
const outageMessage = /connection terminated|timeout exceeded when trying to connect|query read timeout|cannot use a pool after/i;

/** Whether a store or a peer was out of reach. Looks through causes: drivers wrap. */
function isOutage(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 4) return false;
  if ("code" in error && typeof error.code === "string" && outageCode.test(error.code)) return true;
  return outageMessage.test(error.message) || isOutage(error.cause, depth + 1);
}

/**
 * Whatever was thrown, as an error that may be shown: what is not a PlatformError becomes `unavailable` when a store or peer was out of reach and
 * `internal` otherwise, and keeps its cause for the log.
 */
export function toPlatformError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  if (isOutage(error)) return new PlatformError("unavailable", "a part of the platform is out of reach; try again later", { cause: error });
  return new PlatformError("internal", "something went wrong inside the platform", { cause: error });
}
