import type { Tenant } from "@mooring/contracts";
import type { Database, Prisma } from "@mooring/db";
import type { AccessStore } from "../ports.ts";

type TenantStore = Pick<AccessStore, "findTenant" | "findFirstTenant" | "listTenants" | "setSuspension" | "listSuspended" | "listSince">;

/** Tenants, apart from how the first one is made. */
export function createTenantStore(prisma: Database["prisma"]): TenantStore {
  return {
    async findTenant(tenantId) {
      const row = await prisma.tenant.findUnique({ where: { id: tenantId } });
      return row === null ? undefined : toTenant(row);
    },

    async findFirstTenant() {
      const row = await findFirst(prisma);
      return row === null ? undefined : toTenant(row);
    },

    async listTenants(limit) {
      const rows = await prisma.tenant.findMany({ orderBy: [{ createdAt: "desc" }, { id: "asc" }], take: limit });
      return rows.map(toTenant);
    },

    setSuspension: (tenantId, suspension, suspendedMax) =>
      prisma.$transaction(async (tx) => {
        // All changes wait for each other, so that the count holds until commit; they are few.
        await tx.$executeRaw`SELECT pg_advisory_xact_lock(${suspensionLock}::bigint)`;
        const row = await tx.tenant.findUnique({ where: { id: tenantId } });
        if (row === null) return "notFound";
        if ((suspension === undefined) === (row.suspendedAt === null)) return toTenant(row);
        if (suspension !== undefined && (await tx.tenant.count({ where: suspended })) >= suspendedMax) return "limit";
        const data = {
          suspendedAt: suspension === undefined ? null : new Date(suspension.atMs),
          suspendedReason: suspension?.reason ?? null,
        };
        return toTenant(await tx.tenant.update({ where: { id: tenantId }, data }));
      }),

    async listSuspended(limit) {
      const rows = await prisma.tenant.findMany({ where: suspended, select: { id: true }, orderBy: { id: "asc" }, take: limit });
      return rows.map(({ id }) => id);
    },

    async listSince({ sinceMs, afterId }, limit) {
      const since = new Date(sinceMs);
      const at = afterId === undefined ? { createdAt: since } : { createdAt: since, id: { gt: afterId } };
      const where = { OR: [at, { createdAt: { gt: since } }] };
      const rows = await prisma.tenant.findMany({ where, orderBy: [{ createdAt: "asc" }, { id: "asc" }], take: limit });
      return rows.map(({ id, createdAt }) => ({ tenantId: id, createdAtMs: createdAt.getTime() }));
    },
  };
}

/** A number of our own among the advisory locks. */
const suspensionLock = 4_706_003;
const suspended = { suspendedAt: { not: null } } as const;

/** The tenant that was made on the empty database. */
export function findFirst(tx: Pick<Prisma.TransactionClient, "tenant">): Promise<TenantRow | null> {
  return tx.tenant.findFirst({ orderBy: [{ createdAt: "asc" }, { id: "asc" }] });
}

interface TenantRow {
  readonly id: string;
  readonly name: string;
  readonly suspendedAt: Date | null;
  readonly suspendedReason: string | null;
  readonly createdAt: Date;
}

export function toTenant({ id, name, suspendedAt, suspendedReason, createdAt }: TenantRow): Tenant {
  const tenant = { tenantId: id, name, createdAtMs: createdAt.getTime() };
  if (suspendedAt === null) return { ...tenant, status: "active" };
  const reason = suspendedReason === null ? {} : { suspendedReason };
  return { ...tenant, status: "suspended", suspendedAtMs: suspendedAt.getTime(), ...reason };
}
