import assert from "node:assert";
import { asDeviceId, asDeviceName, asProductKey, asTenantId, type Device } from "@mooring/contracts";
import { type Database, transaction } from "@mooring/db";
import { createEventId } from "@mooring/kit";
import type { Author, DeviceEvent, DeviceEventStore } from "../ports.ts";
import type { Transaction } from "./change-log.ts";

/** Held while events are on their way to the log, so that one process at a time sends them, in order. */
const relayLock = 4_706_003;

/**
 * Writes what happened to a device in the transaction in which it does, with its place in the device's life. The device's row is there, and locked from
 * here on at the latest, so that ids grow in the order in which things happen to one device. Who holds locks of others by now may wait for each other.
 */
export async function insertDeviceEvent(
  tx: Transaction,
  device: EventSubject,
  said: DeviceEvent["action"] | Pick<DeviceEvent, "action" | "detail">,
  by: Author,
): Promise<void> {
  const { tenantId, deviceId, productKey, deviceName } = device;
  const { principal, atMs } = by;
  const messageId = createEventId(atMs);
  const { action, detail } = typeof said === "string" ? { action: said, detail: undefined } : said;
  const place = await nextPlace(tx, deviceId);
  await tx.deviceEvent.create({
    data: { detail: { ...place, ...detail }, messageId, tenantId, deviceId, productKey, deviceName, action, principal, at: new Date(atMs) },
  });
}

interface PlaceRow {
  readonly epoch: bigint;
  readonly life_events: number;
}

/** Where the next thing that the device lives through stands. The epoch is drawn while the name is this device's, so it is above those of all before. */
async function nextPlace(tx: Transaction, deviceId: string): Promise<{ readonly epoch: number; readonly sequence: number }> {
  const [row] = await tx.$queryRaw<PlaceRow[]>`UPDATE devices SET life_events = life_events + 1,
      epoch = CASE WHEN life_events = 0 THEN nextval(pg_get_serial_sequence('devices', 'epoch')) ELSE epoch END
    WHERE id = ${deviceId}::uuid RETURNING epoch, life_events`;
  assert(row !== undefined, "a device that lives through something is there");
  return { epoch: Number(row.epoch), sequence: row.life_events - 1 };
}

export type EventSubject = Pick<Device, "tenantId" | "deviceId" | "productKey" | "deviceName">;

interface EventRow {
  readonly id: string;
  readonly message_id: string;
  readonly tenant_id: string;
  readonly device_id: string;
  readonly product_key: string;
  readonly device_name: string;
  readonly action: DeviceEvent["action"];
  readonly principal: string;
  readonly detail: DeviceEvent["detail"] | null;
  readonly at: Date;
}

const waitingSql = `SELECT count(*)::int AS count, min(at) AS oldest
FROM (SELECT at FROM device_events ORDER BY id LIMIT $1) AS waiting`;

export function createDeviceEventStore({ pool }: Pick<Database, "pool">): DeviceEventStore {
  return {
    async waiting(countMax) {
      const { rows } = await pool.query<{ count: number; oldest: Date | null }>(waitingSql, [countMax]);
      return { count: rows[0]?.count ?? 0, oldestAtMs: rows[0]?.oldest?.getTime() };
    },

    take: (limit, relay) =>
      transaction(pool, async (client) => {
        const lock = await client.query<{ got: boolean }>("SELECT pg_try_advisory_xact_lock($1) AS got", [relayLock]);
        if (lock.rows[0]?.got !== true) return "busy";
        const { rows } = await client.query<EventRow>("SELECT * FROM device_events ORDER BY id LIMIT $1", [limit]);
        const done = rows.length === 0 ? [] : await relay(rows.map(toEvent));
        if (done.length > 0) await client.query("DELETE FROM device_events WHERE id = ANY($1::bigint[])", [done]);
        return "done";
      }),
  };
}

function toEvent(row: EventRow): DeviceEvent {
  const device = {
    tenantId: asTenantId(row.tenant_id),
    deviceId: asDeviceId(row.device_id),
    productKey: asProductKey(row.product_key),
    deviceName: asDeviceName(row.device_name),
  };
  const { id, action, principal, detail } = row;
  return { ...(detail && { detail }), id, messageId: row.message_id, device, action, principal, atMs: row.at.getTime() };
}
