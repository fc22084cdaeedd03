import type { Database } from "@mooring/db";
import type { FailureStore, StoredFailure } from "../ports.ts";

/** Kinds of proved failures kept of one device, the last ones. */
export const provedPerDeviceMax = 20;
/**
 * Kinds of failures kept that anybody may have caused: so many of the last ones, and so many of the most frequent ones. Whoever fails is held off by
 * address, so one who has many addresses gets many kinds and no frequent one: what the device itself does wrong stays.
 */
export const claimedPerDeviceMax = 10;
/** More than is ever kept: both kinds, and each reason once more for the rest. */
const listedMax = 200;

/** Of who is named, and of whose certificate it was. In the order of the key, so that two writers do not wait for each other. */
const addSql = `WITH given AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::text[], $6::text[], $7::text[], $8::int[], $9::timestamptz[],
    $10::timestamptz[], $11::timestamptz[])
    AS f (product_key, device_name, fingerprint, proven, reason, protocol, address, count, first_at, last_at, held_off_until)
), told AS (
  SELECT d.id AS device_id, f.* FROM given f JOIN devices d ON d.product_key = f.product_key AND d.device_name = f.device_name
  UNION ALL
  SELECT c.device_id, f.* FROM given f JOIN certificates c ON c.fingerprint = f.fingerprint
)
INSERT INTO connection_failures (device_id, proven, reason, protocol, address, count, first_at, last_at, held_off_until)
SELECT device_id, proven, reason, protocol, address, least(sum(count), 1000000000)::int, min(first_at), max(last_at), max(held_off_until)
FROM told GROUP BY device_id, proven, reason, protocol, address ORDER BY device_id, proven, reason, protocol, address
ON CONFLICT (device_id, proven, reason, protocol, address) DO UPDATE
  SET count = least(connection_failures.count::bigint + EXCLUDED.count, 1000000000)::int,
    last_at = greatest(connection_failures.last_at, EXCLUDED.last_at),
    held_off_until = greatest(connection_failures.held_off_until, EXCLUDED.held_off_until)
RETURNING device_id`;

/** What is one kind too many goes into the row of its reason that has no address. */
const foldSql = `WITH ranked AS (
  SELECT device_id, proven, reason, protocol, address,
    row_number() OVER (PARTITION BY device_id, proven ORDER BY last_at DESC) AS newest,
    row_number() OVER (PARTITION BY device_id, proven ORDER BY count DESC, first_at) AS most
  FROM connection_failures WHERE device_id = ANY($1::uuid[]) AND address <> ''
), gone AS (
  DELETE FROM connection_failures AS old USING ranked r
  WHERE (old.device_id, old.proven, old.reason, old.protocol, old.address) = (r.device_id, r.proven, r.reason, r.protocol, r.address)
    AND CASE WHEN r.proven THEN r.newest > $2 ELSE r.newest > $3 AND r.most > $3 END
  RETURNING old.*
)
INSERT INTO connection_failures (device_id, proven, reason, protocol, address, count, first_at, last_at)
SELECT device_id, proven, reason, '', '', least(sum(count), 1000000000)::int, min(first_at), max(last_at)
FROM gone GROUP BY device_id, proven, reason ORDER BY device_id, proven, reason
ON CONFLICT (device_id, proven, reason, protocol, address) DO UPDATE
  SET count = least(connection_failures.count::bigint + EXCLUDED.count, 1000000000)::int,
    first_at = least(connection_failures.first_at, EXCLUDED.first_at),
    last_at = greatest(connection_failures.last_at, EXCLUDED.last_at)`;

/** A change that came later has ended the waiting. */
const listSql = `SELECT f.proven, f.reason, f.protocol, f.address, f.count, f.first_at, f.last_at,
  CASE WHEN f.held_off_until > $3 AND NOT EXISTS (
    SELECT FROM device_changes c WHERE c.changed_at > f.last_at
      AND (c.device_id = d.id OR (c.device_id IS NULL AND c.product_key = d.product_key))
  ) THEN f.held_off_until END AS held_off_until
FROM connection_failures f JOIN devices d ON d.id = f.device_id
WHERE f.device_id = $1 AND f.last_at >= $2 ORDER BY f.last_at DESC LIMIT ${listedMax}`;

interface FailureColumns {
  readonly proven: boolean;
  readonly reason: string;
  readonly protocol: string;
  readonly address: string;
  readonly count: number;
  readonly first_at: Date;
  readonly last_at: Date;
  readonly held_off_until: Date | null;
}

export function createFailureStore({ pool }: Pick<Database, "pool">): FailureStore {
  return {
    async add(failures) {
      const column = <T>(read: (failure: (typeof failures)[number]) => T): T[] => failures.map(read);
      const { rows } = await pool.query<{ device_id: string }>(addSql, [
        column(({ productKey }) => productKey),
        column(({ deviceName }) => deviceName),
        column(({ fingerprint }) => fingerprint),
        column(({ proven }) => proven),
        column(({ reason }) => reason),
        column(({ protocol }) => protocol),
        column(({ address }) => address),
        column(({ count }) => count),
        column(({ firstAtMs }) => new Date(firstAtMs)),
        column(({ lastAtMs }) => new Date(lastAtMs)),
        column(({ heldOffUntilMs: untilMs }) => (untilMs === undefined ? null : new Date(untilMs))),
      ]);
      const touched = [...new Set(rows.map(({ device_id }) => device_id))];
      if (touched.length > 0) await pool.query(foldSql, [touched, provedPerDeviceMax, claimedPerDeviceMax]);
    },

    async list(deviceId, { sinceMs, nowMs }) {
      const { rows } = await pool.query<FailureColumns>(listSql, [deviceId, new Date(sinceMs), new Date(nowMs)]);
      return rows.map(toFailure);
    },
  };
}

function toFailure({ first_at, last_at, held_off_until: until, ...failure }: FailureColumns): StoredFailure {
  const held = until === null ? {} : { heldOffUntilMs: until.getTime() };
  return { ...failure, firstAtMs: first_at.getTime(), lastAtMs: last_at.getTime(), ...held };
}
