import { randomUUID } from "node:crypto";
import { type Database, openDatabase, transaction } from "@mooring/db";
import { silentLog } from "@mooring/kit";
import { createTestDatabase, FakeClock, until } from "@mooring/testkit";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { chosenId, device, idsOf, readFrom, record, timedId } from "../log/fixture.test-support.ts";
import { UnstorableRecord } from "../ports.ts";
import { createPostgresEventLog, type PostgresEventLog } from "./event-log.ts";
import { appendLock, createPostgresSegments, ensureSegment, segmentSize, sequence } from "./segments.ts";

const { connectionString, drop } = await createTestDatabase();
const databases: Database[] = [];
/** As another process would: with connections and memory of its own. */
function openPool(poolSize = 5) {
  const database = openDatabase({ connectionString, poolSize, applicationName: "event-log-test", log: silentLog });
  databases.push(database);
  return database.pool;
}
const pool = openPool();
const segments = createPostgresSegments(pool);
afterAll(async () => {
  await Promise.all(databases.map((database) => database.close()));
  await drop();
});

/** Each test begins in a segment of its own, `room` offsets before its end. */
let segment = 0;
async function beginSegment(room: number): Promise<void> {
  segment += 2 * segmentSize;
  await ensureSegment(pool, segment);
  await pool.query(`SELECT setval('${sequence}', $1)`, [segment + segmentSize - 1 - room]);
}
const mine = (log: PostgresEventLog) => readFrom(log, segment - 1);
const open = (options = {}): PostgresEventLog => createPostgresEventLog(openPool(), options);
const current = async (): Promise<number> => (await segments.state()).current;

beforeEach(() => beginSegment(1_000));

describe("an append", () => {
  test("tells the offset of its last record, and for duplicates one that they are not above", async () => {
    const log = open();
    const records = [record(timedId(Date.now())), record(timedId(Date.now())), record(timedId(Date.now()))];
    const last = await log.append(records);
    const stored = await mine(log);
    expect(stored.map(({ offset: _, ...rest }) => rest)).toEqual(records);
    expect(last).toBe(stored.at(-1)?.offset);
    expect(await log.append(records.slice(0, 1))).toBe(last);
    expect(await open().append(records)).toBe(last);
    expect(log.figures).toEqual({ stored: 3, duplicates: 1 });
    const next = record(timedId(Date.now()));
    expect(await log.append([...records, next])).toBe((await mine(log)).at(-1)?.offset);
    expect(idsOf(await mine(log))).toEqual([...records, next].map(({ messageId }) => messageId));
  });

  test("stores an id once though it is in the same group twice", async () => {
    const log = open();
    const once = record(chosenId());
    await log.append([once, once, record(chosenId()), once]);
    expect(await mine(log)).toHaveLength(2);
  });

  test("with data that cannot be stored stores nothing and says so", async () => {
    const log = open();
    await expect(log.append([record(randomUUID()), record(randomUUID(), "{no json")])).rejects.toThrow(UnstorableRecord);
    await expect(log.append([record("no id")])).rejects.toThrow(UnstorableRecord);
    expect(await mine(log)).toEqual([]);
  });

  test("never spans two segments, makes the one that is missing, and refuses nothing for that", async () => {
    await beginSegment(7);
    const log = open();
    const ids = Array.from({ length: 20 }, () => timedId(Date.now()));
    await log.append(ids.slice(0, 5).map((id) => record(id)));
    await log.append(ids.slice(5, 10).map((id) => record(id)));
    await log.append(ids.slice(10).map((id) => record(id)));
    const stored = await mine(log);
    expect(idsOf(stored)).toEqual(ids);
    expect(stored[4]?.offset).toBe(segment + segmentSize - 3);
    expect(stored[5]?.offset).toBeGreaterThanOrEqual(segment + segmentSize);
    expect(await current()).toBe(segment + segmentSize);
  });

  test("may fill a segment to its last offset", async () => {
    await beginSegment(5);
    await ensureSegment(pool, segment + segmentSize);
    const log = open();
    expect(await log.append(Array.from({ length: 5 }, () => record(chosenId())))).toBe(segment + segmentSize - 1);
    expect(await log.append([record(chosenId())])).toBe(segment + segmentSize);
  });
});

describe("the window within one segment", () => {
  const windowMs = 60_000;
  const startMs = 1_760_000_040_000;
  /** Stores the id as received so many seconds after the start; whether it was stored. */
  const send = async (log: PostgresEventLog, id: string, seconds: number): Promise<boolean> => {
    const before = log.figures.stored;
    await log.append([record(timedId(Date.now())), record(id, "{}", startMs + seconds * 1_000), record(timedId(Date.now()))]);
    return log.figures.stored - before === 3;
  };

  test("an id that a client gives again is another record once the window is over, again and again, in its place and with an id of its own", async () => {
    const log = open({ deduplicationMs: windowMs });
    const id = chosenId();
    const stored: number[] = [];
    for (const seconds of [0, 1, 59, 60, 61, 100, 119, 120, 179, 181, 240, 242]) if (await send(log, id, seconds)) stored.push(seconds);
    expect(stored).toEqual([0, 60, 120, 181, 242]);
    const records = await mine(log);
    expect(new Set(idsOf(records)).size).toBe(records.length);
    const [first, last] = [record(timedId(Date.now())), record(timedId(Date.now()))];
    await log.append([first, record(id, "{}", startMs + 400_000), last]);
    const group = (await mine(log)).slice(-3);
    expect([group[0]?.messageId, group[1]?.receivedAtMs, group[2]?.messageId]).toEqual([
      first.messageId,
      startMs + 400_000,
      last.messageId,
    ]);
    // Known to whatever process.
    expect(await send(open({ deduplicationMs: windowMs }), id, 450)).toBe(false);
  });

  test("a record that is handed over again, however late, is the same record", async () => {
    const clock = new FakeClock(startMs);
    const log = open({ deduplicationMs: windowMs, clock });
    const once = record(chosenId(), "{}", startMs);
    await log.append([once]);
    clock.advance(250_000);
    await log.append([once]);
    expect(log.figures).toEqual({ stored: 1, duplicates: 1 });
  });

  test("goes on over the end of a segment, for the id and for those that stand for it", async () => {
    const clock = new FakeClock(startMs);
    const log = open({ deduplicationMs: windowMs, clock });
    const id = chosenId();
    expect([await send(log, id, 0), await send(log, id, 70)]).toEqual([true, true]);
    clock.advance(75_000);
    expect(await segments.close(segment)).toBe(true);
    expect(await send(log, id, 80)).toBe(false);
    expect(await send(log, id, 131)).toBe(true);
    expect(await send(log, id, 140)).toBe(false);
  });

  test("of copies received before and after the turn of a time one is stored, in one group and in whatever order in two", async () => {
    const turnMs = Math.ceil((startMs + 200_000) / windowMs) * windowMs;
    const log = open({ deduplicationMs: windowMs });
    const [together, apart] = [chosenId(), chosenId()];
    await log.append([record(together, "{}", startMs), record(apart, "{}", startMs)]);
    await log.append([record(together, "{}", turnMs - 1), record(together, "{}", turnMs + 1)]);
    await log.append([record(apart, "{}", turnMs + 1)]);
    await log.append([record(apart, "{}", turnMs - 1)]);
    expect((await mine(log)).map(({ receivedAtMs }) => receivedAtMs - turnMs).filter((ms) => ms > -100)).toEqual([-1, 1]);
  });

  test("of many that come at once after the window one is stored", async () => {
    const logs = [1, 2, 3].map(() => open({ deduplicationMs: windowMs }));
    const id = chosenId();
    await logs[0]?.append([record(id, "{}", startMs)]);
    await Promise.all(logs.map((log) => log.append([record(id, "{}", startMs + 70_000), record(id, "{}", startMs + 70_001)])));
    expect(await mine(open())).toHaveLength(2);
  });
});

describe("a record that comes again after a segment was closed", () => {
  const again: readonly (readonly [string, () => string, boolean])[] = [
    ["whose id a client chose", chosenId, true],
    ["whose id the platform made just now", () => timedId(Date.now()), true],
    ["whose id the platform made long ago", () => timedId(Date.now() - 86_400_000), true],
    ["whose id is any UUID", randomUUID, true],
  ];
  test.each(again)("%s is not stored again, by whatever process", async (_, makeId) => {
    const log = open();
    const other = open();
    const twice = record(makeId());
    await other.append([record(chosenId())]);
    await log.append([twice]);
    expect(await segments.close(segment)).toBe(true);
    const fresh = [record(timedId(Date.now())), record(chosenId())];
    await log.append([...fresh, twice]);
    for (const any of [log, other, open()]) await any.append([twice]);
    expect(idsOf(await mine(log)).filter((id) => id === twice.messageId)).toHaveLength(1);
    expect(idsOf(await mine(log)).slice(-2)).toEqual(idsOf(fresh as never));
  });

  test("is not stored again at the end of a group that would reach into the next segment", async () => {
    await beginSegment(10);
    await ensureSegment(pool, segment + segmentSize);
    const log = open();
    const twice = record(chosenId());
    await log.append([twice]);
    await log.append([...Array.from({ length: 11 }, () => record(chosenId())), twice]);
    const stored = await mine(log);
    expect(idsOf(stored).filter((id) => id === twice.messageId)).toHaveLength(1);
    expect(stored[1]?.offset).toBe(segment + segmentSize);
  });

  test("is looked for through several segments, and not beyond the window", async () => {
    const clock = new FakeClock(Date.now());
    const log = open({ clock, deduplicationMs: 600_000 });
    const twice = record(chosenId());
    await log.append([twice]);
    for (let i = 0; i < 3; i++) {
      await segments.close(segment + i * segmentSize);
      await log.append([record(chosenId()), twice]);
      clock.advance(150_000);
    }
    expect(idsOf(await mine(log)).filter((id) => id === twice.messageId)).toHaveLength(1);
    clock.advance(450_001);
    await log.append([twice]);
    expect(idsOf(await mine(log)).filter((id) => id === twice.messageId)).toHaveLength(2);
    segment += 2 * segmentSize;
  });

  test("is not stored again though it was committed while the second one waited for its turn, and the segment closed then", async () => {
    const log = open();
    await log.append([record(chosenId())]);
    const twice = record(chosenId());
    let waiting: Promise<number> | undefined;
    await transaction(pool, async (client) => {
      await client.query(`SELECT pg_advisory_xact_lock(${appendLock})`);
      waiting = log.append([twice]);
      await until("the append to wait for its turn", async () => {
        const { rowCount } = await pool.query(
          "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
          [appendLock],
        );
        return rowCount === 1;
      });
      const { deviceId, tenantId, productKey, deviceName } = device;
      await client.query(
        `INSERT INTO event_log (message_id, tenant_id, device_id, product_key, device_name, kind, received_at, body)
         VALUES ($1, $2, $3, $4, $5, 'message', now(), '{}')`,
        [twice.messageId, tenantId, deviceId, productKey, deviceName],
      );
      await client.query(`SELECT setval('${sequence}', $1)`, [segment + segmentSize - 1]);
    });
    const last = await waiting;
    const stored = await mine(log);
    expect(idsOf(stored).filter((id) => id === twice.messageId)).toHaveLength(1);
    expect(last).toBe(stored.at(-1)?.offset);
  });
});

test("what may be in an earlier segment is found by an index, also once the segment that had just begun is large", async () => {
  const one = openPool(1);
  const log = createPostgresEventLog(one);
  await log.append([record(chosenId())]);
  expect(await segments.close(segment)).toBe(true);
  const group = (count: number) => Array.from({ length: count }, () => record(chosenId()));
  // Postgres keeps a plan from the sixth time on.
  for (let i = 0; i < 8; i++) await log.append(group(2));
  for (let i = 0; i < 4; i++) await log.append(group(1_000));
  const rowsRead = async (): Promise<number> => {
    await one.query("SELECT pg_stat_force_next_flush()");
    const name = `event_log_${segment + segmentSize}`;
    const { rows } = await one.query(
      "SELECT seq_tup_read + (SELECT sum(i.idx_tup_read) FROM pg_stat_all_indexes AS i WHERE i.relid = t.relid) AS read FROM pg_stat_all_tables AS t WHERE relname = $1",
      [name],
    );
    return Number(rows[0]?.read);
  };
  const before = await rowsRead();
  await log.append(group(100));
  expect((await rowsRead()) - before).toBeLessThan(1_000);
});

test("appenders of several processes race while segments close: nothing is lost, doubled, or out of its appender's order", async () => {
  const logs = [open(), open(), open()];
  const appended: string[][] = logs.map(() => []);
  let isDone = false;
  let groups = 0;
  const close = async (): Promise<number> => {
    let closed = 0;
    for (let before = groups; !isDone; ) {
      const from = await current();
      if (groups - before < 5) continue;
      before = groups;
      await segments.ensure(from + segmentSize);
      if (await segments.close(from)) closed++;
    }
    return closed;
  };
  const append = async (log: PostgresEventLog, ids: string[]): Promise<void> => {
    for (let group = 0; group < 60; group++) {
      const added = Array.from({ length: 1 + (group % 7) }, (_, i) => (i % 2 === 0 ? timedId(Date.now()) : chosenId()));
      ids.push(...added);
      // What was sent before comes again, here and from another process.
      const repeated = [...ids.slice(-15, -added.length), ...(appended[group % 3] ?? []).slice(0, -20).slice(-3)];
      await log.append([...repeated, ...added].map((id) => record(id)));
      groups++;
    }
  };
  const reading = open();
  const seen: number[] = [];
  const follow = async (): Promise<void> => {
    for (let isLast = false; !isLast; ) {
      isLast = isDone;
      seen.push(...(await readFrom(reading, seen.at(-1) ?? segment - 1, 50)).map(({ offset }) => offset));
    }
  };
  const background = [close(), follow()] as const;
  await Promise.all(logs.map((log, i) => append(log, appended[i] ?? []))).finally(() => {
    isDone = true;
  });
  const [closed] = await Promise.all(background);
  expect(closed).toBeGreaterThan(3);
  const stored = await mine(reading);
  expect(new Set(idsOf(stored)).size).toBe(stored.length);
  for (const ids of appended) expect(idsOf(stored).filter((id) => ids.includes(id))).toEqual(ids);
  expect(stored).toHaveLength(appended.flat().length);
  expect(seen).toEqual(stored.map(({ offset }) => offset));
  segment = await current();
});

describe("places in the log", () => {
  test("offsetAt is where the first record received at or after a time follows, across segments and gaps", async () => {
    const log = open();
    const at = (timeMs: number) => record(chosenId(), "{}", timeMs);
    // Far in the future, so that what other tests stored is before it.
    const base = Date.UTC(2100, 0, 1) + segment;
    await log.append([at(base + 10), at(base + 20), at(base + 20)]);
    await segments.close(segment);
    await log.append([at(base + 30), at(base + 40)]);
    const nextAfter = async (timeMs: number) => (await log.read(await log.offsetAt(timeMs), 1))[0];
    for (const [asked, found] of [
      [0, 10],
      [10, 10],
      [11, 20],
      [20, 20],
      [21, 30],
      [40, 40],
    ] as const) {
      expect((await nextAfter(base + asked))?.receivedAtMs, String(asked)).toBe(base + found);
    }
    expect(await log.offsetAt(base + 20)).toBe(segment + segmentSize - 1_000);
    expect(await log.offsetAt(base + 41)).toBe(await log.end());
  });

  test("an empty log ends before its first offset, also when everything was dropped", async () => {
    const fresh = await createTestDatabase();
    const { pool: empty, close } = openDatabase({ ...fresh, poolSize: 3, applicationName: "empty-log-test", log: silentLog });
    try {
      const log = createPostgresEventLog(empty);
      expect([await log.first(), await log.end(), await log.offsetAt(1)]).toEqual([1, 0, 0]);
      expect(await log.append([record(chosenId())])).toBe(1);
      const segmentsThere = createPostgresSegments(empty);
      await segmentsThere.ensure(segmentSize);
      await segmentsThere.close(0);
      const [oldest] = await segmentsThere.list();
      if (oldest !== undefined) await segmentsThere.drop(oldest);
      expect([await log.first(), await log.end(), await log.offsetAt(1)]).toEqual([segmentSize, segmentSize - 1, segmentSize - 1]);
      expect(await log.append([record(chosenId())])).toBe(segmentSize);
    } finally {
      await close();
      await fresh.drop();
    }
  });
});
