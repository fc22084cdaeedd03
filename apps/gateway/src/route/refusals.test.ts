import type { Refusal } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { FakeClock } from "@mooring/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { GatewayCounters } from "../counters.ts";
import { deviceNamed } from "../harness.test-support.ts";
import { Refusals } from "./refusals.ts";

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});

function setUp() {
  const batches: (readonly Refusal[])[] = [];
  const state = { isDown: false };
  const recordRefusals = async (_caller: unknown, { refusals }: { readonly refusals: readonly Refusal[] }) => {
    if (state.isDown) throw new Error("down");
    batches.push(refusals);
    return {};
  };
  const clock = new FakeClock();
  const counters = new GatewayCounters();
  const refusals = new Refusals({ events: { recordRefusals }, clock, counters, log: silentLog });
  const add = (name: string, more: { topic?: string; message?: string } = {}): void =>
    refusals.add({ device: deviceNamed(name), protocol: "mqtt-5.0", topic: "/t", code: "invalidArgument", message: "why", ...more });
  return { batches, state, clock, counters, refusals, add };
}

/** Stopping reports what waits at once. */
const flush = (refusals: Refusals): Promise<void> => refusals.start().stop();

describe("refusals", () => {
  test("are reported with what was said where and why, in batches of at most 500", async () => {
    const { batches, clock, refusals, add } = setUp();
    for (let i = 0; i < 1_200; i++) add(`dev-${i}`);
    await flush(refusals);
    expect(batches.map((batch) => batch.length)).toEqual([500, 500, 200]);
    expect(batches[0]?.[0]).toEqual({
      ...{ device: deviceNamed("dev-0"), atMs: clock.now(), protocol: "mqtt-5.0" },
      ...{ topic: "/t", code: "invalidArgument", reason: "why" },
    });
  });

  test("leave within about a second, without being asked", async () => {
    const { batches, refusals, add } = setUp();
    running.push(refusals.start());
    add("dev-1");
    await expect.poll(() => batches.length).toBe(1);
  });

  test("are at most 20 of a device within a minute, and what is dropped is counted", async () => {
    const { batches, clock, counters, refusals, add } = setUp();
    for (let i = 0; i < 30; i++) add("loud");
    add("quiet");
    expect(counters.refusalsDropped).toBe(10);
    clock.advance(60_000);
    add("loud");
    await flush(refusals);
    expect(batches.flat().map(({ device }) => device.deviceName)).toEqual([...Array<string>(20).fill("loud"), "quiet", "loud"]);
  });

  test("wait in a bounded number", async () => {
    const { batches, counters, refusals, add } = setUp();
    for (let i = 0; i < 10_003; i++) add(`dev-${i}`);
    expect(counters.refusalsDropped).toBe(3);
    await flush(refusals);
    expect(batches.flat()).toHaveLength(10_000);
  });

  test("that the service does not take are dropped, and the next ones are reported", async () => {
    const { batches, state, counters, refusals, add } = setUp();
    state.isDown = true;
    add("dev-1");
    await flush(refusals);
    expect(counters.refusalsDropped).toBe(1);
    state.isDown = false;
    add("dev-2");
    await flush(refusals);
    expect(batches.flat().map(({ device }) => device.deviceName)).toEqual(["dev-2"]);
  });

  test("hold no text longer than it has to be, and none that could not be kept", async () => {
    const { batches, refusals, add } = setUp();
    add("dev-1", { topic: `${"x".repeat(255)}😀`, message: "y".repeat(9_999) });
    await flush(refusals);
    const [{ topic = "", reason = "" } = {}] = batches.flat();
    expect([topic.length, topic.isWellFormed(), reason.length]).toEqual([256, true, 512]);
  });
});
