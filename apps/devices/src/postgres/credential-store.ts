import { asDeviceId, asDeviceName, asProductKey, asTenantId, type DeviceRef, type RevocationListMode } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import type { CertificateCredential } from "../certificate-ports.ts";
import type { CredentialStore, KeyCredential, SecretCredential, StoredSecret } from "../secret-ports.ts";
import { askByDevice } from "./by-device.ts";
import { gather } from "./gather.ts";
import { statusSql } from "./suspension-store.ts";

export interface DeviceColumns {
  readonly device_id: string;
  readonly tenant_id: string;
  readonly product_key: string;
  readonly device_name: string;
  readonly status: string;
}

interface CertificateColumns extends DeviceColumns {
  readonly fingerprint: string;
  readonly serial: string;
  readonly certificate_status: string;
  readonly subject: string;
  readonly claimed: boolean;
  readonly supersede_at: Date | null;
  readonly listed: boolean;
  readonly not_before: Date;
  readonly not_after: Date;
  readonly authority_id: string;
  readonly authority_tenant_id: string;
  readonly authority_kind: string;
  readonly authority_status: string;
  readonly route: string;
  readonly crl_mode: string;
  readonly crl_next_update: Date | null;
  readonly issuing_pem: string;
}

/** Of a device or of a product: both keep a secret in the same columns. */
export interface StoredSecretColumns {
  readonly sealed_secret: string | null;
  readonly secret_version: number;
  readonly sealed_previous_secret: string | null;
  readonly previous_secret_version: number;
  readonly previous_secret_until: Date | null;
}

interface SecretColumns extends DeviceColumns, StoredSecretColumns {
  readonly secret_authentication: boolean;
  readonly legacy_signatures: boolean;
  readonly token_hash: string | null;
  readonly token_version: number;
  readonly activated: boolean;
}

interface KeyColumns extends DeviceColumns {
  readonly key_id: string | null;
  readonly algorithm: string;
  readonly pem: string;
  readonly created_at: Date;
}

const deviceColumns = `d.id AS device_id, d.tenant_id, d.product_key, d.device_name, ${statusSql} AS status`;

const certificateSql = `SELECT ${deviceColumns}, c.fingerprint, c.serial, c.status AS certificate_status, c.subject, c.claim_id IS NOT NULL AS claimed, c.supersede_at,
  r.serial IS NOT NULL AND NOT (r.listed AND a.crl_mode = 'off') AS listed, c.not_before, c.not_after,
  a.id AS authority_id, a.tenant_id AS authority_tenant_id, a.issuing_pem, a.kind AS authority_kind,
  a.status AS authority_status, a.crl_next_update, a.crl_mode, c.route
FROM certificates c JOIN devices d ON d.id = c.device_id JOIN authorities a ON a.id = c.authority_id
  LEFT JOIN revocations r ON r.authority_id = c.authority_id AND r.serial = c.serial
WHERE c.fingerprint = ANY($1::text[])`;

const secretSql = `SELECT ${deviceColumns}, p.secret_authentication, p.legacy_signatures, d.sealed_secret, d.secret_version,
  d.sealed_previous_secret, d.previous_secret_version, d.previous_secret_until, d.token_hash, d.token_version,
  d.activated_at IS NOT NULL AS activated
FROM devices d JOIN products p ON p.product_key = d.product_key`;

const keysSql = `SELECT ${deviceColumns}, k.key_id, k.algorithm, k.pem, k.created_at
FROM devices d LEFT JOIN device_public_keys k ON k.device_id = d.id`;

/** In the order of the key, so that two that name the same devices do not wait for each other. */
const activateSql = `UPDATE devices SET activated_at = now() WHERE id IN (
  SELECT id FROM devices WHERE id = ANY($1::uuid[]) AND activated_at IS NULL ORDER BY id FOR UPDATE
)`;

/**
 * Reads behind every sign-on, in SQL and gathered: they come in storms, when a whole fleet reconnects. Nothing is kept, so what was taken away before
 * a sign-on began is seen by it.
 */
export function createCredentialStore({ pool }: Pick<Database, "pool">): CredentialStore {
  const secrets = askByDevice({ pool }, { name: "secret", select: secretSql, toFound: toSecretCredential });
  const keys = askByDevice({ pool }, { name: "keys", select: keysSql, toFound: toKeyCredential });
  const activate = gather(async (deviceIds) => {
    await pool.query({ name: "devices-activate", text: activateSql, values: [deviceIds] });
    return new Map<string, undefined>();
  });
  const findCertificates = gather(async (fingerprints) => {
    const query = { name: "devices-by-certificate", text: certificateSql, values: [fingerprints] };
    const { rows } = await pool.query<CertificateColumns>(query);
    const found = new Map<string, CertificateCredential[]>();
    for (const row of rows) {
      const others = found.get(row.fingerprint);
      if (others === undefined) found.set(row.fingerprint, [toCertificateCredential(row)]);
      else others.push(toCertificateCredential(row));
    }
    return found;
  });

  return {
    findCertificates: async (fingerprint) => (await findCertificates(fingerprint)) ?? [],

    findSecret: secrets.byName,

    findSecretOf: secrets.byId,

    findKeys: keys.byName,

    findKeysOf: keys.byId,

    activate: (deviceId) => activate(deviceId),
  };
}

function toSecretCredential([row]: readonly [SecretColumns, ...SecretColumns[]]): SecretCredential {
  return {
    device: toDeviceRef(row),
    deviceStatus: row.status,
    secretAuthentication: row.secret_authentication,
    legacySignatures: row.legacy_signatures,
    secret: toStoredSecret(row),
    tokenHash: row.token_hash ?? undefined,
    tokenVersion: row.token_version,
    isActivated: row.activated,
  };
}

/** A device without a key is one row without one. */
function toKeyCredential(rows: readonly [KeyColumns, ...KeyColumns[]]): KeyCredential {
  const keys = rows.flatMap(({ key_id: keyId, algorithm, pem, created_at }) =>
    keyId === null ? [] : [{ keyId, algorithm, pem, createdAtMs: created_at.getTime() }],
  );
  return { device: toDeviceRef(rows[0]), deviceStatus: rows[0].status, keys };
}

function toCertificateCredential(row: CertificateColumns): CertificateCredential {
  return {
    device: toDeviceRef(row),
    deviceStatus: row.status,
    fingerprint: row.fingerprint,
    serial: row.serial,
    status: row.certificate_status,
    commonName: row.claimed ? /^CN=([^,]*)/.exec(row.subject)?.[1] : undefined,
    supersedeAtMs: row.supersede_at?.getTime(),
    listed: row.listed,
    notBeforeMs: row.not_before.getTime(),
    notAfterMs: row.not_after.getTime(),
    authorityId: row.authority_id,
    authorityTenantId: row.authority_tenant_id,
    authorityKind: row.authority_kind,
    authorityStatus: row.authority_status,
    route: row.route,
    listMode: row.crl_mode as RevocationListMode,
    listDueMs: row.crl_next_update?.getTime(),
    issuingPem: row.issuing_pem,
  };
}

export function toStoredSecret(row: StoredSecretColumns): StoredSecret {
  const { sealed_secret: sealed, secret_version: version, sealed_previous_secret: before, previous_secret_until: until } = row;
  const previous =
    before === null || until === null ? undefined : { sealed: before, version: row.previous_secret_version, untilMs: until.getTime() };
  return { sealed: sealed ?? undefined, version, previous };
}

export function toDeviceRef(row: DeviceColumns): DeviceRef {
  return {
    tenantId: asTenantId(row.tenant_id),
    deviceId: asDeviceId(row.device_id),
    productKey: asProductKey(row.product_key),
    deviceName: asDeviceName(row.device_name),
  };
}
