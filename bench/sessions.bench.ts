// Queues of sessions alone, in this process: what SessionApi.write adds to the fastest plain insert of the same rows into the same tables, and what
// it takes to delete them again.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPostgresSessionReader, createPostgresSessionWriter, createSessionService } from "@mooring/app-sessions";
import {
  type SessionApi,
  type SessionFrame,
  type SessionOp,
  type StoredMessage,
  serviceCaller,
  sessionLimitsDefault,
} from "@mooring/contracts";
import { type Database, migrate, openDatabase, startEmbeddedPostgres } from "@mooring/db";
import { silentLog, systemClock } from "@mooring/kit";
import { type Benchmark, figure, table } from "./benchmark.ts";

const frameSizes = [1, 20, 500] as const;
/** As many as a gateway keeps on its way. */
const framesInFlight = 16;
const plainBatch = 500;
const tenantId = "018f0000-0000-7000-8000-000000000001";
const sessionId = "018f0000-0000-7000-8000-000000000002";
const payload = Buffer.from(
  '{"id":"7","version":"1.0","params":{"Temperature":{"value":21.5,"time":1760000000123},"Mode":{"value":"heat"}}}',
);

interface Result {
  readonly name: string;
  readonly opsPerS: number;
}

export const benchmark: Benchmark = {
  title:
    "Queues of sessions alone: SessionApi.write beside plain inserts with unnest, in one process, on a Postgres that waits for the disk",
  async run({ quick, report }) {
    const dataDir = mkdtempSync(join(tmpdir(), "mooring-bench-sessions-"));
    const postgres = await startEmbeddedPostgres({ dataDir, port: 0, log: silentLog });
    const { connectionString } = postgres;
    await migrate({ connectionString, directory: new URL("../prisma/migrations", import.meta.url).pathname, log: silentLog });
    const database = openDatabase({ connectionString, poolSize: 4, applicationName: "bench", log: silentLog });
    const sessions = createSessionService({
      writer: createPostgresSessionWriter(database.pool, sessionLimitsDefault),
      reader: createPostgresSessionReader(database.pool, systemClock),
      limits: sessionLimitsDefault,
    });
    const forMs = quick ? 1_000 : 5_000;
    const results: Result[] = [];
    const add = (name: string, ops: number, tookMs: number): void => {
      results.push({ name, opsPerS: Math.round((ops * 1_000) / tookMs) });
      report(`${name}: ${figure(results.at(-1)?.opsPerS ?? 0)} a second`);
    };
    try {
      await insertPlainly(database, performance.now() + 500);
      await empty(database);
      const begunMs = performance.now();
      add("plain inserts, 500 messages each", await insertPlainly(database, begunMs + forMs), performance.now() - begunMs);
      for (const size of frameSizes) {
        await empty(database);
        await measureFrames(sessions, database, { size, forMs, add });
      }
    } finally {
      await database.close();
      await postgres.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
    const plain = results[0]?.opsPerS ?? Number.NaN;
    const rows = results.map((result) => ({ ...result, ratio: Number((result.opsPerS / plain).toPrecision(3)) }));
    return {
      data: { framesInFlight, results: rows },
      markdown: table(
        ["", "messages/s", "divided by plain inserts"],
        rows.map(({ name, opsPerS, ratio }) => [name, figure(opsPerS), figure(ratio)]),
      ),
    };
  },
};

interface Measure {
  readonly size: number;
  readonly forMs: number;
  readonly add: (name: string, ops: number, tookMs: number) => void;
}

/** Queues for a while, then dequeues all of it, in frames of one size; both must leave what they should. */
async function measureFrames(sessions: SessionApi, { pool }: Database, { size, forMs, add }: Measure): Promise<void> {
  const session = [[makeSession()]];
  await write(sessions, () => session.pop());
  const queueBegunMs = performance.now();
  let seq = 0;
  await write(sessions, () =>
    performance.now() < queueBegunMs + forMs ? Array.from({ length: size }, () => queue(makeMessage(), ++seq)) : undefined,
  );
  add(`queue, frames of ${size}`, seq, performance.now() - queueBegunMs);
  const { rows } = await pool.query<{ count: string }>("SELECT count(*) FROM mqtt_queue JOIN mqtt_messages USING (message_id)");
  if (Number(rows[0]?.count) !== seq) throw new Error(`${seq} messages were queued and ${rows[0]?.count} are there`);
  const drainBegunMs = performance.now();
  let done = 0;
  await write(sessions, () => {
    if (done >= seq) return undefined;
    const seqs = Array.from({ length: Math.min(size, seq - done) }, () => ++done);
    return [{ op: "dequeue", sessionId, seqs }];
  });
  add(`dequeue, frames of ${size}`, seq, performance.now() - drainBegunMs);
  const left = await pool.query<{ count: string }>(
    "SELECT (SELECT count(*) FROM mqtt_queue) + (SELECT count(*) FROM mqtt_messages) AS count",
  );
  if (left.rows[0]?.count !== "0") throw new Error(`${left.rows[0]?.count} rows are left`);
}

/** One stream as a gateway's, with frames as fast as they are acknowledged, until there are no more ops. */
async function write(sessions: SessionApi, nextOps: () => readonly SessionOp[] | undefined): Promise<void> {
  let acknowledged = 0;
  let wake = (): void => undefined;
  async function* frames(): AsyncGenerator<SessionFrame> {
    for (let sequence = 1; ; sequence++) {
      while (sequence - acknowledged > framesInFlight) await new Promise<void>((resolve) => (wake = resolve));
      const ops = nextOps();
      if (ops === undefined) return;
      yield { sequence, ops };
    }
  }
  for await (const { sequence, error } of sessions.write(serviceCaller("gateway"), frames())) {
    if (error !== undefined) throw new Error(error.message);
    acknowledged = sequence;
    wake();
  }
}

/** The same two rows for each message, one batch after the other: no session is looked up, nothing is replaced, no lock. */
async function insertPlainly({ pool }: Database, endMs: number): Promise<number> {
  const text = `
    WITH messages AS (
      INSERT INTO mqtt_messages (message_id, tenant_id, topic, payload, qos, received_at, publisher)
      SELECT id, '${tenantId}', topic, payload, 1, now(), '' FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS r (id, topic, payload)
    )
    INSERT INTO mqtt_queue (session_id, seq, message_id, qos, retain, packet_id, is_released, bytes)
    SELECT '${sessionId}', seq, id, 1, false, 0, false, 100 FROM unnest($1::uuid[], $4::bigint[]) AS r (id, seq)`;
  let seq = 0;
  while (performance.now() < endMs) {
    const messages = Array.from({ length: plainBatch }, makeMessage);
    const values = [messages.map(({ messageId }) => messageId), messages.map(({ topic }) => topic), messages.map(() => payload)];
    await pool.query({ name: "plain", text, values: [...values, messages.map(() => ++seq)] });
  }
  return seq;
}

async function empty({ pool }: Database): Promise<void> {
  await pool.query("TRUNCATE mqtt_sessions, mqtt_messages, mqtt_queue");
}

function makeSession(): SessionOp {
  const names = { owner: "device:bench", clientId: "bench", nodeId: "gateway-1" };
  return { op: "putSession", sessionId, tenantId, ...names, protocolLevel: 5, expiryIntervalS: 3_600, connectedAtMs: Date.now() };
}

function queue(message: StoredMessage, seq: number): SessionOp {
  return { op: "queue", message, targets: [{ sessionId, seq, qos: 1, retain: false, subscriptionIds: [], packetId: 0 }] };
}

/** Ids begin with the time, as the gateway's do, so that the index grows at its end. */
function makeMessage(): StoredMessage {
  const receivedAtMs = Date.now();
  const time = receivedAtMs.toString(16).padStart(12, "0");
  const messageId = `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
  return {
    messageId,
    tenantId,
    topic: "/benchproduct/thermostat-1/user/get",
    payload,
    qos: 1,
    receivedAtMs,
    properties: {},
    publisher: "",
  };
}
