import { pause } from "@mooring/kit";
import { readMachineCpu } from "./process-tree.ts";
import type { Measurement } from "./scenario.ts";

/** Cores in use by others above which figures are not to be believed. What is measured needs a few hundredths itself while it is idle. */
export const otherCoresMax = 0.1;
const idleCoresMax = 0.2;
const lookMs = 1_000;
const patienceMs = 15_000;

/** Waits until the machine has nothing to do for a second; for 15 s at most. */
export async function untilQuiet(): Promise<void> {
  for (const giveUpMs = performance.now() + patienceMs; performance.now() < giveUpMs; ) {
    const [micros, startMs] = [readMachineCpu(), performance.now()];
    await pause(lookMs);
    if ((readMachineCpu() - micros) / 1_000 / (performance.now() - startMs) < idleCoresMax) return;
  }
}

/** Measures, and again while others disturb it, `times` times at most; gives the least disturbed. */
export async function leastDisturbed(times: number, take: () => Promise<Measurement>): Promise<Measurement> {
  if (times > 1) await untilQuiet();
  let best = await take();
  for (let taken = 1; taken < times && best.otherCores > otherCoresMax; taken++) {
    await untilQuiet();
    const next = await take();
    if (next.otherCores < best.otherCores) best = next;
  }
  return best;
}
