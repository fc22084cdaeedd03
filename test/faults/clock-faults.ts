import { pause } from "@mooring/kit";
import type { Mode } from "../e2e/harness/platform.ts";
import type { Fault } from "./fault.ts";

/** A process looks at its clock's file once a second. */
const noticeMs = 1_500;
/** Long enough for everything that looks at the time, but for what clears the log away: that looks twice a minute, and drops what it has closed before. */
const shortMsMax = 10_000;
const keepsLog = ["platform", "events"];
const twoLooksMs = 70_000;

/** The wall clock of one process is an hour off for a while, and then right again: a jump forwards and one back, or the other way round. */
export const clockFaults: readonly Fault[] = [
  ...jumps("platform", ["all-in-one"]),
  ...["gateway", "events", "shadow", "devices", "rrpc", "admin-api"].flatMap((part) => jumps(part, ["split"])),
];

function jumps(part: string, modes: readonly Mode[]): readonly Fault[] {
  return [1, -1].map((hours) => ({
    name: `clock of ${part} ${hours > 0 ? "+" : "-"}1 h`,
    modes,
    needs: "clocks",
    async run({ clocks, holdMs }) {
      if (clocks === undefined) throw new Error("a jump needs a clock of the process's own");
      clocks.shift(part, hours);
      await pause(noticeMs + timeFor(part, holdMs));
      clocks.shift(part, 0);
      await pause(noticeMs);
    },
  }));
}

/** In a run that holds things for a short time only, nothing is held for long. */
function timeFor(part: string, holdMs: number): number {
  if (holdMs <= shortMsMax) return holdMs;
  return keepsLog.includes(part) ? Math.max(holdMs, twoLooksMs) : shortMsMax;
}
