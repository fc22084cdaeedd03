import { randomUUID } from "node:crypto";
import { asDeviceId, asDeviceName, asProductKey, asTenantId, type Device, type DeviceAddress, type DeviceRef } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import type { Enrolment, EnrolmentOutcome, RegistrationCredential, Rotated, Rotation, SecretStore } from "../secret-ports.ts";
import type { ChangeLog, ChangeSubject, Transaction } from "./change-log.ts";
import { type StoredSecretColumns, toStoredSecret } from "./credential-store.ts";
import { insertDeviceEvent } from "./device-event-store.ts";
import { lockDevice } from "./device-store.ts";
import { isTaken } from "./prisma-errors.ts";

const registrationSql = `SELECT tenant_id, product_key, secret_authentication, legacy_signatures, registration, sealed_secret, secret_version,
  sealed_previous_secret, previous_secret_version, previous_secret_until,
  EXISTS (SELECT FROM suspended_tenants s WHERE s.tenant_id = products.tenant_id) AS suspended
FROM products WHERE product_key = $1`;

interface RegistrationColumns extends StoredSecretColumns {
  readonly tenant_id: string;
  readonly product_key: string;
  readonly secret_authentication: boolean;
  readonly legacy_signatures: boolean;
  readonly registration: string;
  readonly suspended: boolean;
}

export function createSecretStore({ pool }: Pick<Database, "pool">, log: ChangeLog): SecretStore {
  const enrolOnce = (product: RegistrationCredential, address: DeviceAddress, enrolment: Enrolment): Promise<EnrolmentOutcome> =>
    log.commit(async (tx, record) => {
      const device = await lockDevice(tx, product.tenantId, address);
      if (device !== undefined) return renew(tx, device, enrolment, record);
      return enrolment.kind === "token" ? create(tx, product, { address, enrolment }, record) : "unknown";
    });

  return {
    rotateDevice: (device, rotation) =>
      log.commit(async (tx, record) => {
        const row = await lockDevice(tx, device.tenantId, device);
        if (row?.deviceId !== device.deviceId) return undefined;
        const where = { id: row.deviceId };
        const { data, rotated } = rotate(await tx.device.findUniqueOrThrow({ where }), rotation);
        await tx.device.update({ where, data: { ...data, activatedAt: new Date(rotation.nowMs) } });
        await record(row);
        return rotated;
      }),

    rotateProduct: ({ productKey, tenantId }, rotation) =>
      log.commit(async (tx) => {
        await tx.$queryRaw`SELECT 1 AS locked FROM products WHERE product_key = ${productKey} FOR UPDATE`;
        const row = await tx.product.findFirst({ where: { productKey, tenantId } });
        if (row === null) return undefined;
        const { data, rotated } = rotate(row, rotation);
        await tx.product.update({ where: { productKey }, data });
        return rotated;
      }),

    async findRegistration(productKey) {
      const query = { name: "product-registration", text: registrationSql, values: [productKey] };
      const [row] = (await pool.query<RegistrationColumns>(query)).rows;
      return row === undefined ? undefined : toRegistration(row);
    },

    async enrol(product, address, enrolment) {
      try {
        return await enrolOnce(product, address, enrolment);
      } catch (error) {
        // Somebody made the device meanwhile: now it is one that is there.
        if (isTaken(error)) return enrolOnce(product, address, enrolment);
        throw error;
      }
    },
  };
}

interface SecretRow {
  readonly sealedSecret: string | null;
  readonly secretVersion: number;
}

/** Only the last secret lives on beside the new one: three good secrets would be one too many. */
function rotate({ sealedSecret, secretVersion }: SecretRow, { seal, nowMs, overlapMs }: Rotation) {
  const version = secretVersion + 1;
  const untilMs = sealedSecret === null || overlapMs === 0 ? undefined : nowMs + overlapMs;
  const data = {
    sealedSecret: seal(version),
    secretVersion: version,
    sealedPreviousSecret: untilMs === undefined ? null : sealedSecret,
    previousSecretVersion: untilMs === undefined ? 0 : secretVersion,
    previousSecretUntil: untilMs === undefined ? null : new Date(untilMs),
  };
  return { data, rotated: { version, previousValidUntilMs: untilMs } satisfies Rotated };
}

type Record = (subject: ChangeSubject) => Promise<void>;

/** Given again to a device that has never been here; one that has, or that an operator has given a credential, is left alone. */
async function renew(tx: Transaction, device: Device, enrolment: Enrolment, record: Record): Promise<EnrolmentOutcome> {
  if (device.status !== "enabled") return "disabled";
  const where = { id: device.deviceId };
  const row = await tx.device.findUniqueOrThrow({ where, include: { _count: { select: { certificates: true, publicKeys: true } } } });
  if (row.activatedAt !== null || row._count.certificates + row._count.publicKeys > 0) return "already-activated";
  if (enrolment.kind === "token") {
    await tx.device.update({ where, data: { tokenHash: enrolment.tokenHash, tokenVersion: { increment: 1 } } });
  } else {
    const version = row.secretVersion + 1;
    await tx.device.update({ where, data: { sealedSecret: enrolment.seal(refOf(device), version), secretVersion: version } });
  }
  await record(device);
  return "enrolled";
}

interface Newcomer {
  readonly address: DeviceAddress;
  readonly enrolment: Enrolment & { readonly kind: "token" };
}

async function create(
  tx: Transaction,
  { tenantId, productKey }: RegistrationCredential,
  { address: { deviceName }, enrolment: { tokenHash, nowMs } }: Newcomer,
  record: Record,
): Promise<EnrolmentOutcome> {
  const counted = await tx.$executeRaw`UPDATE products SET registered_devices = registered_devices + 1
    WHERE product_key = ${productKey} AND registered_devices < registered_devices_max`;
  if (counted === 0) return "registration-limit";
  const device: Device = { tenantId, productKey, deviceName, deviceId: randomUUID(), status: "enabled", tags: {}, createdAtMs: nowMs };
  const { deviceId, status } = device;
  const row = { id: deviceId, tenantId, productKey, deviceName, status, createdAt: new Date(nowMs), tokenHash, tokenVersion: 1 };
  await tx.device.create({ data: row });
  await insertDeviceEvent(tx, device, "created", { principal: `device:${productKey}/${deviceName}`, atMs: nowMs });
  await record({ productKey, deviceId });
  return "enrolled";
}

function refOf({ tenantId, deviceId, productKey, deviceName }: Device): DeviceRef {
  const names = { productKey: asProductKey(productKey), deviceName: asDeviceName(deviceName) };
  return { tenantId: asTenantId(tenantId), deviceId: asDeviceId(deviceId), ...names };
}

function toRegistration(row: RegistrationColumns): RegistrationCredential {
  return {
    tenantId: row.tenant_id,
    productKey: row.product_key,
    secretAuthentication: row.secret_authentication,
    legacySignatures: row.legacy_signatures,
    registration: row.registration,
    isSuspended: row.suspended,
    secret: toStoredSecret(row),
  };
}
