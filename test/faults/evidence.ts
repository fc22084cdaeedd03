import type { Evidence } from "@mooring/testkit";
import pg from "pg";
import { type LedgerSubscriber, sequenceOf } from "./subscriber.ts";

/** What the platform kept, read from its database and not from what it says; and what came to the subscribers. */
export async function readEvidence(databaseUrl: string, subscribers: readonly LedgerSubscriber[]): Promise<Evidence> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "faults" });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const stored = await client.query<{ tenant: string; device: string; offset: string; value: string }>(
      `SELECT CASE WHEN l.tenant_id = (SELECT id FROM tenants ORDER BY created_at LIMIT 1) THEN 'one' ELSE 'two' END AS tenant,
         l.device_name AS device, l."offset", l.body -> 'properties' -> 'FirmwareVersion' ->> 'value' AS value
       FROM event_log AS l WHERE l.kind = 'properties' ORDER BY l."offset"`,
    );
    const shadows = await client.query<{ device: string; version: string; value: string }>(
      `SELECT d.device_name AS device, s.version, s.reported ->> 'FirmwareVersion' AS value
       FROM shadows AS s JOIN devices AS d ON d.id = s.device_id WHERE s.name = ''`,
    );
    const history = await client.query<{ device: string; value: string }>(
      `SELECT d.device_name AS device, h.value #>> '{}' AS value
       FROM property_history AS h JOIN devices AS d ON d.id = h.device_id WHERE h.property = 'FirmwareVersion'`,
    );
    return {
      stored: stored.rows.map(({ tenant, device, offset, value }) => ({
        tenant,
        device,
        offset: Number(offset),
        sequence: sequence(value),
      })),
      shadows: shadows.rows.map(({ device, version, value }) => ({ device, version: Number(version), sequence: sequence(value) })),
      history: history.rows.map(({ device, value }) => ({ device, sequence: sequence(value) })),
      receipts: subscribers.map(({ name, receipts: { tenant, messages } }) => ({ subscriber: name, tenant, messages: [...messages] })),
    };
  } finally {
    await client.end();
  }
}

function sequence(value: string): number {
  return sequenceOf(value) ?? 0;
}
