import { testSeed } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faults } from "../faults/faults.ts";
import { randomFrom, runRound } from "../faults/round.ts";
import { openWorld, type World } from "../faults/world.ts";
import { mode } from "./harness/shared-platform.ts";

/** Of each family some, held for a short time; `npm run faults` makes all of them, for longer and under more load. */
const short: Readonly<Record<typeof mode, readonly string[]>> = {
  "all-in-one": [
    "kill -9 platform between commit and acknowledgement",
    "SIGSTOP platform",
    "disk full",
    "cut between devices and gateway",
    "clock of platform +1 h",
  ],
  split: [
    "kill -9 gateway between commit and acknowledgement",
    "kill -9 events between commit and acknowledgement",
    "redis flushed",
    "SIGSTOP postgres",
    "cut between services and postgres",
    "half-open between services and events",
    "clock of gateway -1 h",
  ],
};
const holdMs = 2_000;
/** A Postgres that is made and holds some thousands of reports. */
const diskMegabytes = 320;

describe(`whatever happens, what was acknowledged is stored once, in order, and comes to its tenant's subscribers (seed ${testSeed})`, () => {
  const random = randomFrom(testSeed);
  let world: World;
  beforeAll(async () => {
    world = await openWorld({ mode, random, devicesPerTenant: 3, diskMegabytes });
  });
  afterAll(async () => {
    await world?.close();
  });

  test.for(short[mode])("%s", { timeout: 180_000 }, async (name, { skip }) => {
    const fault = faults.find((each) => each.name === name && each.modes.includes(mode));
    if (fault === undefined) throw new Error(`there is no fault ${name}`);
    const reason = world.whyNot(fault);
    if (reason !== undefined) {
      process.stderr.write(`\n!!! NOT TRIED: ${name}, since ${reason} !!!\n\n`);
      return skip(reason);
    }
    const { platform, fleet, disk, clocks, ways } = world;
    const before = fleet.ledger.acknowledged;
    const { verdict } = await runRound(fleet, fault, { platform, random, holdMs, disk, clocks, ways, messagesPerS: 300 });
    expect(verdict.violations).toEqual([]);
    expect(verdict.acknowledged).toBeGreaterThan(before + 100);
    expect(verdict.acknowledged).toBe(verdict.intended);
  });
});
