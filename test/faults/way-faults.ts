import { pause } from "@mooring/kit";
import type { Weather } from "@mooring/testkit";
import type { Mode } from "../e2e/harness/platform.ts";
import type { Fault } from "./fault.ts";
import type { WayName } from "./ways.ts";

/** Cuts and delays are many small faults: they need not last as long as one that has to be noticed. */
const badWeatherMsMax = 10_000;
/** A handshake and a few messages: most connections are cut while they begin, some later. */
const cutBytesMax = 20_000;
/** Far more than the platform's statements and appends take, less than any deadline. */
const delayMs = 60;

interface Way {
  readonly name: WayName;
  readonly between: string;
  readonly modes: readonly Mode[];
}

const ways: readonly Way[] = [
  { name: "gateway", between: "devices and gateway", modes: ["all-in-one", "split"] },
  { name: "postgres", between: "services and postgres", modes: ["split"] },
  { name: "redis", between: "services and redis", modes: ["split"] },
  { name: "events", between: "services and events", modes: ["split"] },
];

/** What happens to connections while every process is well. Nobody restarts anything. */
export const wayFaults: readonly Fault[] = ways.flatMap((way) => [
  weather(way, "cut", { kind: "cut", bytesMax: cutBytesMax }),
  weather(way, "delayed", { kind: "delay", ms: delayMs }),
  weather(way, "half-open", { kind: "halfOpen" }),
]);

function weather({ name, between, modes }: Way, word: string, bad: Weather): Fault {
  return {
    name: `${word} between ${between}`,
    modes,
    async run({ ways: all, holdMs }) {
      const proxy = all.get(name);
      proxy.set(bad);
      await pause(bad.kind === "halfOpen" ? holdMs : Math.min(holdMs, badWeatherMsMax));
      proxy.set({ kind: "clear" });
    },
  };
}
