// Hot: every request that names a device begins here. Looks asked for while one is under way are one statement together.
import type { DeviceAddress } from "@mooring/contracts";
import type { Database } from "@mooring/db";

export interface DeviceRow {
  readonly id: string;
  readonly tenantId: string;
  readonly productKey: string;
  readonly deviceName: string;
  readonly status: string;
  readonly tags: unknown;
  readonly createdAt: Date;
}

/** The device of this name in the tenant; of any tenant when that is null. */
export type FindDevice = (address: DeviceAddress, tenantId: string | null) => Promise<DeviceRow | undefined>;

interface Asked {
  readonly address: DeviceAddress;
  readonly tenantId: string | null;
  readonly resolve: (row: DeviceRow | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** In one statement; more wait for the next. */
const batchMax = 500;
/** Statements at the same time: a slow one holds nobody up who asks after it. */
const statementsMax = 4;

const text = `
  SELECT k.place::int, d.id, d.tenant_id AS "tenantId", d.product_key AS "productKey", d.device_name AS "deviceName", d.status, d.tags,
    d.created_at AS "createdAt"
  FROM unnest($1::text[], $2::text[], $3::uuid[]) WITH ORDINALITY AS k (product_key, device_name, tenant_id, place)
    JOIN devices AS d ON d.product_key = k.product_key AND d.device_name = k.device_name AND (k.tenant_id IS NULL OR d.tenant_id = k.tenant_id)`;

export function createFindDevice(pool: Pick<Database["pool"], "query">): FindDevice {
  let waiting: Asked[] = [];
  let running = 0;

  async function look(batch: readonly Asked[]): Promise<void> {
    try {
      const values = [
        batch.map(({ address }) => address.productKey),
        batch.map(({ address }) => address.deviceName),
        batch.map(({ tenantId }) => tenantId),
      ];
      const { rows } = await pool.query<DeviceRow & { readonly place: number }>({ name: "device-find", text, values });
      const found = new Map(rows.map((row) => [row.place, row]));
      for (const [index, { resolve }] of batch.entries()) resolve(found.get(index + 1));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  function start(): void {
    while (waiting.length > 0 && running < statementsMax) {
      const batch = waiting.slice(0, batchMax);
      waiting = waiting.slice(batchMax);
      running++;
      void look(batch).finally(() => {
        running--;
        start();
      });
    }
  }

  return (address, tenantId) =>
    new Promise((resolve, reject) => {
      waiting.push({ address, tenantId, resolve, reject });
      // At the end of the turn, so that what is asked in it is asked together.
      if (waiting.length === 1) setImmediate(start);
    });
}
