import { type DeviceChange, PlatformError } from "@mooring/contracts";
import { type Database, type Prisma, transaction } from "@mooring/db";
import type { ChangeStore } from "../ports.ts";
import { isOverloaded } from "./prisma-errors.ts";

export type Transaction = Prisma.TransactionClient;
/** A transaction in plain SQL. */
export type SqlTransaction = Parameters<Parameters<typeof transaction>[1]>[0];

/** What a change is about; without a device it is the product itself. */
export interface ChangeSubject {
  readonly productKey: string;
  readonly deviceId?: string;
}

/** Held from before an offset is drawn until commit, so that offsets become visible in the order they were drawn. */
export const changeLock = 4_706_002;

/** Callers wait 10 s at most; what cannot begin by half of that is refused while they still listen. */
const transactionLimits = { maxWait: 5_000, timeout: 5_000 };
/** The same for plain SQL. */
const lockLimit = "SET LOCAL lock_timeout = '5s'";

export interface ChangeLog extends ChangeStore {
  /**
   * Runs `work` in a transaction. What it calls `record` with is committed with it, or not at all; recording is the last thing `work` does,
   * since every other change waits from then on. Throws `unavailable` when there are more changes than can be made in time.
   */
  commit<T>(work: (tx: Transaction, record: (subject: ChangeSubject) => Promise<void>) => Promise<T>): Promise<T>;
  /** The same in plain SQL, for what is done often. What `work` answers is committed; what it throws is nothing done. Its last statement records the change as `recordFrom` does. */
  commitSql<T>(work: (client: SqlTransaction) => Promise<T>): Promise<T>;
}

/**
 * The end of a statement that records one change for each row of the CTE `made`: the lock is held before the row, and with it its offset, is drawn. Parameters are
 * expressions for the product's key and the device's id.
 */
export const recordFrom = (productKey: string, deviceId: string): string =>
  `held AS MATERIALIZED (SELECT pg_advisory_xact_lock(${changeLock}::bigint) FROM made)
  INSERT INTO device_changes (product_key, device_id) SELECT ${productKey}, ${deviceId} FROM held`;

interface ChangeRow {
  readonly first: string | null;
  readonly last: string | null;
  readonly offset: string | null;
  readonly product_key: string;
  readonly device_id: string | null;
  readonly device_name: string | null;
  readonly fingerprints: readonly string[] | null;
}

const fingerprintsMax = 20;

/** With each change what its device is known by now, so that readers who know no device ids find it. */
const readSql = `WITH kept AS (SELECT min("offset") AS first, max("offset") AS last FROM device_changes)
SELECT kept.first, kept.last, found."offset", found.product_key, found.device_id, d.device_name, shown.fingerprints
FROM kept LEFT JOIN LATERAL (
  SELECT "offset", product_key, device_id FROM device_changes WHERE "offset" > $1 ORDER BY "offset" LIMIT $2
) AS found ON true
LEFT JOIN devices d ON d.id = found.device_id
LEFT JOIN LATERAL (
  SELECT array_agg(c.fingerprint) AS fingerprints FROM (
    SELECT DISTINCT fingerprint, not_after FROM certificates WHERE device_id = d.id ORDER BY not_after DESC LIMIT ${fingerprintsMax}
  ) AS c
) AS shown ON true
ORDER BY found."offset"`;

const removeSql = `DELETE FROM device_changes
WHERE changed_at < now() - make_interval(secs => $1) AND "offset" < (SELECT max("offset") FROM device_changes)`;

export function createChangeLog({ prisma, pool }: Pick<Database, "prisma" | "pool">, limits = transactionLimits): ChangeLog {
  const listeners = new Set<() => void>();
  return {
    async commit(work) {
      let recorded = false;
      const run = async (tx: Transaction) =>
        await work(tx, async (subject) => {
          await append(tx, subject);
          recorded = true;
        });
      const result = await prisma.$transaction(run, limits).catch(reportOverload);
      if (recorded) for (const listener of listeners) listener();
      return result;
    },

    async commitSql(work) {
      const result = await transaction(pool, work, lockLimit).catch(reportOverload);
      for (const listener of listeners) listener();
      return result;
    },

    async read(after, limit) {
      const { rows } = await pool.query<ChangeRow>(readSql, [after, limit]);
      const changes = rows.filter((row) => row.offset !== null).map(toChange);
      return { first: Number(rows[0]?.first ?? 0), last: Number(rows[0]?.last ?? 0), changes };
    },

    onAppended(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },

    async removeOlderThan(ageMs) {
      const { rowCount } = await pool.query(removeSql, [ageMs / 1000]);
      return rowCount ?? 0;
    },
  };
}

function reportOverload(error: unknown): never {
  if (isOverloaded(error)) throw new PlatformError("unavailable", "too many changes at once; try again", { cause: error });
  throw error;
}

async function append(tx: Transaction, { productKey, deviceId }: ChangeSubject): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${changeLock}::bigint)`;
  await tx.deviceChange.create({ data: { productKey, ...(deviceId === undefined ? {} : { deviceId }) } });
}

function toChange({ offset, product_key: productKey, device_id, device_name, fingerprints }: ChangeRow): DeviceChange {
  return {
    ...{ offset: Number(offset), productKey },
    ...(device_id !== null && { deviceId: device_id }),
    ...(device_name !== null && { deviceName: device_name }),
    ...(fingerprints !== null && { fingerprints }),
  };
}
