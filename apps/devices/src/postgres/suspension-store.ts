import type { Database } from "@mooring/db";
import type { SuspensionStore } from "../ports.ts";
import type { ChangeLog } from "./change-log.ts";

/** For a device's row `d`: its status, or `suspended` where its tenant is. */
export const statusSql =
  "CASE WHEN EXISTS (SELECT FROM suspended_tenants s WHERE s.tenant_id = d.tenant_id) THEN 'suspended' ELSE d.status END";

export function createSuspensionStore({ prisma }: Pick<Database, "prisma">, log: ChangeLog): SuspensionStore {
  return {
    replace: (tenantIds) =>
      log.commit(async (tx, record) => {
        const before = new Set((await tx.suspendedTenant.findMany()).map(({ tenantId }) => tenantId));
        const now = new Set(tenantIds);
        const [added, removed] = [[...now].filter((id) => !before.has(id)), [...before].filter((id) => !now.has(id))];
        const changed = [...added, ...removed];
        if (changed.length === 0) return;
        await tx.suspendedTenant.deleteMany({ where: { tenantId: { in: removed } } });
        await tx.suspendedTenant.createMany({ data: added.map((tenantId) => ({ tenantId })), skipDuplicates: true });
        const products = await tx.product.findMany({ where: { tenantId: { in: changed } }, select: { productKey: true } });
        for (const { productKey } of products) await record({ productKey });
      }),

    has: async (tenantId) => (await prisma.suspendedTenant.findUnique({ where: { tenantId } })) !== null,
  };
}
