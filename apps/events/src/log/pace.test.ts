import { asDeviceId, asDeviceName, asProductKey, asTenantId, type NewRecord } from "@mooring/contracts";
import { pause } from "@mooring/kit";
import { FakeClock } from "@mooring/testkit";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { GroupCommit } from "../group-commit.ts";
import type { EventLog } from "../ports.ts";
import { Pace } from "./pace.ts";
import { platformConsumers } from "./retention.ts";

const behindMax = 1_000;

describe("the next group waits", () => {
  function createPace(max = behindMax) {
    const clock = new FakeClock();
    const pace = new Pace(max, clock);
    /** All three have moved just now; the last one is at `offset`. */
    const follow = (offset: number, end: number) => {
      for (const name of platformConsumers) pace.onDone(name, 0);
      for (const name of platformConsumers) pace.onDone(name, name === "shadow" ? offset : end);
      pace.onEnd(end);
    };
    return { clock, pace, follow };
  }

  test("not at all until a consumer is further behind than it may be, then the longer the further, and 200 ms at most", () => {
    for (const [behind, waitMs] of [
      [0, 0],
      [1_000, 0],
      [1_250, 50],
      [1_500, 100],
      [2_000, 200],
      [2_000_000, 200],
    ] as const) {
      const { pace, follow } = createPace();
      follow(1, 1 + behind);
      expect({ behind, waitMs: pace.waitMs }).toEqual({ behind, waitMs });
    }
  });

  test("for none that stands still, for none that was only ever seen in one place, and again for one that goes on", () => {
    const { clock, pace, follow } = createPace();
    pace.onDone("shadow", 5);
    pace.onEnd(50_000);
    expect(pace.waitMs).toBe(0);
    follow(6, 50_000);
    expect(pace.waitMs).toBe(200);
    clock.advance(5_000);
    expect(pace.waitMs).toBe(0);
    // Where it is already is no step.
    pace.onDone("shadow", 6);
    expect(pace.waitMs).toBe(0);
    pace.onDone("shadow", 7);
    expect(pace.waitMs).toBe(200);
  });

  test("for one that another process follows by what was the end a look ago: what is heard of it is as old as that", () => {
    const { pace } = createPace();
    const look = (end: number, shadow: number) => pace.onLook(end, [{ name: "shadow", offset: shadow }]);
    look(100_000, 90_000);
    look(140_000, 100_500);
    pace.onEnd(160_000);
    expect(pace.waitMs).toBe(0);
    look(180_000, 138_500);
    expect(pace.waitMs).toBe(100);
    // It is followed here now, and what was written down before is no news.
    pace.onDone("shadow", 179_900);
    look(180_000, 160_000);
    pace.onEnd(180_500);
    expect(pace.behind).toBe(600);
  });

  test("never with 0, and for nobody but the platform's own consumers", () => {
    const off = createPace(0);
    off.follow(1, 50_000);
    expect(off.pace.waitMs).toBe(0);
    const { pace } = createPace();
    pace.onDone("somebody-else", 1);
    pace.onDone("somebody-else", 2);
    pace.onEnd(50_000);
    expect(pace.waitMs).toBe(0);
  });
});

describe("with more offered than a consumer can follow", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"] }));
  afterEach(() => void vi.useRealTimers());

  const device = { tenantId: asTenantId("t"), deviceId: asDeviceId("d"), productKey: asProductKey("p"), deviceName: asDeviceName("n") };
  const frame: readonly NewRecord[] = Array.from({ length: 500 }, () => ({
    messageId: "",
    device,
    kind: "message",
    receivedAtMs: 0,
    body: "{}",
  }));
  const commitMs = 10;
  const stepMs = 20;

  /** A log that takes 10 ms per group, eight streams that always have a frame for it, and a consumer of so many records a second. */
  async function simulate(consumerPerS: (atMs: number) => number, forMs: number) {
    let end = 0;
    const log: EventLog = {
      async append(records) {
        await pause(commitMs);
        end += records.length;
        return end;
      },
      read: async () => [],
      first: async () => 1,
      end: async () => end,
      offsetAt: async () => 0,
    };
    const pace = new Pace(10_000);
    const commits = new GroupCommit(log, () => undefined, pace);
    const offer = (): void => void commits.append({ failed: false }, frame).then(offer);
    for (let stream = 0; stream < 8; stream++) offer();
    let done = 0;
    const samples: { readonly behind: number; readonly end: number }[] = [];
    for (let atMs = 0; atMs < forMs; atMs += stepMs) {
      await vi.advanceTimersByTimeAsync(stepMs);
      done = Math.min(end, done + (consumerPerS(atMs) * stepMs) / 1_000);
      pace.onDone("history", done);
      samples.push({ behind: end - done, end });
    }
    return { commits, samples, behindMost: Math.max(...samples.map(({ behind }) => behind)) };
  }

  test("the log takes in what the consumer can follow, which stays less than twice the allowed records behind", async () => {
    const { commits, samples, behindMost } = await simulate(() => 20_000, 30_000);
    expect(behindMost).toBeLessThan(20_000);
    const lastTenS = (samples.at(-1)?.end ?? 0) - (samples.at(-1 - 10_000 / stepMs)?.end ?? 0);
    expect(lastTenS / 10).toBeGreaterThan(19_000);
    expect(lastTenS / 10).toBeLessThan(21_000);
    expect(commits.pacedMs).toBeGreaterThan(0);
  });

  test("a consumer that stops holds nothing up for longer than 5 s, and never all of it; what it missed it can catch up with", async () => {
    const frozen = { fromMs: 2_000, toMs: 12_000 };
    const { samples } = await simulate((atMs) => (atMs >= frozen.fromMs && atMs < frozen.toMs ? 0 : 20_000), 60_000);
    const endAt = (atMs: number): number => samples[atMs / stepMs]?.end ?? 0;
    const perS = (fromMs: number, toMs: number): number => ((endAt(toMs) - endAt(fromMs)) * 1_000) / (toMs - fromMs);
    expect(perS(2_000, 7_000)).toBeGreaterThan(8_000);
    // As fast as its commits: 2,000 in 10 ms.
    expect(perS(8_000, 12_000)).toBeGreaterThan(150_000);
    expect(perS(13_000, 50_000)).toBeGreaterThan(8_000);
    expect(samples.at(-1)?.behind).toBeLessThan((samples[frozen.toMs / stepMs]?.behind ?? 0) - 400_000);
  });
});
