import { createMetrics, silentLog } from "@mooring/kit";
import { FakeClock, openTestDatabase, until } from "@mooring/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPostgresEventLog, type PostgresEventLog } from "../postgres/event-log.ts";
import { createPostgresSegments, segmentSize } from "../postgres/segments.ts";
import { chosenId, idsOf, readFrom, record } from "./fixture.test-support.ts";
import { Pace } from "./pace.ts";
import { platformConsumers } from "./retention.ts";
import { startLog } from "./start.ts";
import { createLogUpkeep, type LogUpkeep } from "./upkeep.ts";

const hourMs = 3_600_000;
let database: Awaited<ReturnType<typeof openTestDatabase>>;
let log: PostgresEventLog;
let clock: FakeClock;
beforeEach(async () => {
  database = await openTestDatabase("upkeep");
  clock = new FakeClock(Date.now());
  log = createPostgresEventLog(database.pool, { clock });
});
afterEach(() => database.stop());

const warnings: object[] = [];
const noting = Object.assign(Object.create(silentLog) as typeof silentLog, { warn: (facts: object) => void warnings.push(facts) });
function open(bytesMax = 0, pace = new Pace(0)): LogUpkeep {
  const rules = { retentionMs: 24 * hourMs, bytesMax };
  return createLogUpkeep({ segments: createPostgresSegments(database.pool), rules, pace, clock, log: noting });
}
const names = async (): Promise<readonly string[]> => (await createPostgresSegments(database.pool).list()).map(({ name }) => name);
async function pass(offset: number, consumers = platformConsumers): Promise<void> {
  for (const name of consumers) {
    await database.pool.query(
      `INSERT INTO log_consumers VALUES ($1, $2, now()) ON CONFLICT (name) DO UPDATE SET "offset" = excluded."offset"`,
      [name, offset],
    );
  }
}
const append = (body = "{}") => log.append([record(chosenId(), body, clock.now())]);

/** Four segments of one record each, `everyMs` apart, and the next one. */
async function fourSegments(everyMs: number, body = "{}"): Promise<void> {
  const segments = createPostgresSegments(database.pool);
  for (let i = 0; i < 4; i++) {
    if (i > 0) {
      clock.advance(everyMs);
      await segments.close((i - 1) * segmentSize);
    }
    await append(body);
  }
  await open().look();
}

test("the next segment is there before it is needed", async () => {
  await open().look();
  expect(await names()).toEqual(["event_log_0", `event_log_${segmentSize}`]);
  await open().look();
  expect(await names()).toHaveLength(2);
});

test("a segment is closed by its age, so that a quiet log can be dropped by time; an empty one is not", async () => {
  const upkeep = open();
  await upkeep.retain();
  await append();
  clock.advance(3 * hourMs + 1);
  await upkeep.retain();
  expect(await append()).toBe(segmentSize);
  await upkeep.retain();
  expect(await append()).toBe(segmentSize + 1);
  clock.advance(25 * hourMs);
  await pass(segmentSize + 1);
  await upkeep.retain();
  expect(await names()).toEqual([`event_log_${segmentSize}`, `event_log_${2 * segmentSize}`]);
  expect(upkeep.figures.dropped).toBe(1);
});

test("what is past the retention goes in whole segments, and the log begins after it", async () => {
  await fourSegments(10 * hourMs);
  const before = await readFrom(log, 0);
  await pass(before.at(-1)?.offset ?? 0);
  clock.advance(5 * hourMs);
  await open().retain();
  expect((await names())[0]).toBe(`event_log_${2 * segmentSize}`);
  expect(await log.first()).toBe(2 * segmentSize);
  expect(idsOf(await readFrom(log, 0))).toEqual(idsOf(before.slice(2)));
});

test("above its size, the oldest segments go, but not what a consumer has not done: that is told", async () => {
  const noise = JSON.stringify(Array.from({ length: 20_000 }, () => Math.random()));
  await fourSegments(1, noise);
  const sizes = (await createPostgresSegments(database.pool).list()).map(({ bytes }) => bytes);
  const bytesMax = sizes.slice(1).reduce((sum, bytes) => sum + bytes, 0) - 1;
  await pass(4 * segmentSize, platformConsumers.slice(1));
  await pass(1, platformConsumers.slice(0, 1));
  const upkeep = open(bytesMax);
  warnings.length = 0;
  await upkeep.retain();
  await upkeep.retain();
  expect(await names()).not.toContain("event_log_0");
  expect(await names()).toContain(`event_log_${segmentSize}`);
  expect(upkeep.figures.heldBytes).toBeGreaterThan(0);
  expect(warnings).toEqual([expect.objectContaining({ heldBy: ["history"] })]);
  await pass(4 * segmentSize);
  await upkeep.retain();
  expect(await names()).not.toContain(`event_log_${segmentSize}`);
  expect(upkeep.figures.heldBytes).toBe(0);
});

test("what a process that died while dropping has left is dropped", async () => {
  await fourSegments(1);
  await database.pool.query("ALTER TABLE event_log DETACH PARTITION partitions.event_log_0");
  await open().retain();
  const { rows } = await database.pool.query("SELECT to_regclass('partitions.event_log_0') AS there");
  expect(rows).toEqual([{ there: null }]);
});

test("one process at a time looks after old segments; the others still know the figures", async () => {
  await fourSegments(10 * hourMs);
  await pass(4 * segmentSize);
  clock.advance(30 * hourMs);
  const segments = createPostgresSegments(database.pool);
  const other = open();
  await segments.alone(async () => {
    expect(await segments.alone(async () => undefined)).toBe(false);
    await other.retain();
  });
  expect(other.figures).toMatchObject({ dropped: 0, segments: 5 });
  await Promise.all([other.retain(), open().retain()]);
  expect((await names())[0]).toBe(`event_log_${3 * segmentSize}`);
});

test("appends go on while segments are dropped", async () => {
  await fourSegments(10 * hourMs);
  await pass(4 * segmentSize);
  clock.advance(30 * hourMs);
  let isDropping = true;
  const appending = (async () => {
    let count = 0;
    for (; isDropping; count++) await append();
    return count;
  })();
  await open().retain();
  isDropping = false;
  expect(await appending).toBeGreaterThan(0);
});

test("backlog and lag of each consumer are figures, and segments closed before they were full do not count", async () => {
  const upkeep = open();
  await upkeep.look();
  await append();
  await createPostgresSegments(database.pool).close(0);
  await append();
  await append();
  await pass(1, ["history"]);
  await pass(segmentSize + 1, ["shadow"]);
  await upkeep.retain();
  await upkeep.look();
  expect(upkeep.figures.consumers).toEqual([
    { name: "history", backlog: 2, lagS: expect.any(Number) },
    { name: "shadow", backlog: 0, lagS: 0 },
  ]);
  await database.pool.query("UPDATE event_log SET received_at = now() - interval '1 hour'");
  await upkeep.look();
  expect(upkeep.figures.consumers[0]?.lagS).toBeCloseTo(3_600, -2);
});

test("the pace hears of consumers that other processes follow, and how far the log is", async () => {
  const pace = new Pace(2, clock);
  const upkeep = open(0, pace);
  await log.append(Array.from({ length: 10 }, () => record(chosenId())));
  await pass(1, ["history"]);
  await upkeep.look();
  await pass(2, ["history"]);
  await upkeep.look();
  expect(pace.behind).toBe(8);
});

test("started, it makes the next segment, and its figures can be scraped", async () => {
  const metrics = createMetrics();
  const settings = { logRetentionHours: 168, logBytesMax: 0, logDeduplicationMinutes: 60, logBehindMax: 0 };
  const started = startLog({ data: database.pool, control: database.pool, settings, log: silentLog, metrics });
  try {
    await until("the next segment", async () => (await names()).length === 2);
    const twice = record(chosenId());
    await started.eventLog.append([twice, twice]);
    started.consumers.report("connections", 0);
    started.consumers.report("connections", 1);
    started.pace.onEnd(4);
    expect(started.pace.behind).toBe(3);
    started.consumers.report("shadow", 1);
    await until("the figures", async () => (await metrics.text()).includes('mooring_events_consumer_backlog{consumer="shadow"} 0'));
    const text = await metrics.text();
    for (const line of ["mooring_events_log_segments 2", "mooring_events_stored_total 1", "mooring_events_duplicates_total 1"]) {
      expect(text.split("\n")).toContain(line);
    }
    expect(text).toMatch(/mooring_events_log_bytes [1-9]/);
  } finally {
    await started.stop();
  }
});

test("what was written a moment ago stays, also when the clock of who received it is far behind", async () => {
  const upkeep = open();
  const segments = createPostgresSegments(database.pool);
  const agoMs = 30 * hourMs;
  for (let i = 0; i < 2; i++) {
    await log.append([record(chosenId(), "{}", clock.now() - agoMs)]);
    await upkeep.retain();
    clock.advance(1_000);
    await segments.close(i * segmentSize);
  }
  await log.append([record(chosenId(), "{}", clock.now())]);
  await pass(10 * segmentSize);
  await upkeep.retain();
  expect(idsOf(await readFrom(log, 0))).toHaveLength(3);
  // Its time comes when it has been there for as long as the log keeps things.
  clock.advance(25 * hourMs);
  await upkeep.retain();
  expect(idsOf(await readFrom(log, 0)).length).toBeLessThan(3);
});
