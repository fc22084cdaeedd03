import type { Caller } from "./caller.ts";
import type { FieldIssue } from "./errors.ts";
import type { DeviceAddress } from "./ids.ts";
import type { JsonValue } from "./json.ts";

/** Either a `service` of the thing model with its `input`, or raw bytes; never both. */
export interface CallRequest extends DeviceAddress {
  readonly service?: string;
  readonly input?: JsonValue;
  readonly payload?: Uint8Array;
  /** 100 to 300,000; 5,000 when absent. */
  readonly timeoutMs?: number;
  /** A retry with the same key within a day gives the first call's outcome and does not reach the device again. At most 64 characters. */
  readonly idempotencyKey?: string;
}

export interface CallResult {
  /** The decimal message id the device saw in its topic. */
  readonly messageId: string;
  /** The device's answer as it came. */
  readonly payload: Uint8Array;
  /** The `data` of the answer, when a service was called. */
  readonly output?: JsonValue;
  /** Of a product that flags: what of `/input` and of the answer's `/data` the thing model does not allow. Absent when all of it fits. */
  readonly checkFailedData?: readonly FieldIssue[];
}

/** Calls to a device, wherever it is connected. */
export interface RrpcApi {
  /** Ends by the deadline plus 500 ms: with the answer, `deviceOffline` at once, `timeout` at the deadline, or another named failure. */
  call(caller: Caller, request: CallRequest): Promise<CallResult>;
  /** From a gateway, the caller being the authenticated device; with `error` the answer could not be taken, and the call fails with it. `accepted` is false when nobody waits: late, unknown, or another device's call. */
  answer(
    caller: Caller,
    request: { readonly messageId: string; readonly payload: Uint8Array; readonly error?: string },
  ): Promise<{ readonly accepted: boolean }>;
}

export const callTimeoutMsMin = 100;
export const callTimeoutMsMax = 300_000;
export const callTimeoutMsDefault = 5_000;
export const callPayloadBytesMax = 128 * 1024;
