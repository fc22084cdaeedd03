import type { RevocationListMode } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import type { ClaimCredential, ClaimRecord, ClaimStore, StoredClaimFailure } from "../claim-ports.ts";
import type { Tags } from "../ports.ts";
import type { ChangeLog } from "./change-log.ts";
import { isTaken } from "./prisma-errors.ts";
import { provision } from "./provision.ts";
import { putRevocation, removeHold } from "./revocations.ts";

/** Kinds of failures kept of one claim. */
export const failuresPerClaimMax = 50;
const textMax = 64;

const credentialSql = `SELECT k.*, a.tenant_id AS authority_tenant_id, a.kind AS authority_kind, a.status AS authority_status,
  a.issuing_pem, a.crl_next_update, a.crl_mode, r.serial IS NOT NULL AND NOT (r.listed AND a.crl_mode = 'off') AS listed,
  EXISTS (SELECT FROM suspended_tenants s WHERE s.tenant_id = k.tenant_id) AS suspended
FROM claims k JOIN authorities a ON a.id = k.authority_id
  LEFT JOIN revocations r ON r.authority_id = k.authority_id AND r.serial = k.serial`;

const addFailureSql = `INSERT INTO claim_failures (claim_id, reason, serial, protocol, address, count, first_at, last_at)
VALUES ($1, $2, $3, $4, $5, 1, $6, $6)
ON CONFLICT (claim_id, reason, serial, protocol, address) DO UPDATE
  SET count = least(claim_failures.count::bigint + 1, 1000000000)::int, last_at = greatest(claim_failures.last_at, EXCLUDED.last_at)`;

const trimSql = `DELETE FROM claim_failures AS old USING (
  SELECT ctid FROM claim_failures WHERE claim_id = $1 ORDER BY last_at DESC OFFSET ${failuresPerClaimMax}
) AS rest WHERE old.ctid = rest.ctid`;

export function createClaimStore({ prisma, pool }: Pick<Database, "prisma" | "pool">, log: ChangeLog): ClaimStore {
  return {
    async insert(claim, max) {
      try {
        return await log.commit(async (tx, record) => {
          const { productKey, name, fingerprint } = claim;
          await tx.$queryRaw`SELECT 1 AS locked FROM products WHERE product_key = ${productKey} FOR UPDATE`;
          if ((await tx.claim.findUnique({ where: { productKey_name: { productKey, name } } })) !== null) return "name";
          if ((await tx.claim.count({ where: { productKey } })) >= max) return "limit";
          if ((await tx.certificate.findFirst({ where: { fingerprint } })) !== null) return "certificate";
          await tx.claim.create({ data: toRow(claim) });
          await record({ productKey });
          return "inserted";
        });
      } catch (error) {
        if (isTaken(error)) return "certificate";
        throw error;
      }
    },

    async find(tenantId, productKey, name) {
      const row = await prisma.claim.findFirst({ where: { tenantId, productKey, name } });
      return row === null ? undefined : toRecord(row);
    },

    async list(tenantId, productKey, limit) {
      const orderBy = [{ createdAt: "desc" as const }, { id: "asc" as const }];
      return (await prisma.claim.findMany({ where: { tenantId, productKey }, orderBy, take: limit })).map(toRecord);
    },

    update: ({ id, productKey }, change, nowMs) =>
      log.commit(async (tx, record) => {
        const { tags, ...patch } = change;
        const { status } = patch;
        const data = { ...patch, ...(tags && { tags: { ...tags } }) };
        // A revoked one stays so; revoking it again changes nothing.
        const { count } = await tx.claim.updateMany({
          where: { id, ...(status === "revoked" ? {} : { status: { not: "revoked" } }) },
          data,
        });
        if (count === 0) return undefined;
        const row = await tx.claim.findUniqueOrThrow({ where: { id } });
        if (status === "revoked") await putRevocation(tx, row, { at: new Date(nowMs), reason: "cessationOfOperation" });
        if (status === "inactive") await putRevocation(tx, row, { at: new Date(nowMs), reason: "certificateHold" });
        if (status === "active") await removeHold(tx, row.authorityId, row.serial);
        await record({ productKey });
        return toRecord(row);
      }),

    async findCredential(by) {
      const [column, value] = "id" in by ? ["id", by.id] : ["fingerprint", by.fingerprint];
      const query = { name: `claim-by-${column}`, text: `${credentialSql} WHERE k.${column} = $1`, values: [value] };
      const [row] = (await pool.query<ClaimColumns>(query)).rows;
      return row === undefined ? undefined : toCredential(row);
    },

    async hasCertificate(fingerprint) {
      const query = { name: "is-claim", text: "SELECT 1 FROM claims WHERE fingerprint = $1", values: [fingerprint] };
      return ((await pool.query(query)).rowCount ?? 0) > 0;
    },

    async provision(claim, plan) {
      const once = () => log.commit((tx, record) => provision(tx, record, claim, plan));
      try {
        return await once();
      } catch (error) {
        // Somebody made a device of this name meanwhile: now it is one that is there.
        if (isTaken(error)) return once();
        throw error;
      }
    },

    async addFailure(claimId, { reason, serial, protocol, address, atMs }) {
      const texts = [reason, serial, protocol, address].map((text) => text.slice(0, textMax).toWellFormed().replaceAll("\u0000", "\ufffd"));
      await pool.query(addFailureSql, [claimId, ...texts, new Date(atMs)]);
      await pool.query(trimSql, [claimId]);
    },

    async listFailures(claimId, sinceMs) {
      const where = { claimId, lastAt: { gte: new Date(sinceMs) } };
      const rows = await prisma.claimFailure.findMany({ where, orderBy: { lastAt: "desc" }, take: failuresPerClaimMax });
      return rows.map(
        ({ reason, serial, protocol, address, count, firstAt, lastAt }): StoredClaimFailure => ({
          ...{ reason, serial, protocol, address, count },
          firstAtMs: firstAt.getTime(),
          lastAtMs: lastAt.getTime(),
        }),
      );
    },
  };
}

function toRow({ createdAtMs, notBeforeMs, notAfterMs, hookUrl, sealedHookSecret, tags, ...rest }: ClaimRecord) {
  const times = { notBefore: new Date(notBeforeMs), notAfter: new Date(notAfterMs), createdAt: new Date(createdAtMs) };
  return { ...rest, ...times, hookUrl: hookUrl ?? null, sealedHookSecret: sealedHookSecret ?? null, tags: { ...tags } };
}

interface ClaimRow {
  readonly id: string;
  readonly tenantId: string;
  readonly productKey: string;
  readonly name: string;
  readonly status: string;
  readonly authorityId: string;
  readonly fingerprint: string;
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly namePattern: string;
  readonly tags: unknown;
  readonly devicesMax: number;
  readonly devices: number;
  readonly allowsNewKeys: boolean;
  readonly hookUrl: string | null;
  readonly sealedHookSecret: string | null;
  readonly createdAt: Date;
}

function toRecord({ notBefore, notAfter, createdAt, hookUrl, sealedHookSecret, tags, ...rest }: ClaimRow): ClaimRecord {
  return {
    ...rest,
    tags: tags as Tags,
    ...{ notBeforeMs: notBefore.getTime(), notAfterMs: notAfter.getTime(), createdAtMs: createdAt.getTime() },
    ...{ hookUrl: hookUrl ?? undefined, sealedHookSecret: sealedHookSecret ?? undefined },
  };
}

interface ClaimColumns {
  readonly id: string;
  readonly tenant_id: string;
  readonly product_key: string;
  readonly name: string;
  readonly status: string;
  readonly authority_id: string;
  readonly fingerprint: string;
  readonly serial: string;
  readonly not_before: Date;
  readonly not_after: Date;
  readonly name_pattern: string;
  readonly tags: Tags;
  readonly devices_max: number;
  readonly devices: number;
  readonly allows_new_keys: boolean;
  readonly hook_url: string | null;
  readonly sealed_hook_secret: string | null;
  readonly created_at: Date;
  readonly authority_tenant_id: string;
  readonly authority_kind: string;
  readonly authority_status: string;
  readonly issuing_pem: string;
  readonly crl_next_update: Date | null;
  readonly crl_mode: RevocationListMode;
  readonly listed: boolean;
  readonly suspended: boolean;
}

function toCredential(row: ClaimColumns): ClaimCredential {
  const { id, name, status, fingerprint, serial, tags, devices, listed } = row;
  return {
    ...{ id, name, status, fingerprint, serial, tags, devices, listed },
    ...{ tenantId: row.tenant_id, productKey: row.product_key, authorityId: row.authority_id },
    ...{ notBeforeMs: row.not_before.getTime(), notAfterMs: row.not_after.getTime(), createdAtMs: row.created_at.getTime() },
    ...{ namePattern: row.name_pattern, devicesMax: row.devices_max, allowsNewKeys: row.allows_new_keys },
    ...{ hookUrl: row.hook_url ?? undefined, sealedHookSecret: row.sealed_hook_secret ?? undefined },
    ...{ authorityTenantId: row.authority_tenant_id, authorityKind: row.authority_kind, authorityStatus: row.authority_status },
    ...{ issuingPem: row.issuing_pem, listDueMs: row.crl_next_update?.getTime(), listMode: row.crl_mode, isSuspended: row.suspended },
  };
}
