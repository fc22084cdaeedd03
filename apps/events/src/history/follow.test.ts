import { silentLog } from "@mooring/kit";
import { FakeClock } from "@mooring/testkit";
import { expect, test } from "vitest";
import type { Pace } from "../log/pace.ts";
import { Signal } from "../signal.ts";
import { startFollowing } from "./follow.ts";
import { createHistoryCounts } from "./metrics.ts";
import type { Followed, HistoryStore, KeptTimes } from "./ports.ts";
import { dayMs, keepEverything, makeRules, type RetentionRules } from "./retention.ts";

/** A history whose log says what it is told to, and which notes what it is asked. */
function startWorld({
  batches = [],
  rules = keepEverything,
  pace = { onDone: () => undefined },
}: {
  readonly batches?: readonly (Followed | Error)[];
  readonly rules?: RetentionRules;
  readonly pace?: Pick<Pace, "onDone">;
}) {
  const waiting = [...batches];
  const world = { clock: new FakeClock(1_000 * dayMs), counts: createHistoryCounts(), reports: 0, kept: [] as KeptTimes[] };
  const history: HistoryStore = {
    async follow(_, kept) {
      world.kept.push(kept);
      const next = waiting.shift() ?? { records: 0, points: 0 };
      if (next instanceof Error) throw next;
      return next;
    },
    async reportPosition() {
      world.reports++;
    },
    query: () => Promise.reject(new Error("is not asked")),
    properties: () => Promise.reject(new Error("is not asked")),
    aggregate: () => Promise.reject(new Error("is not asked")),
  };
  const { clock, counts } = world;
  const following = startFollowing({ history, appended: new Signal(), rules: () => rules, counts, pace, clock, log: silentLog });
  return { world, following };
}

const full: Followed = { records: 2_000, points: 4_000 };

test("the position is told once at the start and then at most once a second, and the last one is told in the end", async () => {
  const { world, following } = startWorld({ batches: Array<Followed>(20).fill(full) });
  await expect.poll(() => world.kept.length).toBeGreaterThan(21);
  expect(world.reports).toBe(1);
  world.clock.advance(1_000);
  await expect.poll(() => world.reports).toBe(2);
  world.clock.advance(60_000);
  const seen = world.kept.length;
  await expect.poll(() => world.kept.length).toBeGreaterThan(seen + 1);
  // Nothing has moved since.
  expect(world.reports).toBe(2);
  await following.stop();
  expect(world.counts.points).toBe(80_000);
});

test("the pace of the log hears how far the history is, with every step that was one", async () => {
  const told: [string, number][] = [];
  const batches: Followed[] = [
    { ...full, offset: 7 },
    { records: 0, points: 0 },
    { ...full, offset: 9 },
  ];
  const { following } = startWorld({ batches, pace: { onDone: (name, offset) => void told.push([name, offset]) } });
  await expect.poll(() => told).toHaveLength(2);
  await following.stop();
  expect(told).toEqual([
    ["history", 7],
    ["history", 9],
  ]);
});

test("a failure is tried again, and a record that was passed over is counted", async () => {
  const { world, following } = startWorld({
    batches: [new Error("the connection was lost"), { records: 1, points: 0, passedOver: 7 }, full],
  });
  await expect.poll(() => world.counts).toMatchObject({ points: 4_000, passedOver: 1 });
  await following.stop();
});

test("what is worth keeping follows the products: a thousand of them at most, those of the fewest days", async () => {
  const rules = makeRules(Array.from({ length: 1_500 }, (_, i) => ({ productKey: `pk${i}`, historyDays: i + 1 })));
  const { world, following } = startWorld({ rules });
  await expect.poll(() => world.kept).not.toEqual([]);
  await following.stop();
  const [kept] = world.kept;
  expect(kept?.fromMs).toBe(-500 * dayMs);
  expect(kept?.shorter).toHaveLength(1_000);
  expect(kept?.shorter[0]).toEqual({ productKey: "pk0", fromMs: 999 * dayMs });
});
