import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TimerWheel, type TimerWheelOptions, WheelEntry } from "./timer-wheel.ts";

class Recorder extends WheelEntry {
  calledAt = -1;
  onCall: () => void = () => undefined;
  now: () => number;

  constructor(now: () => number) {
    super();
    this.now = now;
  }

  override onDeadline(): void {
    this.calledAt = this.now();
    this.onCall();
  }
}

const tickMs = 10;
const few: TimerWheelOptions = { tickMs, slots: 8 };

describe("TimerWheel", () => {
  interface Wanted {
    readonly atMs: number;
    readonly delayMs: number;
  }

  /** Lets a process come round to its wheel as late as it is said to, and tells how long after being set each deadline came. */
  function spend(wanted: readonly Wanted[], nextLateMs: () => number): readonly { readonly delayMs: number; readonly tookMs: number }[] {
    let now = 1_000.25;
    const wheel = new TimerWheel({ ...few, now: () => now });
    const begun = now;
    const set = new Map<Wanted, { readonly entry: Recorder; readonly setAt: number }>();
    for (let turnAt = now; now < begun + 4_000; now++) {
      for (const one of wanted) {
        if (set.has(one) || now < begun + one.atMs) continue;
        const entry = new Recorder(() => now);
        set.set(one, { entry, setAt: now });
        wheel.schedule(entry, one.delayMs);
      }
      if (now >= turnAt) turnAt = now + wheel.turn() + nextLateMs();
    }
    return [...set].map(([{ delayMs }, { entry, setAt }]) => ({ delayMs, tookMs: entry.calledAt - setAt }));
  }

  const wanted = fc.array(fc.record({ atMs: fc.integer({ min: 0, max: 400 }), delayMs: fc.integer({ min: 0, max: 300 }) }), {
    minLength: 1,
    maxLength: 50,
  });

  test("no deadline is early, and none is late by a tick", () => {
    fc.assert(
      fc.property(wanted, (deadlines) => {
        for (const { delayMs, tookMs } of spend(deadlines, () => 0)) {
          expect(tookMs).toBeGreaterThanOrEqual(delayMs);
          expect(tookMs).toBeLessThan(delayMs + tickMs);
        }
      }),
    );
  });

  test("nor is one early when the process comes round late, now and then by some ticks", () => {
    const lateMs = fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 0, max: 9 }) },
      { weight: 1, arbitrary: fc.integer({ max: 45, min: 0 }) },
    );
    fc.assert(
      fc.property(wanted, fc.infiniteStream(lateMs), (deadlines, lateness) => {
        const took = spend(deadlines, () => lateness.next().value as number);
        for (const { delayMs, tookMs } of took) expect(tookMs).toBeGreaterThanOrEqual(delayMs);
      }),
    );
  });

  test("time on its own clock is reached with the tick that takes it there", () => {
    const wheel = new TimerWheel(few);
    const entries = [0, 10, 11, 20, 250].map((atMs) => ({ atMs, entry: new Recorder(() => wheel.nowMs) }));
    wheel.advance();
    for (const { atMs, entry } of entries) wheel.scheduleAt(entry, atMs);
    for (let tick = 0; tick < 30; tick++) wheel.advance();
    expect(entries.map(({ entry }) => entry.calledAt)).toEqual([20, 20, 20, 20, 250]);
  });

  test("a process that did not run for long makes up for none of it", () => {
    let now = 0;
    const wheel = new TimerWheel({ ...few, now: () => now });
    const entry = new Recorder(() => now);
    wheel.turn();
    wheel.schedule(entry, 50);
    now = 1_000;
    expect([wheel.turn(), wheel.nowMs, entry.calledAt]).toEqual([10, 10, -1]);
    for (; entry.calledAt === -1; now += 10) wheel.turn();
    expect(entry.calledAt).toBe(1_040);
  });

  test("a deadline may cancel its neighbour and set itself again", () => {
    const wheel = new TimerWheel({ tickMs, slots: 4 });
    let tick = 0;
    const [first, second, third] = [new Recorder(() => tick), new Recorder(() => tick), new Recorder(() => tick)];
    first.onCall = () => {
      wheel.cancel(second);
      first.onCall = () => undefined;
      wheel.schedule(first, 10);
    };
    for (const entry of [first, second, third]) wheel.schedule(entry, 10);
    for (; tick < 10; ) {
      tick++;
      wheel.advance();
    }
    expect([first.calledAt, second.calledAt, third.calledAt]).toEqual([2, -1, 1]);
  });
});
