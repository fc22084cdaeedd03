import {
  asDeviceId,
  asDeviceName,
  asProductKey,
  asTenantId,
  type Device,
  type DeviceAddress,
  type KnownSubDevice,
  type SubDevice,
} from "@mooring/contracts";
import type { Database } from "@mooring/db";
import type { TopologyFault, TopologyStore } from "../ports.ts";
import type { ChangeLog, Transaction } from "./change-log.ts";
import { markActivated } from "./device-store.ts";

interface FoundColumns {
  readonly id: string;
  readonly tenant_id: string;
  readonly product_key: string;
  readonly device_name: string;
  readonly status: string;
}

const findSql = `SELECT d.id, d.tenant_id, d.product_key, d.device_name, d.status
FROM unnest($2::text[], $3::text[]) AS k (product_key, device_name)
  JOIN devices AS d ON d.product_key = k.product_key AND d.device_name = k.device_name
  JOIN sub_devices AS s ON s.device_id = d.id AND s.gateway_id = $1::uuid`;

const listSql = `SELECT d.id, d.product_key, d.device_name, s.added_at
FROM sub_devices AS s JOIN devices AS d ON d.id = s.device_id
WHERE s.gateway_id = $1::uuid AND (d.product_key, d.device_name) > ($2, $3)
ORDER BY d.product_key, d.device_name LIMIT $4`;

interface ListedColumns {
  readonly id: string;
  readonly product_key: string;
  readonly device_name: string;
  readonly added_at: Date;
}

export function createTopologyStore({ pool }: Pick<Database, "pool">, log: ChangeLog): TopologyStore {
  return {
    add: (gateway, subDevices, { atMs, max }) =>
      log.commit(async (tx, record) => {
        if (!(await lockAll(tx, [gateway, ...subDevices]))) return { fault: "gone", at: 0 };
        const fresh: Device[] = [];
        const added: SubDevice[] = [];
        for (const [at, device] of subDevices.entries()) {
          const { fault, addedAt } = await judge(tx, gateway, device);
          if (fault !== undefined) return { fault, at };
          if (addedAt === undefined && !fresh.some(({ deviceId }) => deviceId === device.deviceId)) fresh.push(device);
          const { productKey, deviceName, deviceId } = device;
          added.push({ productKey, deviceName, deviceId, addedAtMs: addedAt?.getTime() ?? atMs });
        }
        const count = fresh.length === 0 ? 0 : await tx.subDevice.count({ where: { gatewayId: gateway.deviceId } });
        if (fresh.length > 0 && count + fresh.length > max) return { fault: "limit", at: subDevices.length - 1 };
        const rows = fresh.map(({ deviceId }) => ({ deviceId, gatewayId: gateway.deviceId, addedAt: new Date(atMs) }));
        await tx.subDevice.createMany({ data: rows });
        const ids = rows.map(({ deviceId }) => deviceId);
        await markActivated(tx, ids, atMs);
        for (const device of fresh) await record(device);
        return { added };
      }),

    remove: (gateway, device) =>
      log.commit(async (tx, record) => {
        const { count } = await tx.subDevice.deleteMany({ where: { deviceId: device.deviceId, gatewayId: gateway.deviceId } });
        if (count > 0) await record(device);
      }),

    async list(gatewayId, { after = "/", limit }) {
      const [productKey, deviceName = ""] = after.split("/", 2);
      const { rows } = await pool.query<ListedColumns>(listSql, [gatewayId, productKey, deviceName, limit]);
      return rows.map((row) => ({
        productKey: row.product_key,
        deviceName: row.device_name,
        deviceId: row.id,
        addedAtMs: row.added_at.getTime(),
      }));
    },

    async find(gatewayId, devices) {
      const values = [gatewayId, devices.map(({ productKey }) => productKey), devices.map(({ deviceName }) => deviceName)];
      const { rows } = await pool.query<FoundColumns>({ name: "sub-devices-find", text: findSql, values });
      return rows.map(toKnown);
    },
  };
}

/** In one order, so that two who add each other's devices do not wait for each other. False when one of them is gone. */
async function lockAll(tx: Transaction, devices: readonly Device[]): Promise<boolean> {
  const ids = [...new Set(devices.map(({ deviceId }) => deviceId))];
  const rows = await tx.$queryRaw<unknown[]>`SELECT id FROM devices WHERE id = ANY(${ids}::uuid[]) ORDER BY id FOR UPDATE`;
  return rows.length === ids.length;
}

async function judge(
  tx: Transaction,
  gateway: Device,
  { deviceId }: DeviceAddress & { readonly deviceId: string },
): Promise<{ readonly fault?: TopologyFault; readonly addedAt?: Date }> {
  if (deviceId === gateway.deviceId) return { fault: "self" };
  if ((await tx.subDevice.findUnique({ where: { deviceId: gateway.deviceId } })) !== null) return { fault: "isSubDevice" };
  const current = await tx.subDevice.findUnique({ where: { deviceId } });
  if (current !== null) return current.gatewayId === gateway.deviceId ? { addedAt: current.addedAt } : { fault: "taken" };
  const own = await tx.subDevice.findFirst({ where: { gatewayId: deviceId } });
  return own === null ? {} : { fault: "hasSubDevices" };
}

function toKnown({ id, tenant_id, product_key, device_name, status }: FoundColumns): KnownSubDevice {
  const device = {
    tenantId: asTenantId(tenant_id),
    deviceId: asDeviceId(id),
    productKey: asProductKey(product_key),
    deviceName: asDeviceName(device_name),
  };
  return { device, status };
}
