import { createHash } from "node:crypto";
import {
  type CallRequest,
  callPayloadBytesMax,
  callTimeoutMsDefault,
  callTimeoutMsMax,
  callTimeoutMsMin,
  invalidField,
  isJsonObject,
  type JsonValue,
  PlatformError,
} from "@mooring/contracts";

/** Throws `invalidArgument` about the first field that is wrong; returns the time the call has. */
export function checkRequest(request: CallRequest): number {
  const { service, input, payload, timeoutMs = callTimeoutMsDefault, idempotencyKey } = request;
  if (!Number.isInteger(timeoutMs) || timeoutMs < callTimeoutMsMin || timeoutMs > callTimeoutMsMax) {
    throw invalidField("/timeoutMs", `must be a whole number from ${callTimeoutMsMin} to ${callTimeoutMsMax}`);
  }
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,64}$/.test(idempotencyKey)) {
    throw invalidField("/idempotencyKey", "must be 1 to 64 printable ASCII characters");
  }
  if ((service === undefined) === (payload === undefined)) throw invalidField("/service", "must be given, or else a payload, and not both");
  if (service === undefined && input !== undefined) throw invalidField("/input", "belongs to a service");
  if (service !== undefined && !/^[A-Za-z_][\w:.-]{0,127}$/.test(service)) throw invalidField("/service", "is no name of a service");
  if (payload !== undefined) assertSize(payload);
  return timeoutMs;
}

/** The bytes for the device: the payload as it is, or the Alink request of a service call. */
export function encodeRequest(request: CallRequest, messageId: string): Uint8Array {
  if (request.payload !== undefined) return request.payload;
  // Alink ids are decimal numbers below 2^32 of their own; the message id is in the topic.
  const id = String(BigInt(messageId) & 0xffff_ffffn);
  const { service = "", input = {} } = request;
  const bytes = Buffer.from(JSON.stringify({ id, version: "1.0", params: input, method: `thing.service.${service}` }));
  assertSize(bytes);
  return bytes;
}

/** The `data` of a device's answer to a service call. Throws `failedPrecondition` when the device refused. */
export function decodeOutput(payload: Uint8Array): JsonValue {
  const answer = parseAnswer(payload);
  if (!isJsonObject(answer)) throw new PlatformError("failedPrecondition", "the device's answer is not a JSON object with code and data");
  if (answer["code"] !== 200) {
    const message = typeof answer["message"] === "string" ? `: ${answer["message"].slice(0, 200)}` : "";
    throw new PlatformError(
      "failedPrecondition",
      `the device refused the call with code ${JSON.stringify(answer["code"] ?? null)}${message}`,
    );
  }
  return answer["data"] ?? {};
}

function parseAnswer(payload: Uint8Array): JsonValue | undefined {
  try {
    return JSON.parse(Buffer.from(payload).toString("utf8")) as JsonValue;
  } catch {
    return undefined;
  }
}

function assertSize(bytes: Uint8Array): void {
  if (bytes.length <= callPayloadBytesMax) return;
  throw new PlatformError("payloadTooLarge", `the call has ${bytes.length} bytes; at most ${callPayloadBytesMax} are allowed`);
}

/** Equal for equal requests, whatever the order of members in `input`. */
export function hashRequest(deviceId: string, request: CallRequest): Uint8Array {
  const hash = createHash("sha256").update(JSON.stringify([deviceId, request.service ?? null, sorted(request.input ?? null)]));
  return hash.update(request.payload ?? "").digest();
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(sorted);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key] ?? null)]),
  );
}
