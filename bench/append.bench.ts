// The log alone, in this process: what EventApi.append adds to the fastest plain insert of the same rows into the same table.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createEventService,
  createPostgresConnectionStore,
  createPostgresDeadLetterStore,
  createPostgresHistoryStore,
  createPostgresRefusalStore,
  createPostgresSubscriptionStore,
  createPostgresTraceStore,
  startLog,
} from "@mooring/app-events";
import {
  type AppendFrame,
  asDeviceId,
  asDeviceName,
  asProductKey,
  asTenantId,
  type DeviceRef,
  type EventApi,
  type NewRecord,
  PlatformError,
  serviceCaller,
} from "@mooring/contracts";
import { type Database, migrate, openDatabase, startEmbeddedPostgres } from "@mooring/db";
import { createMetrics, type Running, silentLog } from "@mooring/kit";
import { type Benchmark, figure, table } from "./benchmark.ts";

const frameSizes = [1, 20, 500] as const;
/** As many as a gateway keeps on its way. */
const framesInFlight = 16;
const rawBatches = [500, 2_000] as const;
const body = '{"properties":{"Temperature":{"value":21.5,"time":1760000000123},"Mode":{"value":"heat","time":1760000000123}}}';

export const benchmark: Benchmark = {
  title: "The log alone: EventApi.append beside plain inserts with unnest, in one process, on a Postgres that waits for the disk",
  async run({ quick, report }) {
    const dataDir = mkdtempSync(join(tmpdir(), "mooring-bench-append-"));
    const postgres = await startEmbeddedPostgres({ dataDir, port: 0, log: silentLog });
    const { connectionString } = postgres;
    await migrate({ connectionString, directory: new URL("../prisma/migrations", import.meta.url).pathname, log: silentLog });
    const database = openDatabase({ connectionString, poolSize: 4, applicationName: "bench", log: silentLog });
    const forMs = quick ? 1_000 : 5_000;
    const results: { readonly name: string; readonly recordsPerS: number }[] = [];
    const add = async (name: string, store: (endMs: number) => Promise<number>): Promise<void> => {
      const startMs = performance.now();
      const records = await store(startMs + forMs);
      results.push({ name, recordsPerS: Math.round((records * 1_000) / (performance.now() - startMs)) });
      report(`${name}: ${figure(results.at(-1)?.recordsPerS ?? 0)} records/s`);
    };
    const { events, stop } = startEvents(database);
    try {
      await insertPlainly(database, 500, performance.now() + 1_000);
      for (const batch of rawBatches) await add(`plain inserts, ${batch} rows each`, (endMs) => insertPlainly(database, batch, endMs));
      for (const size of frameSizes) await add(`append, frames of ${size}`, (endMs) => append(events, size, endMs));
    } finally {
      await stop();
      await database.close();
      await postgres.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
    const best = Math.max(...results.filter(({ name }) => name.startsWith("plain")).map(({ recordsPerS }) => recordsPerS));
    const rows = results.map((result) => ({ ...result, ratio: Number((result.recordsPerS / best).toPrecision(3)) }));
    return {
      data: { framesInFlight, results: rows },
      markdown: table(
        ["", "records/s", "divided by the fastest plain insert"],
        rows.map(({ name, recordsPerS, ratio }) => [name, figure(recordsPerS), figure(ratio)]),
      ),
    };
  },
};

/** With the log's upkeep, which makes segments ahead, and without anything that follows the log. */
function startEvents({ pool }: Database): { readonly events: EventApi } & Running {
  const settings = { logRetentionHours: 168, logBytesMax: 0, logDeduplicationMinutes: 60, logBehindMax: 0 };
  const { eventLog, consumers, pace, stop } = startLog({ data: pool, control: pool, settings, log: silentLog, metrics: createMetrics() });
  const none = () => Promise.reject(new PlatformError("notFound", "there are no devices and no subscriptions here"));
  const events = createEventService({
    log: eventLog,
    consumers,
    pace,
    history: createPostgresHistoryStore(pool),
    subscriptions: createPostgresSubscriptionStore(pool),
    deadLetters: createPostgresDeadLetterStore(pool),
    seal: { seal: (secret) => secret, unseal: (sealed) => sealed },
    devices: { getDevice: none, getProduct: none, findTags: none, listChanges: none },
    connections: createPostgresConnectionStore(pool),
    records: createPostgresTraceStore(pool),
    refusals: createPostgresRefusalStore(pool),
    logger: silentLog,
  });
  return { events, stop };
}

/** One stream as a gateway's, with frames as fast as they are acknowledged. Resolves with the number of records committed. */
async function append(events: EventApi, size: number, endMs: number): Promise<number> {
  let acknowledged = 0;
  let wake = (): void => undefined;
  async function* frames(): AsyncGenerator<AppendFrame> {
    for (let sequence = 1; performance.now() < endMs; sequence++) {
      while (sequence - acknowledged > framesInFlight) await new Promise<void>((resolve) => (wake = resolve));
      yield { sequence, records: Array.from({ length: size }, makeRecord) };
    }
  }
  for await (const { sequence, error } of events.append(serviceCaller("gateway"), frames())) {
    if (error !== undefined) throw new Error(error);
    acknowledged = sequence;
    wake();
  }
  return acknowledged * size;
}

/** One batch after the other on one connection: no lock, no order, no second look at the id. */
async function insertPlainly({ pool }: Database, batch: number, endMs: number): Promise<number> {
  const text = `
    INSERT INTO event_log (message_id, tenant_id, device_id, product_key, device_name, kind, received_at, body)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::json[])`;
  let inserted = 0;
  for (; performance.now() < endMs; inserted += batch) {
    const records = Array.from({ length: batch }, makeRecord);
    const now = new Date();
    const column = (of: (record: NewRecord) => unknown): unknown[] => records.map(of);
    const devices = (["tenantId", "deviceId", "productKey", "deviceName"] as const).map((name) => column(({ device }) => device[name]));
    const values = [column(({ messageId }) => messageId), ...devices, column(({ kind }) => kind), column(() => now), column(() => body)];
    await pool.query({ name: `plain-${batch}`, text, values });
  }
  return inserted;
}

const devices: readonly DeviceRef[] = Array.from({ length: 100 }, (_, number) => ({
  tenantId: asTenantId("018f0000-0000-7000-8000-000000000001"),
  deviceId: asDeviceId(`018f0000-0000-7000-8000-${String(number).padStart(12, "0")}`),
  productKey: asProductKey("benchproduct"),
  deviceName: asDeviceName(`thermostat-${number}`),
}));
let made = 0;

/** Ids begin with the time, as the gateway's do, so that the index grows at its end. */
function makeRecord(): NewRecord {
  const receivedAtMs = Date.now();
  const time = receivedAtMs.toString(16).padStart(12, "0");
  const messageId = `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
  return { messageId, device: devices[made++ % devices.length] as DeviceRef, kind: "properties", receivedAtMs, body };
}
