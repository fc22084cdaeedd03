import type { AuthorityMode, ProvisioningTemplate, RevocationListMode } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import type { ListKnowledge } from "../list-rules.ts";
import type { AuthorityRecord, AuthorityStore, IssuingAuthority, RevokedSerial, RootList } from "../ports.ts";
import type { ChangeLog, Transaction } from "./change-log.ts";
import { isTaken } from "./prisma-errors.ts";

export function createAuthorityStore({ prisma }: Pick<Database, "prisma">, log: ChangeLog): AuthorityStore {
  async function findIssuing(tenantId: string): Promise<IssuingAuthority | undefined> {
    const row = await prisma.authority.findFirst({ where: { tenantId, kind: "own", status: "active" } });
    return row === null ? undefined : (toRecord(row) as IssuingAuthority);
  }
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
        const where = { id: before, kind: "own", status: "active" };
        const { count } = await tx.authority.updateMany({
          where,
          data: { status: "retired", sealedRoot: null, rootList: null, rootListDue: null },
        });
        if (count > 0) await tx.authority.create({ data: toRow(authority) });
        return count > 0;
      }),

    async removeRootKey(id, last) {
      await prisma.authority.updateMany({ where: { id }, data: { sealedRoot: null, ...rootListColumns(last) } });
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

    async insertForeign(authority, max) {
      if ((await prisma.authority.count({ where: { tenantId: authority.tenantId, kind: "foreign" } })) >= max) return "limit";
      await prisma.authority.create({ data: toRow(authority) });
      return "inserted";
    },

    async prove(id, { fingerprint, crlUrl, nowMs }) {
      const list = { crlFetchAt: new Date(nowMs), ...(crlUrl !== undefined && { crlUrl }) };
      try {
        await prisma.authority.updateMany({
          where: { id, status: "pending" },
          data: { fingerprint, status: "active", nonce: null, ...list },
        });
        return "proved";
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
        for (const productKey of await productsOf(tx, id)) await record({ productKey });
        return toRecord(row);
      }),

    async findByName(issuerName, tenantId, limit) {
      const mine = tenantId === undefined ? {} : { tenantId };
      const where = { ...mine, issuerName, kind: "foreign", status: "active", mode: { in: ["register", "provision"] } };
      return (await prisma.authority.findMany({ where, orderBy: [{ route: "asc" }, { id: "asc" }], take: limit })).map(toRecord);
    },

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

export async function productsOf(tx: Transaction, authorityId: string): Promise<string[]> {
  const rows = await tx.$queryRaw<{ readonly product_key: string }[]>`SELECT DISTINCT d.product_key
    FROM certificates c JOIN devices d ON d.id = c.device_id WHERE c.authority_id = ${authorityId}::uuid`;
  return rows.map((row) => row.product_key);
}

const rootListColumns = ({ der, dueMs }: RootList) => ({ rootList: Buffer.from(der), rootListDue: new Date(dueMs) });

/** A new one is not revoked. */
function toRow({ createdAtMs, list, template, rootList, revocation: _, ...record }: AuthorityRecord) {
  const crl = list === undefined ? {} : { crlMode: list.mode, crlUrl: list.url ?? null };
  const { rootPem = null, sealedRoot = null, sealedKey = null, nonce = null, issuerName = null, ...rest } = record;
  const shape = template === undefined ? {} : { template: { ...template } };
  return {
    ...rest,
    ...shape,
    ...crl,
    ...(rootList && rootListColumns(rootList)),
    rootPem,
    sealedRoot,
    sealedKey,
    nonce,
    issuerName,
    createdAt: new Date(createdAtMs),
  };
}

interface AuthorityRow {
  readonly id: string;
  readonly tenantId: string;
  readonly kind: string;
  readonly status: string;
  readonly rootPem: string | null;
  readonly sealedRoot: string | null;
  readonly issuingPem: string;
  readonly sealedKey: string | null;
  readonly mode: string;
  readonly template: unknown;
  readonly nonce: string | null;
  readonly issuerName: string | null;
  readonly revokedAt: Date | null;
  readonly revocationReason: string | null;
  readonly rootList: Uint8Array | null;
  readonly rootListDue: Date | null;
  readonly route: string;
  readonly crlMode: string;
  readonly crlUrl: string | null;
  readonly crlNextUpdate: Date | null;
  readonly crlThisUpdate: Date | null;
  readonly crlListNumber: string | null;
  readonly crlLearnedAt: Date | null;
  readonly crlFetchAt: Date | null;
  readonly crlFailures: number;
  readonly crlError: string | null;
  readonly crlErrorAt: Date | null;
  readonly createdAt: Date;
}

export function toRecord(row: AuthorityRow): AuthorityRecord {
  return {
    id: row.id,
    tenantId: row.tenantId,
    kind: row.kind === "own" ? "own" : "foreign",
    status: row.status,
    rootPem: row.rootPem ?? undefined,
    sealedRoot: row.sealedRoot ?? undefined,
    issuingPem: row.issuingPem,
    sealedKey: row.sealedKey ?? undefined,
    mode: row.mode as AuthorityMode,
    template: (row.template as ProvisioningTemplate | null) ?? undefined,
    nonce: row.nonce ?? undefined,
    issuerName: row.issuerName ?? undefined,
    revocation:
      row.revokedAt === null ? undefined : { revokedAtMs: row.revokedAt.getTime(), reason: row.revocationReason ?? "unspecified" },
    rootList: row.rootList === null || row.rootListDue === null ? undefined : { der: row.rootList, dueMs: row.rootListDue.getTime() },
    route: row.route,
    list: row.kind === "own" ? undefined : toKnowledge(row),
    createdAtMs: row.createdAt.getTime(),
  };
}

function toKnowledge(row: AuthorityRow): ListKnowledge {
  return {
    mode: row.crlMode as RevocationListMode,
    url: row.crlUrl ?? undefined,
    dueMs: row.crlNextUpdate?.getTime(),
    thisUpdateMs: row.crlThisUpdate?.getTime(),
    number: row.crlListNumber === null ? undefined : BigInt(`0x${row.crlListNumber}`),
    learnedAtMs: row.crlLearnedAt?.getTime(),
    fetchAtMs: row.crlFetchAt?.getTime(),
    failures: row.crlFailures,
    error: row.crlError ?? undefined,
    errorAtMs: row.crlErrorAt?.getTime(),
  };
}

function toRevoked(row: { readonly serial: string; readonly revokedAt: Date; readonly reason: string }): RevokedSerial {
  return { serial: row.serial, revokedAtMs: row.revokedAt.getTime(), reason: row.reason };
}
