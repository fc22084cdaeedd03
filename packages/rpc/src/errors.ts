import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { type ErrorCode, type ErrorDetails, errorTable, type FieldIssue, PlatformError, toPlatformError } from "@mooring/contracts";

/** Trailer with the error as it was: `{code, details}` as JSON, since a gRPC code alone does not tell a conflict from another. */
const errorKey = "mooring-error-bin";
/** gRPC limits all metadata of a response to 8 KiB unless told otherwise. */
const errorBytesMax = 6_000;

export interface WireError {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** A thrown error as a gRPC status. The cause stays here. */
export function toWireError(thrown: unknown): WireError {
  const error = toPlatformError(thrown);
  const metadata = new Metadata();
  metadata.set(errorKey, encodeError(error));
  return { code: errorTable[error.code].grpc, details: error.message, metadata };
}

/** As much of the details as fits: the first issues rather than none, the current document only whole. */
function encodeError({ code, details }: PlatformError): Buffer {
  const encode = (some: ErrorDetails): Buffer => Buffer.from(JSON.stringify({ code, details: some }));
  const whole = encode(details);
  if (whole.length <= errorBytesMax) return whole;
  const kept: FieldIssue[] = [];
  for (const issue of details.issues ?? []) {
    kept.push(issue);
    if (encode({ issues: kept }).length > errorBytesMax) {
      kept.pop();
      break;
    }
  }
  return encode(kept.length === 0 ? {} : { issues: kept });
}

/** A gRPC failure as the error that was thrown on the other side, or as the nearest one when the wire itself failed. */
export function fromWireError(thrown: unknown): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  const failure = thrown as Partial<ServiceError>;
  const body = failure.metadata?.get(errorKey)[0];
  if (body instanceof Buffer) {
    const { code, details } = JSON.parse(body.toString("utf8")) as { code: string; details: ErrorDetails };
    if (Object.hasOwn(errorTable, code)) return new PlatformError(code as ErrorCode, failure.details ?? "", { ...details, cause: thrown });
  }
  const code = codeOf(failure.code);
  return new PlatformError(code, wireFailures[code] ?? "the call to another service failed", { cause: thrown });
}

/** What callers may know of a failure of the wire itself; gRPC's own text names inner addresses and stays in the cause. */
const wireFailures: Partial<Record<ErrorCode, string>> = {
  timeout: "another service did not answer in time",
  unavailable: "a service is out of reach; try again later",
  unauthenticated: "the call was not authenticated",
  payloadTooLarge: "the message is too large",
  invalidArgument: "the message is malformed",
};

function codeOf(code: number | undefined): ErrorCode {
  switch (code) {
    case status.DEADLINE_EXCEEDED:
      return "timeout";
    case status.UNAVAILABLE:
    case status.CANCELLED:
      return "unavailable";
    case status.UNAUTHENTICATED:
      return "unauthenticated";
    case status.RESOURCE_EXHAUSTED:
      return "payloadTooLarge";
    case status.INVALID_ARGUMENT:
      return "invalidArgument";
    default:
      return "internal";
  }
}
