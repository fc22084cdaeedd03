import { checkShadowLedger, testSeed } from "@mooring/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { randomFrom } from "../faults/round.ts";
import { runShadowStorm } from "../faults/shadow-storm.ts";
import { createDevice, type Product } from "./harness/devices.ts";
import { type Platform, startPlatform } from "./harness/platform.ts";
import { mode } from "./harness/shared-platform.ts";

/** More makes it longer: `MOORING_TEST_STORM_ROUNDS=20 npm run e2e -- test/e2e/shadow-storm.e2e.ts`. */
const rounds = Number(process.env["MOORING_TEST_STORM_ROUNDS"] ?? 1);
const writers = 50;
/** What is killed in one round. */
const victims = mode === "split" ? ["shadow", "gateway"] : ["platform"];

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform(mode);
});
afterAll(() => platform?.stop());

test(`50 writers on one device through every door, and processes killed under them, leave one truth (seed ${testSeed})`, {
  timeout: 180_000 + rounds * 180_000,
}, async () => {
  const { body } = await platform.api("/v1/products", { method: "POST", body: { name: "Free form" } });
  const device = await createDevice(platform, body as unknown as Product);
  const all = Array.from({ length: rounds }, () => victims).flat();
  const { ledger, outcomes, heard } = await runShadowStorm({
    platform,
    device,
    writers,
    random: randomFrom(testSeed),
    victims: all,
    quietMs: 500,
  });
  process.stdout.write(`${[...outcomes].map(([door, counts]) => `${door} ${JSON.stringify(counts)}`).join("\n")}\n`);
  expect(checkShadowLedger(ledger)).toEqual([]);
  // What a device was told of it, over all kills: never an older version after a newer one.
  expect(heard).toEqual([...new Set(heard)].sort((a, b) => a - b));
  expect(heard.length).toBeGreaterThan(writers);
  // It was a storm: every door was used, with conditions that held and conditions that did not.
  expect(outcomes.size).toBe(6);
  for (const [door, counts] of outcomes) {
    expect(counts.accepted, door).toBeGreaterThan(0);
    expect(counts.conflict, door).toBeGreaterThan(0);
  }
  expect(ledger.successes.some(({ expected }) => expected !== undefined)).toBe(true);
});
