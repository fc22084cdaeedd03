import {
  assertMay,
  type Caller,
  type CallRequest,
  type CallResult,
  type Device,
  type ErrorCode,
  type FieldIssue,
  PlatformError,
  type RrpcApi,
  serviceCaller,
  toPlatformError,
} from "@mooring/contracts";
import { type Clock, pause } from "@mooring/kit";
import type { ModelDirectory } from "@mooring/thing-model";
import { createJudgement, type Judgement } from "./judgement.ts";
import { PendingCalls } from "./pending.ts";
import type { CallStore, DeviceDirectory, Gateways, NewCall, Outcome, StoredCall } from "./ports.ts";
import { checkRequest, decodeOutput, encodeRequest, hashRequest } from "./request.ts";

export interface RrpcDeps {
  readonly devices: DeviceDirectory;
  readonly models: Pick<ModelDirectory, "forProduct">;
  readonly gateways: Gateways;
  readonly calls: CallStore;
  /** Ids that lead an answer back to this node: see createMessageIds. */
  readonly nextMessageId: () => string;
  readonly clock: Clock;
}

export interface RrpcService extends RrpcApi {
  readonly pending: PendingCalls;
}

/** How often a retry looks whether the first call has ended. */
const retryLookMs = 50;

/** One call, checked and on its way. */
interface Started {
  readonly device: Device;
  readonly request: CallRequest;
  readonly messageId: string;
  readonly timeoutMs: number;
  /** Wall time, which the gateway and other processes are told. */
  readonly deadlineMs: number;
  /** The same moment of this process's own time, which nobody can set. */
  readonly endsAtMs: number;
  /** Absent for a call of bytes. */
  readonly judgement: Judgement | undefined;
  /** Of the input, where the product flags. */
  readonly flagged: readonly FieldIssue[];
  readonly bytes: Uint8Array;
}

export function createRrpcService(deps: RrpcDeps): RrpcService {
  const pending = new PendingCalls();

  async function run(caller: Caller, request: CallRequest, timeoutMs: number): Promise<CallResult> {
    const deadlineMs = deps.clock.now() + timeoutMs;
    const endsAtMs = performance.now() + timeoutMs;
    const device = await deps.devices.getDevice(caller, { productKey: request.productKey, deviceName: request.deviceName });
    if (device.status !== "enabled") throw new PlatformError("failedPrecondition", "the device is disabled");
    const { service, input = {} } = request;
    const judgement =
      service === undefined ? undefined : createJudgement(service, await deps.models.forProduct(caller, request.productKey));
    const flagged = judgement?.input(input) ?? [];
    const messageId = deps.nextMessageId();
    const bytes = encodeRequest(request, messageId);
    const started = { device, request, messageId, timeoutMs, deadlineMs, endsAtMs, judgement, flagged, bytes };
    if (request.idempotencyKey === undefined) return toResult(started, messageId, await deliver(deps, pending, started));
    return callOnce(deps, pending, started, request.idempotencyKey);
  }

  return {
    pending,

    async call(caller, request) {
      assertMay(caller, "rrpc.call");
      const timeoutMs = checkRequest(request);
      return endBy(timeoutMs, run(caller, request, timeoutMs));
    },

    async answer(caller, request) {
      assertMay(caller, "rrpc.answer");
      return { accepted: pending.answer(request.messageId, caller.device?.deviceId ?? "", request) };
    },
  };
}

/** What the platform itself may take beyond the deadline before the caller is told all the same: a stalled store may not keep a call from ending. */
const graceMs = 250;

async function endBy<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new PlatformError("timeout", `the call did not end within ${timeoutMs} ms; the device may have been reached`);
    timer = setTimeout(() => reject(error), timeoutMs + graceMs);
  });
  work.catch(() => undefined); // It may fail after nobody waits for it any more.
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Sends the call to every connection that listens; the first answer counts. */
async function deliver(deps: RrpcDeps, pending: PendingCalls, call: Started): Promise<Uint8Array> {
  const { deviceId } = call.device;
  const nodes = await deps.gateways.find(deviceId);
  if (nodes.length === 0) throw new PlatformError("deviceOffline", "the device is not connected");
  const left = call.endsAtMs - performance.now();
  if (left <= 0) throw new PlatformError("timeout", `the platform did not reach the device within ${call.timeoutMs} ms`);
  const waiting = pending.wait(call.messageId, deviceId, left, call.timeoutMs);
  const downlink = { kind: "call", payload: call.bytes, messageId: call.messageId, expiresAtMs: call.deadlineMs } as const;
  const sent = Promise.allSettled(nodes.map((node) => node.deliver(serviceCaller("rrpc"), { deviceId, downlink })));
  const nobody = sent.then((results) => {
    const delivered = results.reduce((sum, result) => sum + (result.status === "fulfilled" ? result.value.delivered : 0), 0);
    if (delivered > 0) return waiting.answer;
    waiting.cancel();
    const broken = results.find((result) => result.status === "rejected");
    if (broken !== undefined) throw new PlatformError("unavailable", "the device's gateway cannot be reached", { cause: broken.reason });
    throw new PlatformError("deviceOffline", "the device is connected but does not listen for calls");
  });
  return Promise.race([waiting.answer, nobody]);
}

function toResult({ judgement, flagged }: Started, messageId: string, payload: Uint8Array): CallResult {
  if (judgement === undefined) return { messageId, payload };
  const output = decodeOutput(payload);
  const checkFailedData = [...flagged, ...judgement.output(output)];
  return { messageId, payload, output, ...(checkFailedData.length === 0 ? {} : { checkFailedData }) };
}

/** With an idempotency key: the first one calls, everyone else with the key gets its outcome. */
async function callOnce(deps: RrpcDeps, pending: PendingCalls, call: Started, idempotencyKey: string): Promise<CallResult> {
  const { tenantId, deviceId } = call.device;
  const requestHash = hashRequest(deviceId, call.request);
  const mine: NewCall = { tenantId, idempotencyKey, deviceId, requestHash, messageId: call.messageId, deadlineMs: call.deadlineMs };
  const earlier = await deps.calls.begin(mine);
  if (earlier !== undefined) return joinCall(deps, call, earlier);
  try {
    const payload = await deliver(deps, pending, call);
    await deps.calls.finish(mine, { payload });
    return toResult(call, call.messageId, payload);
  } catch (thrown) {
    const error = toPlatformError(thrown);
    // Nothing reached the device, so nothing can happen twice.
    if (error.code === "deviceOffline") await deps.calls.forget(mine);
    else await deps.calls.finish(mine, { errorCode: error.code, errorMessage: error.message });
    throw thrown;
  }
}

async function joinCall(deps: RrpcDeps, call: Started, earlier: StoredCall): Promise<CallResult> {
  if (!Buffer.from(earlier.requestHash).equals(hashRequest(call.device.deviceId, call.request))) {
    throw new PlatformError("alreadyExists", "this idempotency key was used for another request");
  }
  const until = performance.now() + Math.min(call.endsAtMs - performance.now(), earlier.deadlineMs + 500 - deps.clock.now());
  let known: StoredCall | undefined = earlier;
  while (known !== undefined && known.outcome === undefined && performance.now() < until) {
    await pause(retryLookMs);
    known = await deps.calls.find(earlier.tenantId, earlier.idempotencyKey);
  }
  if (known === undefined) throw new PlatformError("deviceOffline", "the device is not connected");
  return toResult(call, earlier.messageId, unwrap(known.outcome));
}

function unwrap(outcome: Outcome | undefined): Uint8Array {
  if (outcome === undefined)
    throw new PlatformError("timeout", "the first call with this idempotency key has no outcome; it may have reached the device");
  if ("payload" in outcome) return outcome.payload;
  const code: ErrorCode = outcome.errorCode;
  throw new PlatformError(code, outcome.errorMessage);
}
