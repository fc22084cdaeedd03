import type { DevicePublicKey } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import type { PublicKeyStore } from "../secret-ports.ts";
import type { ChangeLog } from "./change-log.ts";
import { lockDevice, markActivated } from "./device-store.ts";

export function createPublicKeyStore({ prisma }: Pick<Database, "prisma">, log: ChangeLog): PublicKeyStore {
  return {
    insert: (device, { createdAtMs, ...key }, max) =>
      log.commit(async (tx, record) => {
        const { deviceId } = device;
        const row = await lockDevice(tx, device.tenantId, device);
        if (row?.deviceId !== deviceId) return "gone";
        const known = await tx.devicePublicKey.findUnique({ where: { deviceId_keyId: { deviceId, keyId: key.keyId } } });
        if (known !== null) return toPublicKey(known);
        if ((await tx.devicePublicKey.count({ where: { deviceId } })) >= max) return "limit";
        const stored = await tx.devicePublicKey.create({ data: { deviceId, ...key, createdAt: new Date(createdAtMs) } });
        await markActivated(tx, [deviceId], createdAtMs);
        await record(row);
        return toPublicKey(stored);
      }),

    async list(deviceId) {
      const orderBy = [{ createdAt: "desc" as const }, { keyId: "asc" as const }];
      return (await prisma.devicePublicKey.findMany({ where: { deviceId }, orderBy })).map(toPublicKey);
    },

    delete: ({ deviceId, productKey }, keyId) =>
      log.commit(async (tx, record) => {
        const { count } = await tx.devicePublicKey.deleteMany({ where: { deviceId, keyId } });
        if (count > 0) await record({ productKey, deviceId });
        return count > 0;
      }),
  };
}

interface PublicKeyRow {
  readonly keyId: string;
  readonly algorithm: string;
  readonly createdAt: Date;
}

function toPublicKey({ keyId, algorithm, createdAt }: PublicKeyRow): DevicePublicKey {
  return { keyId, algorithm, createdAtMs: createdAt.getTime() };
}
