import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findFaketime, run } from "@mooring/testkit";

/** The wall clocks of a platform's processes, each of which can be set while its process runs. Monotonic clocks go on. */
export interface Clocks {
  environmentOf(part: string): Readonly<Record<string, string>>;
  /** From now on, within a second, the part's clock is this much off. */
  shift(part: string, hours: number): void;
}

/** Undefined, said loudly, where there is no libfaketime to be had. */
export async function createClocks(folder: string): Promise<Clocks | undefined> {
  const library = await findFaketime();
  if (library === undefined) return undefined;
  mkdirSync(folder, { recursive: true });
  const fileOf = (part: string): string => join(folder, part);
  const shift = (part: string, hours: number): void => {
    // In one step, so that nobody reads half of it.
    writeFileSync(`${fileOf(part)}.new`, `${hours < 0 ? "-" : "+"}${Math.abs(hours)}h\n`);
    renameSync(`${fileOf(part)}.new`, fileOf(part));
  };
  const clocks: Clocks = {
    environmentOf(part) {
      shift(part, 0);
      return {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: fileOf(part),
        FAKETIME_CACHE_DURATION: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        FAKETIME_DISABLE_SHM: "1",
        NO_FAKE_STAT: "1",
      };
    },
    shift,
  };
  await assertShifts(clocks);
  return clocks;
}

/** A clock that cannot be set would prove nothing. */
async function assertShifts(clocks: Clocks): Promise<void> {
  const env = clocks.environmentOf("trial");
  clocks.shift("trial", 1);
  const { stdout } = await run({ path: process.execPath, env }, ["-p", "Date.now()"]);
  const offMs = Number(stdout) - Date.now() - 3_600_000;
  if (!(Math.abs(offMs) < 60_000)) throw new Error(`libfaketime does not set the clock of this Node: ${stdout}`);
}
