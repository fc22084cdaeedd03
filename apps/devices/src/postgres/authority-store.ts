import type { Database } from "@mooring/db";
import type { AuthorityRecord, AuthorityStore, IssuingAuthority, UnderRoot } from "../authority-ports.ts";
import {
  type AuthorityRow,
  concernedBy,
  fromSql,
  productsOf,
  rootListColumns,
  type SqlRow,
  toRecord,
  toRevocation,
  toRevoked,
  toRow,
} from "./authority-rows.ts";
import type { ChangeLog } from "./change-log.ts";
import { createForeignAuthorityStore } from "./foreign-authority-store.ts";
import { gather } from "./gather.ts";
import { isTaken } from "./prisma-errors.ts";

const issuingSql = "SELECT * FROM authorities WHERE tenant_id = ANY($1::uuid[]) AND kind = 'own' AND status = 'active'";

/** Of authorities under one root, read in one statement. */
const underRootPage = 500;
const firstId = "00000000-0000-0000-0000-000000000000";

interface CompromisedColumns {
  readonly tenant_id: string;
  readonly key_digest: string;
}

const compromisedSql = `SELECT tenant_id, key_digest FROM compromised_keys
WHERE (tenant_id, key_digest) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))`;

export function createAuthorityStore({ prisma, pool }: Pick<Database, "prisma" | "pool">, log: ChangeLog): AuthorityStore {
  // Asked for by every certificate that is issued, so it is plain SQL, and one statement for those that ask at once.
  const findIssuing = gather(async (tenantIds) => {
    const { rows } = await pool.query<SqlRow>({ name: "authority-issuing", text: issuingSql, values: [tenantIds] });
    return new Map(rows.map((row) => toRecord(fromSql(row)) as IssuingAuthority).map((record) => [record.tenantId, record]));
  });
  const findCompromised = gather(async (keys) => {
    const pairs = keys.map((key) => key.split("\n"));
    const values = [pairs.map(([tenantId]) => tenantId), pairs.map(([, keyDigest]) => keyDigest)];
    const { rows } = await pool.query<CompromisedColumns>({ name: "compromised-keys", text: compromisedSql, values });
    return new Map(rows.map((row) => [`${row.tenant_id}\n${row.key_digest}`, row]));
  });
  const recordOf = (row: AuthorityRow | null): AuthorityRecord | undefined => (row === null ? undefined : toRecord(row));

  return {
    findIssuing,

    async insertIssuing(authority) {
      await prisma.authority.createMany({ data: [toRow(authority)], skipDuplicates: true });
      const stored = await findIssuing(authority.tenantId);
      if (stored === undefined) throw new Error("an authority just stored is not there");
      return stored;
    },

    replaceIssuing: (before, authority) =>
      prisma.$transaction(async (tx) => {
        // Each of two that change it waits for the other, and then finds another row than it has read.
        const where = { id: before.id, kind: "own", status: "active", sealedRoot: before.sealedRoot ?? null };
        const { count } = await tx.authority.updateMany({
          where,
          data: { status: "retired", sealedRoot: null, rootList: null, rootListDue: null },
        });
        if (count > 0) await tx.authority.create({ data: toRow(authority) });
        return count > 0;
      }),

    async removeRootKey(id, last) {
      const where = { id, kind: "own", status: "active", sealedRoot: { not: null } };
      return (await prisma.authority.updateMany({ where, data: { sealedRoot: null, ...rootListColumns(last) } })).count > 0;
    },

    async keepRootList(id, list) {
      await prisma.authority.updateMany({ where: { id }, data: rootListColumns(list) });
    },

    revokeIssuing: (id, { revokedAtMs, reason }) =>
      log.commit(async (tx, record) => {
        const { count } = await tx.authority.updateMany({
          where: { id, kind: "own", status: "retired" },
          data: { status: "revoked", revokedAt: new Date(revokedAtMs), revocationReason: reason, rootList: null, rootListDue: null },
        });
        const row = await tx.authority.findUnique({ where: { id, kind: "own", status: "revoked" } });
        if (count > 0) for (const productKey of await productsOf(tx, id)) await record({ productKey });
        return row === null ? undefined : toRecord(row);
      }),

    get: async (id) => recordOf(await prisma.authority.findUnique({ where: { id } })),
    find: async (tenantId, id) => recordOf(await prisma.authority.findFirst({ where: { id, tenantId } })),

    async list(tenantId, limit) {
      const orderBy = [{ createdAt: "desc" as const }, { id: "asc" as const }];
      return (await prisma.authority.findMany({ where: { tenantId }, orderBy, take: limit })).map(toRecord);
    },

    async listUnderRoot(tenantId, rootPem) {
      const found: UnderRoot[] = [];
      const select = { id: true, issuingPem: true, revokedAt: true, revocationReason: true } as const;
      let after = firstId;
      for (;;) {
        const where = { tenantId, kind: "own", rootPem, id: { gt: after } };
        const rows = await prisma.authority.findMany({ where, select, orderBy: { id: "asc" }, take: underRootPage });
        for (const row of rows) found.push({ issuingPem: row.issuingPem, revocation: toRevocation(row) });
        after = rows.at(-1)?.id ?? after;
        if (rows.length < underRootPage) return found;
      }
    },

    async insertForeign(authority, max) {
      if ((await prisma.authority.count({ where: { tenantId: authority.tenantId, kind: "foreign" } })) >= max) return "limit";
      await prisma.authority.create({ data: toRow(authority) });
      return "inserted";
    },

    async prove(id, { fingerprint, crlUrl, nowMs }) {
      const list = { crlFetchAt: new Date(nowMs), ...(crlUrl !== undefined && { crlUrl }) };
      try {
        return await log.commit(async (tx, record) => {
          const data = { fingerprint, status: "active", nonce: null, ...list };
          const [row] = await tx.authority.updateManyAndReturn({ where: { id, status: "pending" }, data });
          if (row !== undefined) for (const productKey of await concernedBy(tx, toRecord(row))) await record({ productKey });
          return "proved" as const;
        });
      } catch (error) {
        if (isTaken(error)) return "taken";
        throw error;
      }
    },

    update: (id, { template, fetchAtMs, ...plain }) =>
      log.commit(async (tx, record) => {
        const shape = template && { template: { ...template } };
        const fetch = fetchAtMs !== undefined && { crlFetchAt: new Date(fetchAtMs), crlFailures: 0 };
        const row = await tx.authority.update({ where: { id }, data: { ...plain, ...shape, ...fetch } });
        const changed = toRecord(row);
        for (const productKey of await concernedBy(tx, changed)) await record({ productKey });
        return changed;
      }),

    async findSoleTenant() {
      // Two looks at one row each: anybody may ask, and Prisma would read all rows to tell them apart.
      const select = { tenantId: true } as const;
      const first = await prisma.authority.findFirst({ where: { kind: "own" }, select });
      if (first === null) return undefined;
      const another = await prisma.authority.findFirst({ where: { kind: "own", tenantId: { not: first.tenantId } }, select });
      return another === null ? first.tenantId : undefined;
    },

    ...createForeignAuthorityStore(prisma, log),

    isCompromised: async (tenantId, keyDigest) => (await findCompromised(`${tenantId}\n${keyDigest}`)) !== undefined,

    async revocations(authorityId, nowMs, limit) {
      const where = { authorityId, notAfter: { gt: new Date(nowMs) } };
      return (await prisma.revocation.findMany({ where, orderBy: { serial: "asc" }, take: limit })).map(toRevoked);
    },

    async findRevocation(authorityId, serial, ownOnly = false) {
      const row = await prisma.revocation.findUnique({ where: { authorityId_serial: { authorityId, serial } } });
      return row === null || (ownOnly && row.listed) ? undefined : toRevoked(row);
    },

    async hasCertificate(authorityId, serial) {
      const query = { where: { authorityId_serial: { authorityId, serial } }, select: { serial: true } };
      return (await prisma.certificate.findUnique(query)) !== null || (await prisma.claim.findUnique(query)) !== null;
    },

    async removeEndedRevocations(endedBeforeMs) {
      return (await prisma.revocation.deleteMany({ where: { notAfter: { lt: new Date(endedBeforeMs) } } })).count;
    },

    async nextListNumber(id) {
      return (await prisma.authority.update({ where: { id }, data: { crlNumber: { increment: 1 } } })).crlNumber;
    },
  };
}
