// Authorities that tenants bring along: who may have signed a stranger's certificate, and how one goes.
import type { Database } from "@mooring/db";
import type { AuthorityStore } from "../authority-ports.ts";
import { keyColumns, productsOf, toRecord } from "./authority-rows.ts";
import type { ChangeLog, Transaction } from "./change-log.ts";

type ForeignAuthorityStore = Pick<AuthorityStore, "findCandidates" | "hasOwnKey" | "listUnnamed" | "keepKeyNames" | "removeForeign">;

export function createForeignAuthorityStore(prisma: Database["prisma"], log: ChangeLog): ForeignAuthorityStore {
  return {
    async findCandidates({ issuerName, authorityKeyId = null, tenantId = null }, limit) {
      const found = await prisma.$queryRaw<{ readonly id: string }[]>`SELECT id FROM (
          SELECT id, route, coalesce(${authorityKeyId}::text = ANY(key_ids), false) AS certain,
            row_number() OVER (PARTITION BY tenant_id, coalesce(${authorityKeyId}::text = ANY(key_ids), false) ORDER BY id) AS turn
          FROM authorities AS a
          WHERE issuer_name = ${issuerName} AND kind = 'foreign' AND status = 'active' AND mode IN ('register', 'provision')
            AND (${tenantId}::uuid IS NULL OR tenant_id = ${tenantId}::uuid)
            AND (${authorityKeyId}::text IS NULL OR subject_key_id IS NULL OR subject_key_id = ${authorityKeyId})
            AND NOT EXISTS (SELECT FROM authorities AS own WHERE own.kind = 'own' AND own.key_ids && a.key_ids)
        ) AS candidate
        ORDER BY certain DESC, route <> '', turn, id LIMIT ${limit}`;
      const ids = found.map(({ id }) => id);
      if (ids.length === 0) return [];
      const rows = await prisma.authority.findMany({ where: { id: { in: ids } } });
      return rows.map(toRecord).sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
    },

    async hasOwnKey(keyIds) {
      const where = { kind: "own", keyIds: { hasSome: [...keyIds] } };
      return (await prisma.authority.findFirst({ where, select: { id: true } })) !== null;
    },

    async listUnnamed(limit) {
      return (await prisma.authority.findMany({ where: { keyIds: { isEmpty: true } }, take: limit })).map(toRecord);
    },

    async keepKeyNames(id, names) {
      await prisma.authority.updateMany({ where: { id }, data: keyColumns(names) });
    },

    removeForeign: (id, { force, nowMs }) =>
      log.commit(async (tx, record) => {
        await tx.$queryRaw`SELECT 1 AS locked FROM authorities WHERE id = ${id}::uuid FOR UPDATE`;
        if (!force && (await isInUse(tx, id, new Date(nowMs)))) return "inUse";
        const products = await productsOf(tx, id);
        await tx.certificate.deleteMany({ where: { authorityId: id } });
        await tx.claim.deleteMany({ where: { authorityId: id } });
        // Its revocations go with it.
        await tx.authority.deleteMany({ where: { id, kind: "foreign" } });
        for (const productKey of products) await record({ productKey });
        return "removed";
      }),
  };
}

async function isInUse(tx: Transaction, authorityId: string, now: Date): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ readonly used: boolean }[]>`SELECT
    EXISTS (SELECT FROM certificates WHERE authority_id = ${authorityId}::uuid AND status IN ('pending', 'active', 'inactive') AND not_after > ${now})
    OR EXISTS (SELECT FROM claims WHERE authority_id = ${authorityId}::uuid AND status <> 'revoked' AND not_after > ${now})
    OR EXISTS (SELECT FROM revocations WHERE authority_id = ${authorityId}::uuid AND NOT listed AND not_after > ${now}) AS used`;
  return row?.used === true;
}
