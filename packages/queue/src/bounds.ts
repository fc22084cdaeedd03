import assert from "node:assert/strict";
import { invalidField, type JsonValue, PlatformError } from "@mooring/contracts";
import type { JobsOptions } from "bullmq";
import { type AddOptions, attemptsDefault, attemptsMax, type Backoff, backoffMsMax, jobDataBytesMax, jobNamePattern } from "./jobs.ts";

const delayMsMax = 10 * 365 * 86_400_000;
const jobIdPattern = /^[!-~]{1,256}$/;
const backoffDefault: Backoff = { kind: "exponential", delayMs: 1_000 };

export function checkName(pointer: string, name: string): void {
  if (!jobNamePattern.test(name)) throw invalidField(pointer, `"${name}" is not a name of ${jobNamePattern.source}`);
}

/**
 * Data as it is stored: JSON inside a JSON string. As a value of its own Postgres's jsonb would refuse U+0000 and lone surrogates
 * in it, and BullMQ would turn null into an object.
 */
export function encodeData(data: JsonValue): string {
  const text = JSON.stringify(data);
  const bytes = Buffer.byteLength(text);
  if (bytes > jobDataBytesMax)
    throw new PlatformError("payloadTooLarge", `the job's data has ${bytes} bytes, more than ${jobDataBytesMax}`);
  return text;
}

export function decodeData(stored: unknown): JsonValue {
  assert(typeof stored === "string", "a job's stored data is JSON text");
  return JSON.parse(stored);
}

export function checkInteger(pointer: string, value: number, [min, max]: readonly [number, number]): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw invalidField(pointer, `${value} is not an integer from ${min} to ${max}`);
  }
  return value;
}

/** Our options in BullMQ's words, checked. */
export function toJobsOptions(options: AddOptions): JobsOptions {
  const { jobId, delayMs = 0, attempts = attemptsDefault, backoff = backoffDefault } = options;
  if (jobId !== undefined && !jobIdPattern.test(jobId)) throw invalidField("/jobId", "is not 1 to 256 printable ASCII characters");
  return {
    delay: checkInteger("/delayMs", delayMs, [0, delayMsMax]),
    attempts: checkInteger("/attempts", attempts, [1, attemptsMax]),
    // A name of our own, so that BullMQ asks our strategy rather than its own, which has no upper bound.
    backoff: { type: `mooring-${backoff.kind}`, delay: checkInteger("/backoff/delayMs", backoff.delayMs, [0, backoffMsMax]) },
    // Not BullMQ's own job ids: those stay taken while the finished job is kept, and a wake-up would be lost.
    ...(jobId === undefined ? {} : { deduplication: { id: jobId, keepLastIfActive: true } }),
  };
}

/** The wait after the given number of failures, before jitter is taken off. */
export function backoffMs(type: string | undefined, delayMs: number, failures: number): number {
  if (type !== "mooring-exponential") return delayMs;
  return Math.min(delayMs * 2 ** Math.min(failures - 1, 50), backoffMsMax);
}
