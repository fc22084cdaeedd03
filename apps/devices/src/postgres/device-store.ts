import type { Device, DeviceAddress } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import type { DeviceStore, Tags } from "../ports.ts";
import type { ChangeLog, Transaction } from "./change-log.ts";
import { insertDeviceEvent } from "./device-event-store.ts";
import { createFindDevice, type DeviceRow } from "./find-devices.ts";
import { isTaken } from "./prisma-errors.ts";
import { tenantIn } from "./product-store.ts";
import { revokeAllOf } from "./revocations.ts";

export function createDeviceStore({ prisma, pool }: Pick<Database, "prisma" | "pool">, log: ChangeLog): DeviceStore {
  const findDevice = createFindDevice(pool);
  return {
    async insert(device, by) {
      const { deviceId, tenantId, productKey, deviceName, status, createdAtMs } = device;
      const data = { id: deviceId, tenantId, productKey, deviceName, status, createdAt: new Date(createdAtMs) };
      try {
        await log.commit(async (tx, record) => {
          await tx.device.create({ data });
          await insertDeviceEvent(tx, device, "created", by);
          await record({ productKey, deviceId });
        });
        return "inserted";
      } catch (error) {
        if (isTaken(error)) return "taken";
        throw error;
      }
    },

    async find(scope, address) {
      const row = await findDevice(address, tenantIn(scope));
      return row === undefined ? undefined : toDevice(row);
    },

    async list(tenantId, productKey, { after, limit }) {
      const where = { tenantId, productKey, ...(after === undefined ? {} : { deviceName: { gt: after } }) };
      const rows = await prisma.device.findMany({ where, orderBy: { deviceName: "asc" }, take: limit });
      return rows.map(toDevice);
    },

    setStatus: (tenantId, address, status, by) =>
      log.commit(async (tx, record) => {
        const row = await lockDevice(tx, tenantId, address);
        if (row === undefined || row.status === status) return row;
        const changed = await tx.device.update({ where: { id: row.deviceId }, data: { status } });
        await insertDeviceEvent(tx, row, status, by);
        await record(row);
        return toDevice(changed);
      }),

    setTags: (tenantId, address, tags) =>
      log.commit(async (tx, record) => {
        const row = await lockDevice(tx, tenantId, address);
        if (row === undefined || isSame(row.tags, tags)) return row;
        const changed = await tx.device.update({ where: { id: row.deviceId }, data: { tags } });
        await record(row);
        return toDevice(changed);
      }),

    async findTags(deviceIds) {
      const query = { name: "device-tags", text: "SELECT id, tags FROM devices WHERE id = ANY($1::uuid[])", values: [deviceIds] };
      const { rows } = await pool.query<{ id: string; tags: Tags }>(query);
      return rows.map(({ id, tags }) => ({ deviceId: id, tags }));
    },

    delete: (tenantId, address, by) =>
      log.commit(async (tx, record) => {
        const row = await lockDevice(tx, tenantId, address);
        if (row === undefined) return false;
        await revokeAllOf(tx, row.deviceId, by.atMs);
        await insertDeviceEvent(tx, row, "deleted", by);
        await tx.device.delete({ where: { id: row.deviceId } });
        await record(row);
        return true;
      }),
  };
}

/**
 * Has had a certificate, a key or a gateway: never again one that product secrets, claims and authorities may take for a device that has not been here, also when all of that is gone.
 * The devices are locked.
 */
export async function markActivated(tx: Transaction, deviceIds: readonly string[], atMs: number): Promise<void> {
  await tx.device.updateMany({ where: { id: { in: [...deviceIds] }, activatedAt: null }, data: { activatedAt: new Date(atMs) } });
}

/** Makes changes to one device wait for each other. Undefined when there is no such device in the tenant. */
export async function lockDevice(tx: Transaction, tenantId: string, address: DeviceAddress): Promise<Device | undefined> {
  const { productKey, deviceName } = address;
  const locked = await tx.$queryRaw<{ readonly id: string }[]>`SELECT id FROM devices
    WHERE product_key = ${productKey} AND device_name = ${deviceName} AND tenant_id = ${tenantId}::uuid FOR UPDATE`;
  const [found] = locked;
  return found === undefined ? undefined : toDevice(await tx.device.findUniqueOrThrow({ where: { id: found.id } }));
}

function toDevice({ id, tenantId, productKey, deviceName, status, tags, createdAt }: DeviceRow): Device {
  return { tenantId, productKey, deviceName, deviceId: id, status, tags: tags as Tags, createdAtMs: createdAt.getTime() };
}

function isSame(a: Tags, b: Tags): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}
