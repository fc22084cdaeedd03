import type { Database } from "@mooring/db";
import type { FailureStore, StoredFailure } from "../ports.ts";

/** Kinds of failures kept of one device. */
export const failuresPerDeviceMax = 20;

/** In the order of the key, so that two writers do not wait for each other. */
const addSql = `INSERT INTO connection_failures (device_id, reason, protocol, address, count, first_at, last_at)
SELECT d.id, f.reason, f.protocol, f.address, f.count, f.first_at, f.last_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::timestamptz[], $8::timestamptz[])
  AS f (product_key, device_name, reason, protocol, address, count, first_at, last_at)
  JOIN devices d ON d.product_key = f.product_key AND d.device_name = f.device_name
ORDER BY d.id, f.reason, f.protocol, f.address
ON CONFLICT (device_id, reason, protocol, address) DO UPDATE
  SET count = least(connection_failures.count::bigint + EXCLUDED.count, 1000000000)::int,
    last_at = greatest(connection_failures.last_at, EXCLUDED.last_at)
RETURNING device_id`;

const trimSql = `DELETE FROM connection_failures AS old USING (
  SELECT device_id, reason, protocol, address, row_number() OVER (PARTITION BY device_id ORDER BY last_at DESC) AS place
  FROM connection_failures WHERE device_id = ANY($1::uuid[])
) AS ranked
WHERE ranked.place > $2 AND (old.device_id, old.reason, old.protocol, old.address)
  = (ranked.device_id, ranked.reason, ranked.protocol, ranked.address)`;

const listSql = `SELECT reason, protocol, address, count, first_at, last_at FROM connection_failures
WHERE device_id = $1 AND last_at >= $2 ORDER BY last_at DESC LIMIT ${failuresPerDeviceMax}`;

interface FailureColumns {
  readonly reason: string;
  readonly protocol: string;
  readonly address: string;
  readonly count: number;
  readonly first_at: Date;
  readonly last_at: Date;
}

export function createFailureStore({ pool }: Pick<Database, "pool">): FailureStore {
  return {
    async add(failures) {
      const column = <T>(read: (failure: (typeof failures)[number]) => T): T[] => failures.map(read);
      const { rows } = await pool.query<{ device_id: string }>(addSql, [
        column(({ productKey }) => productKey),
        column(({ deviceName }) => deviceName),
        column(({ reason }) => reason),
        column(({ protocol }) => protocol),
        column(({ address }) => address),
        column(({ count }) => count),
        column(({ firstAtMs }) => new Date(firstAtMs)),
        column(({ lastAtMs }) => new Date(lastAtMs)),
      ]);
      const touched = [...new Set(rows.map(({ device_id }) => device_id))];
      if (touched.length > 0) await pool.query(trimSql, [touched, failuresPerDeviceMax]);
    },

    async list(deviceId, sinceMs) {
      const { rows } = await pool.query<FailureColumns>(listSql, [deviceId, new Date(sinceMs)]);
      return rows.map(toFailure);
    },
  };
}

function toFailure({ reason, protocol, address, count, first_at, last_at }: FailureColumns): StoredFailure {
  return { reason, protocol, address, count, firstAtMs: first_at.getTime(), lastAtMs: last_at.getTime() };
}
