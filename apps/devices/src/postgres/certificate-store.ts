import type { Device } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import type { CertificateStore, NewArrival, NewCertificate } from "../certificate-ports.ts";
import { keyDigestOf } from "../compromised-keys.ts";
import { createCertificateEnds } from "./certificate-ends.ts";
import { readCertificates, toCertificate } from "./certificate-views.ts";
import type { ChangeLog, Transaction } from "./change-log.ts";
import { revokeKey } from "./compromised-keys.ts";
import { insertDeviceEvent } from "./device-event-store.ts";
import { markActivated } from "./device-store.ts";
import { insertCertificate } from "./insert-certificate.ts";
import { isTaken } from "./prisma-errors.ts";
import { putRevocation, removeHold } from "./revocations.ts";

export function createCertificateStore({ prisma }: Pick<Database, "prisma">, log: ChangeLog): CertificateStore {
  return {
    insert: (certificate, limits) => insertCertificate(log, certificate, limits),

    async insertArrival(arrival) {
      try {
        return await log.commit((tx, record) => insertArrival(tx, record, arrival));
      } catch (error) {
        // Made by another connection of the same device at the same moment: what it made is looked at.
        if (isTaken(error)) return "known";
        throw error;
      }
    },

    list: (deviceId, limit) => readCertificates(prisma, { deviceId, limit }),

    async find(deviceId, fingerprint) {
      const [certificate] = await readCertificates(prisma, { deviceId, fingerprint, limit: 1 });
      return certificate;
    },

    async listUsable(deviceId, nowMs, limit) {
      const where = { deviceId, ...usableAt(nowMs), supersedeAt: null };
      const rows = await prisma.certificate.findMany({ where, include: { authority: { select: { issuingPem: true } } }, take: limit });
      return rows.map((row) => ({ certificate: toCertificate(row), pem: row.pem, issuingPem: row.authority.issuingPem }));
    },

    revoke: ({ tenantId, deviceId, productKey }, fingerprint, { revokedAtMs, reason }) =>
      log.commit(async (tx, record) => {
        const at = new Date(revokedAtMs);
        // The condition on revoked_at makes the first of two revocations count.
        const { count } = await tx.certificate.updateMany({
          where: { fingerprint, deviceId, revokedAt: null },
          data: { status: "revoked", revokedAt: at, revocationReason: reason },
        });
        const row = await tx.certificate.findFirst({ where: { fingerprint, deviceId } });
        if (count > 0 && row !== null) await putRevocation(tx, row, { at, reason });
        if (count > 0) await record({ productKey, deviceId });
        if (row !== null && reason === "keyCompromise")
          for (const affected of await revokeKey(tx, { tenantId, keyDigest: keyDigestOf(row.pem), at }))
            await record({ productKey: affected });
        return row === null ? undefined : toCertificate(row);
      }),

    setStatus: ({ deviceId, productKey }, fingerprint, status, nowMs) =>
      log.commit(async (tx, record) => {
        const { count } = await tx.certificate.updateMany({
          where: { fingerprint, deviceId, status: { in: ["pending", "active", "inactive"] } },
          data: { status },
        });
        const row = await tx.certificate.findFirst({ where: { fingerprint, deviceId } });
        if (count === 0 || row === null) return undefined;
        if (status === "inactive") await putRevocation(tx, row, { at: new Date(nowMs), reason: "certificateHold" });
        else await removeHold(tx, row.authorityId, row.serial);
        await record({ productKey, deviceId });
        return toCertificate(row);
      }),

    async nameKeys(limit) {
      const rows = await prisma.certificate.findMany({ where: { keyDigest: null }, select: { fingerprint: true, pem: true }, take: limit });
      for (const { fingerprint, pem } of rows)
        await prisma.certificate.updateMany({ where: { fingerprint }, data: { keyDigest: keyDigestOf(pem) } });
      return rows.length;
    },

    ...createCertificateEnds(log),
  };
}

/** Those that work, or will once somebody says so. */
const usableAt = (nowMs: number) => ({
  status: { in: ["pending", "active", "inactive"] },
  notAfter: { gt: new Date(nowMs) },
  authority: { status: { not: "revoked" } },
});

function countUsable(tx: Transaction, deviceId: string, nowMs: number): Promise<number> {
  return tx.certificate.count({ where: { deviceId, ...usableAt(nowMs), supersedeAt: null } });
}

type Record = Parameters<Parameters<ChangeLog["commit"]>[0]>[1];

async function insertArrival(tx: Transaction, record: Record, arrival: NewArrival): Promise<"inserted" | "limit" | "taken"> {
  const { certificate, by, pendingMax, activeMax } = arrival;
  const { authorityId, status } = certificate;
  const existing = await findOwner(tx, arrival.device);
  if (existing === "another's") return "taken";
  const deviceId = existing ?? arrival.device.deviceId;
  if (status === "pending" && (await tx.certificate.count({ where: { authorityId, status } })) >= pendingMax) return "limit";
  if (existing === undefined) await createDevice(tx, arrival.device, by);
  else if (await isOfAnotherOrigin(tx, deviceId, authorityId)) return "taken";
  else if ((await countUsable(tx, deviceId, by.atMs)) >= activeMax) return "limit";
  await tx.certificate.create({ data: toRow({ ...certificate, deviceId }) });
  await markActivated(tx, [deviceId], by.atMs);
  await record({ productKey: arrival.device.productKey, deviceId });
  return "inserted";
}

/** Some credential of the device came otherwise than from this authority: what has none of its certificates and has anything else, or another's certificate. */
async function isOfAnotherOrigin(tx: Transaction, deviceId: string, authorityId: string): Promise<boolean> {
  if ((await tx.certificate.count({ where: { deviceId, authorityId: { not: authorityId } } })) > 0) return true;
  if ((await tx.certificate.count({ where: { deviceId } })) > 0) return false;
  const row = await tx.device.findUniqueOrThrow({ where: { id: deviceId }, include: { _count: { select: { publicKeys: true } } } });
  return row.sealedSecret !== null || row.tokenHash !== null || row.activatedAt !== null || row._count.publicKeys > 0;
}

async function findOwner(tx: Transaction, { tenantId, productKey, deviceName }: Device): Promise<string | "another's" | undefined> {
  await tx.$queryRaw`SELECT 1 AS locked FROM devices WHERE product_key = ${productKey} AND device_name = ${deviceName} FOR UPDATE`;
  const found = await tx.device.findUnique({ where: { productKey_deviceName: { productKey, deviceName } } });
  if (found === null) return undefined;
  return found.tenantId === tenantId ? found.id : "another's";
}

async function createDevice(tx: Transaction, device: Device, by: NewArrival["by"]): Promise<void> {
  const { deviceId: id, tenantId, productKey, deviceName, status, tags, createdAtMs } = device;
  await tx.device.create({ data: { id, tenantId, productKey, deviceName, status, tags, createdAt: new Date(createdAtMs) } });
  await insertDeviceEvent(tx, device, "created", by);
}

export function toRow(certificate: NewCertificate) {
  const { fingerprint, deviceId, authorityId, route = "", serial, subject, status, pem, notBeforeMs, notAfterMs } = certificate;
  const validity = { notBefore: new Date(notBeforeMs), notAfter: new Date(notAfterMs) };
  return { keyDigest: keyDigestOf(pem), fingerprint, deviceId, authorityId, route, serial, subject, status, pem, ...validity };
}
