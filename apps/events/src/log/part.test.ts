import { type AppendFrame, type EventApi, type LogRecord, serviceCaller } from "@mooring/contracts";
import { openDatabase } from "@mooring/db";
import { silentLog, systemClock } from "@mooring/kit";
import { createTestDatabase, until } from "@mooring/testkit";
import { afterAll, expect, test, vi } from "vitest";
import { GroupCommit } from "../group-commit.ts";
import { createPostgresEventLog } from "../postgres/event-log.ts";
import { createPostgresConsumerStore } from "../postgres/log-consumers.ts";
import { Signal } from "../signal.ts";
import { Consumers } from "./consumers.ts";
import { chosenId, device, idsOf, record } from "./fixture.test-support.ts";
import { createLogPart } from "./part.ts";
import { createTailCache } from "./tail-cache.ts";

const { connectionString, drop } = await createTestDatabase();
const databases = ["one", "two"].map((name) => openDatabase({ connectionString, poolSize: 5, applicationName: name, log: silentLog }));
afterAll(async () => {
  await Promise.all(databases.map((database) => database.close()));
  await drop();
});

/** The log's part of the service as two processes would have it, on one database. */
const parts = databases.map(({ pool }) => {
  const log = createTailCache(createPostgresEventLog(pool));
  const appended = new Signal();
  const commits = new GroupCommit(log, () => appended.notify());
  return createLogPart({ log, commits, appended, consumers: new Consumers(createPostgresConsumerStore(pool), systemClock) });
}) as [Pick<EventApi, "append" | "read">, Pick<EventApi, "append" | "read">];
const self = serviceCaller("test");

async function appendAll(part: Pick<EventApi, "append">, frames: readonly AppendFrame[]): Promise<number> {
  let last = 0;
  async function* all(): AsyncGenerator<AppendFrame> {
    yield* frames;
  }
  for await (const ack of part.append(self, all())) {
    if (ack.lastOffset === undefined || ack.lastOffset < last) throw new Error(`${ack.lastOffset} after ${last}: ${ack.error}`);
    last = ack.lastOffset;
  }
  return last;
}

/** Follows until it has read the record at `end`. */
async function follow(part: Pick<EventApi, "read">, consumer: string, end: Promise<number>): Promise<readonly LogRecord[]> {
  const seen: LogRecord[] = [];
  let stopAt = Number.POSITIVE_INFINITY;
  void end.then((offset) => {
    stopAt = offset;
  });
  while ((seen.at(-1)?.offset ?? 0) < stopAt) {
    const { records } = await part.read(self, { consumer, after: seen.at(-1)?.offset ?? 0, limit: 37, waitMs: 300 });
    seen.push(...records);
  }
  return seen;
}

test("two processes append and read at the same time: both see the same log, each stream in its order, every record once", async () => {
  const frames = [0, 1, 2, 3].map((stream) =>
    Array.from({ length: 40 }, (_, sequence) => ({
      sequence,
      records: Array.from({ length: 1 + (sequence % 5) }, () => record(chosenId(), JSON.stringify({ stream }))),
    })),
  );
  const ends = Promise.all(frames.map((stream, i) => appendAll(i % 2 === 0 ? parts[0] : parts[1], stream)));
  const end = ends.then((offsets) => Math.max(...offsets));
  const [one, two] = await Promise.all([follow(parts[0], "one", end), follow(parts[1], "two", end)]);
  expect(one).toEqual(two);
  for (const [stream, sent] of frames.entries()) {
    const stored = one.filter(({ body }) => body === JSON.stringify({ stream }));
    expect(idsOf(stored)).toEqual(sent.flatMap(({ records }) => records.map(({ messageId }) => messageId)));
  }
  expect(one.every((stored) => stored.device.deviceId === device.deviceId)).toBe(true);
});

test("a reader in another process hears of a record without being woken, and where it is, is remembered", async () => {
  const [before] = (await parts[1].read(self, { consumer: "waiting", after: 0, limit: 1, waitMs: 0 })).records;
  const end = await appendAll(parts[0], [{ sequence: 0, records: [record(chosenId())] }]);
  const waiting = parts[1].read(self, { consumer: "waiting", after: end, limit: 10, waitMs: 20_000 });
  const next = record(chosenId());
  await appendAll(parts[0], [{ sequence: 0, records: [next] }]);
  expect(idsOf((await waiting).records)).toEqual([next.messageId]);
  expect(before?.offset).toBeLessThan(end);
  await until("the consumer's place", async () => {
    await parts[1].read(self, { consumer: "waiting", after: end, limit: 1, waitMs: 0 });
    const { rows } = (await databases[0]?.pool.query('SELECT "offset" FROM log_consumers WHERE name = $1', ["waiting"])) ?? { rows: [] };
    return rows[0]?.offset === String(end);
  });
});

test("a consumer that waits is written down as having done all before, though it reads no more", async () => {
  const end = await appendAll(parts[0], [{ sequence: 0, records: [record(chosenId())] }]);
  await parts[0].read(self, { consumer: "late", after: end - 1, limit: 10, waitMs: 0 });
  await parts[0].read(self, { consumer: "late", after: end, limit: 10, waitMs: 2_000 });
  await until("the last word", async () => {
    const { rows } = (await databases[1]?.pool.query('SELECT "offset" FROM log_consumers WHERE name = $1', ["late"])) ?? { rows: [] };
    return rows[0]?.offset === String(end);
  });
});

test("who waits for records is answered in time, also when the wall clock is set back meanwhile", async () => {
  const [{ append, read }] = parts;
  const end = await appendAll({ append }, [{ sequence: 1, records: [record(chosenId())] }]);
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    const startMs = performance.now();
    const answer = read(self, { consumer: "test", after: end, limit: 1, waitMs: 400 });
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(await answer).toEqual({ records: [] });
    expect(performance.now() - startMs).toBeLessThan(2_000);
  } finally {
    vi.useRealTimers();
  }
});
