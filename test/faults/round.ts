import { pause } from "@mooring/kit";
import type { Verdict } from "@mooring/testkit";
import type { Fault, FaultContext } from "./fault.ts";
import type { Fleet } from "./fleet.ts";

export interface RoundResult {
  readonly fault: string;
  readonly verdict: Verdict;
  /** The fault with its recovery. */
  readonly faultMs: number;
  /** From the end of the recovery until everything sent was acknowledged. */
  readonly drainMs: number;
  /** From then until every subscriber, shadow and history had everything; the judge's own reading included. */
  readonly settleMs: number;
  /** The subscriber that had everything last. */
  readonly last: string;
  /** Connections that devices had to make anew. */
  readonly reconnections: number;
}

export interface RoundOptions extends FaultContext {
  readonly messagesPerS: number;
}

/** Devices post, something happens, devices go on posting; then everything sent must have arrived, and the ledger judges what there is. */
export async function runRound(fleet: Fleet, fault: Fault, options: RoundOptions): Promise<RoundResult> {
  const connections = (): number => fleet.devices.reduce((sum, device) => sum + device.connections, 0);
  const before = connections();
  fleet.post(options.messagesPerS);
  await pause(500 + options.random() * 1_000);
  const startMs = performance.now();
  await fault.run(options);
  const faultMs = performance.now() - startMs;
  await pause(1_000);
  const drainMs = await fleet.drain();
  const settleStartMs = performance.now();
  const { last } = await fleet.settle();
  const judged = await fleet.judge();
  const settleMs = performance.now() - settleStartMs;
  // What ends by itself was not survived, whoever starts it again.
  const ended = options.platform.ended().map((part) => `${part} has ended by itself`);
  const verdict = { ...judged, violations: [...judged.violations, ...ended] };
  return { fault: fault.name, verdict, faultMs, drainMs, settleMs, last, reconnections: connections() - before };
}

/** Numbers from a seed (mulberry32), so that a run can be had again. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
