// A claim provisions a device, in one transaction.
//
//   no device of this name             made, if the claim may make one more
//   one that has no credential at all  made by an operator for this: it becomes the claim's, and counts as made
//   one that a claim has provisioned   with the same key: it is the same device; with another: only where the claim allows it, and what it had ends
//   any other                          left alone
import type { Device } from "@mooring/contracts";
import type { ClaimCredential, Provisioning, ProvisioningOutcome } from "../claim-ports.ts";
import { toRow } from "./certificate-store.ts";
import type { ChangeLog, Transaction } from "./change-log.ts";
import { insertDeviceEvent } from "./device-event-store.ts";
import { lockDevice } from "./device-store.ts";
import { putRevocation } from "./revocations.ts";

type Record = Parameters<Parameters<ChangeLog["commit"]>[0]>[1];

export async function provision(tx: Transaction, record: Record, claim: ClaimCredential, plan: Provisioning): Promise<ProvisioningOutcome> {
  // Before the device, always: all of one claim wait for each other, so that its count holds.
  await tx.$queryRaw`SELECT 1 AS locked FROM claims WHERE id = ${claim.id}::uuid FOR UPDATE`;
  const now = await tx.claim.findUnique({ where: { id: claim.id } });
  if (now?.status !== "active") return "claim-over";
  const known = await findDevice(tx, plan.device);
  if (known === "another's") return "name-taken";
  // A token that is shown again, for the same device or for another.
  const owner = await tx.certificate.findFirst({ where: { fingerprint: plan.certificate.fingerprint } });
  if (owner !== null) return known?.deviceId === owner.deviceId && owner.status === "active" ? { made: "same" } : "provisioned-already";
  const hasRoom = now.devices < now.devicesMax;
  if (known === undefined) {
    if (!hasRoom) return "claim-limit";
    await createDevice(tx, plan);
    return keep(tx, record, claim, plan, { deviceId: plan.device.deviceId, counts: true, made: "made" });
  }
  if (known.status !== "enabled") return "disabled";
  return provisionKnown(tx, record, { claim, plan, known, hasRoom, allowsNewKeys: now.allowsNewKeys });
}

interface Known {
  readonly claim: ClaimCredential;
  readonly plan: Provisioning;
  readonly known: Device;
  readonly hasRoom: boolean;
  readonly allowsNewKeys: boolean;
}

async function provisionKnown(
  tx: Transaction,
  record: Record,
  { claim, plan, known, hasRoom, allowsNewKeys }: Known,
): Promise<ProvisioningOutcome> {
  const { deviceId } = known;
  const certificates = await tx.certificate.findMany({ where: { deviceId }, include: { authority: { select: { issuingPem: true } } } });
  const row = await tx.device.findUniqueOrThrow({ where: { id: deviceId }, include: { _count: { select: { publicKeys: true } } } });
  const isBare = row.activatedAt === null && row.sealedSecret === null && row.tokenHash === null && row._count.publicKeys === 0;
  if (certificates.length === 0) {
    if (!isBare) return "name-taken";
    if (!hasRoom) return "claim-limit";
    return keep(tx, record, claim, plan, { deviceId, counts: true, made: "made" });
  }
  // Also one that was brought along, renewed or given by hand makes the device one that no claim takes over.
  if (row._count.publicKeys > 0 || row.sealedSecret !== null || certificates.some(({ claimId }) => claimId === null)) return "name-taken";
  const usable = certificates.filter(
    ({ status, notAfter, supersedeAt }) => status === "active" && notAfter.getTime() > plan.by.atMs && supersedeAt === null,
  );
  const same = usable.find(({ pem }) => plan.isSameKey(pem));
  if (same !== undefined) {
    const kept = { pem: same.pem, issuingPem: same.authority.issuingPem, notAfterMs: same.notAfter.getTime() };
    if (plan.keepsKnown) return { made: "same", kept };
    if (usable.length >= plan.activeMax) return "too-many-certificates";
    return keep(tx, record, claim, plan, { deviceId, counts: false, made: "same" });
  }
  if (!allowsNewKeys) return "provisioned-already";
  const at = new Date(plan.by.atMs);
  for (const certificate of certificates) {
    if (!["active", "inactive", "pending"].includes(certificate.status)) continue;
    const data = { status: "revoked", revokedAt: at, revocationReason: "superseded" };
    const { fingerprint, route } = certificate;
    await tx.certificate.update({ where: { fingerprint_route: { fingerprint, route } }, data });
    await putRevocation(tx, certificate, { at, reason: "superseded" });
  }
  return keep(tx, record, claim, plan, { deviceId, counts: false, made: "renewed" });
}

interface Kept {
  readonly deviceId: string;
  readonly counts: boolean;
  readonly made: "made" | "same" | "renewed";
}

async function keep(
  tx: Transaction,
  record: Record,
  { id: claimId, productKey }: ClaimCredential,
  { certificate, by }: Provisioning,
  { deviceId, counts, made }: Kept,
): Promise<ProvisioningOutcome> {
  if (counts) await tx.claim.update({ where: { id: claimId }, data: { devices: { increment: 1 } } });
  await tx.certificate.create({ data: { ...toRow({ ...certificate, deviceId }), claimId } });
  await tx.device.update({ where: { id: deviceId }, data: { activatedAt: new Date(by.atMs) } });
  await record({ productKey, deviceId });
  return { made };
}

async function findDevice(tx: Transaction, { tenantId, productKey, deviceName }: Device): Promise<Device | "another's" | undefined> {
  const found = await lockDevice(tx, tenantId, { productKey, deviceName });
  if (found !== undefined) return found;
  const other = await tx.device.findUnique({ where: { productKey_deviceName: { productKey, deviceName } } });
  return other === null ? undefined : "another's";
}

async function createDevice(tx: Transaction, { device, by }: Provisioning): Promise<void> {
  const { deviceId: id, tenantId, productKey, deviceName, status, tags, createdAtMs } = device;
  await tx.device.create({ data: { id, tenantId, productKey, deviceName, status, tags: { ...tags }, createdAt: new Date(createdAtMs) } });
  await insertDeviceEvent(tx, device, "created", by);
}
