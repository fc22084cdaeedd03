import { randomUUID } from "node:crypto";
import pg from "pg";

const devices = 1_000;
const messagesPerBatch = 500;
const schema = "bench_plain";
const properties = { Temperature: 21.5, Mode: '"heat"' };
const body = '{"properties":{"Temperature":{"value":21.5,"time":1760000000123},"Mode":{"value":"heat","time":1760000000123}}}';
const patch = '{"Temperature":21.5,"Mode":"heat"}';

/**
 * The machine's limit: messages a second when the very rows that one message leaves behind are written to tables of the same shape in large
 * batches, and nothing else is done: one row of the log, one per property of the history, one of the shadow's changes, the shadow itself.
 */
export async function insertRowsPlainly(databaseUrl: string, forMs: number): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "bench-plain" });
  await client.connect();
  try {
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE; CREATE SCHEMA ${schema}`);
    for (const table of ["event_log", "property_history", "shadow_changes", "shadows"]) {
      await client.query(`CREATE TABLE ${schema}.${table} (LIKE public.${table} INCLUDING ALL)`);
    }
    await client.query(`CREATE UNIQUE INDEX ON ${schema}.event_log (message_id); SET search_path = ${schema}`);
    const ids = Array.from({ length: devices }, () => randomUUID());
    await client.query(
      `INSERT INTO shadows (device_id, name, tenant_id, version, desired, reported, metadata, updated_at)
       SELECT id, '', id, 0, '{}', '{}', '{}', now() FROM unnest($1::uuid[]) AS id`,
      [ids],
    );
    const endMs = performance.now() + forMs;
    const startMs = performance.now();
    let messages = 0;
    for (; performance.now() < endMs; messages += messagesPerBatch) await insertBatch(client, ids, messages);
    return (messages * 1_000) / (performance.now() - startMs);
  } finally {
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await client.end();
  }
}

async function insertBatch(client: pg.Client, ids: readonly string[], from: number): Promise<void> {
  const places = Array.from({ length: messagesPerBatch }, (_, place) => from + place);
  const deviceIds = places.map((place) => ids[place % ids.length]);
  const time = Date.now().toString(16).padStart(12, "0");
  const messageIds = places.map(() => `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`);
  await client.query("BEGIN");
  await client.query({
    name: "plain-log",
    text: `INSERT INTO event_log ("offset", message_id, tenant_id, device_id, product_key, device_name, kind, received_at, body)
           SELECT o, m, d, d, 'benchproduct', 'thermostat-0001', 'properties', now(), $4::json FROM unnest($1::bigint[], $2::uuid[], $3::uuid[]) AS r (o, m, d)`,
    values: [places, messageIds, deviceIds, body],
  });
  for (const [property, value] of Object.entries(properties)) {
    await client.query({
      name: `plain-${property}`,
      text: `INSERT INTO property_history (device_id, property, "time", "offset", product_key, message_id, value)
             SELECT d, $4, now(), o, 'benchproduct', m, $5::json FROM unnest($1::bigint[], $2::uuid[], $3::uuid[]) AS r (o, m, d)`,
      values: [places, messageIds, deviceIds, property, value],
    });
  }
  await client.query({
    name: "plain-changes",
    text: `INSERT INTO shadow_changes (device_id, name, version, at, principal, reported, "offset")
           SELECT d, '', o, now(), 'device:benchproduct/thermostat-0001', $3::json, o FROM unnest($1::bigint[], $2::uuid[]) AS r (o, d)`,
    values: [places, deviceIds, patch],
  });
  await client.query({
    name: "plain-shadows",
    text: `UPDATE shadows SET version = version + 1, reported = $2::json, updated_at = now() WHERE device_id = ANY ($1::uuid[])`,
    values: [deviceIds, patch],
  });
  await client.query("COMMIT");
}
