import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TimerWheel, WheelEntry } from "./timer-wheel.ts";

class Recorder extends WheelEntry {
  calledAtTick = -1;
  onCall: () => void = () => undefined;
  now: () => number;

  constructor(now: () => number) {
    super();
    this.now = now;
  }

  override onDeadline(): void {
    this.calledAtTick = this.now();
    this.onCall();
  }
}

describe("TimerWheel", () => {
  test("no deadline is early, and none is late by more than two ticks", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 50 }),
        fc.integer({ min: 0, max: 20 }),
        (delays, lead) => {
          const wheel = new TimerWheel({ tickMs: 10, slots: 8 });
          let tick = 0;
          for (; tick < lead; tick++) wheel.advance();
          const entries = delays.map((delayMs) => {
            const entry = new Recorder(() => tick);
            wheel.schedule(entry, delayMs);
            return { entry, delayMs };
          });
          for (; tick < lead + 40; ) {
            tick++;
            wheel.advance();
          }
          for (const { entry, delayMs } of entries) {
            // Scheduled somewhere within tick `lead`, so up to one tick of it had gone by.
            expect((entry.calledAtTick - lead - 1) * 10).toBeGreaterThanOrEqual(delayMs);
            expect((entry.calledAtTick - lead - 2) * 10).toBeLessThanOrEqual(Math.max(delayMs, 10));
          }
        },
      ),
    );
  });

  test("a deadline may cancel its neighbour and set itself again", () => {
    const wheel = new TimerWheel({ tickMs: 10, slots: 4 });
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
    expect([first.calledAtTick, second.calledAtTick, third.calledAtTick]).toEqual([4, -1, 2]);
  });
});
