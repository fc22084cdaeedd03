import type { ApiKey, Role } from "@mooring/contracts";
import type { Database, Prisma } from "@mooring/db";
import type { AccessStore, FoundApiKey, NewApiKey } from "../ports.ts";
import { createTenantStore, findFirst, toTenant } from "./tenants.ts";

/** Only one process may look whether there is a tenant and make it. A number of our own among the advisory locks. */
const firstTenantLock = 4_706_001;

type Transaction = Prisma.TransactionClient;

/** Tenants and keys in Postgres. */
export function createPostgresAccessStore({ prisma }: Pick<Database, "prisma">): AccessStore {
  return {
    async findKeyByHash(secretHash) {
      const row = await prisma.apiKey.findUnique({ where: { secretHash: new Uint8Array(secretHash) }, include });
      return row === null ? undefined : toFound(row);
    },

    async findKeyById(id) {
      const row = await prisma.apiKey.findUnique({ where: { id }, include });
      return row === null ? undefined : toFound(row);
    },

    async findKeyByAccessKey(accessKeyId) {
      const row = await prisma.apiKey.findUnique({ where: { accessKeyId }, include });
      if (row === null || row.accessKeySecret === null) return undefined;
      return { ...toFound(row), sealedSecret: row.accessKeySecret };
    },

    ...createTenantStore(prisma),

    insertKey: (key, activeMax) =>
      prisma.$transaction(async (tx) => {
        if (!(await lockTenant(tx, key.tenantId))) return "noTenant";
        const active = await tx.apiKey.count({ where: { tenantId: key.tenantId, revokedAt: null } });
        if (active >= activeMax) return "limit";
        return toApiKey(await tx.apiKey.create({ data: toRow(key) }));
      }),

    async listKeys(tenantId, limit) {
      const orderBy = [{ revokedAt: { sort: "desc", nulls: "first" } }, { createdAt: "desc" }, { id: "asc" }] as const;
      const rows = await prisma.apiKey.findMany({ where: { tenantId }, orderBy: [...orderBy], take: limit });
      return rows.map(toApiKey);
    },

    revokeKey: (tenantId, id, revokedAtMs) =>
      prisma.$transaction(async (tx) => {
        await lockTenant(tx, tenantId);
        const row = await tx.apiKey.findFirst({ where: { id, tenantId } });
        if (row === null) return "notFound";
        if (row.revokedAt !== null) return toApiKey(row);
        if (row.role === "owner" && (await tx.apiKey.count({ where: { tenantId, role: "owner", revokedAt: null } })) === 1)
          return "lastOwner";
        return toApiKey(await tx.apiKey.update({ where: { id }, data: { revokedAt: new Date(revokedAtMs) } }));
      }),

    insertFirstTenant: (tenant, key, keep) =>
      prisma.$transaction(async (tx) => {
        await tx.$executeRaw`SELECT pg_advisory_xact_lock(${firstTenantLock}::bigint)`;
        const first = await findFirst(tx);
        if (first !== null) return { tenantId: toTenant(first).tenantId, made: false };
        await tx.tenant.create({ data: { id: tenant.tenantId, name: tenant.name, createdAt: new Date(tenant.createdAtMs) } });
        await tx.apiKey.create({ data: toRow(key) });
        await keep();
        return { tenantId: tenant.tenantId, made: true };
      }),
  };
}

/** Makes changes to one tenant's keys wait for each other, so that counts hold until commit. False when there is no such tenant. */
async function lockTenant(tx: Transaction, tenantId: string): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`SELECT 1 AS found FROM tenants WHERE id = ${tenantId}::uuid FOR UPDATE`;
  return rows.length > 0;
}

function toRow(key: NewApiKey) {
  const { id, tenantId, name, role, accessKey } = key;
  const access = accessKey === undefined ? {} : { accessKeyId: accessKey.id, accessKeySecret: accessKey.sealedSecret };
  const { salt, storedKey, serverKey } = key.scram;
  return {
    ...{ id, tenantId, name, role },
    ...access,
    secretHash: new Uint8Array(key.secretHash),
    scramSalt: new Uint8Array(salt),
    scramStoredKey: new Uint8Array(storedKey),
    scramServerKey: new Uint8Array(serverKey),
    createdAt: new Date(key.createdAtMs),
  };
}

/** What is read with a key, since it decides whether the key holds. */
const include = { tenant: { select: { suspendedAt: true } } } as const;

interface FoundRow extends ApiKeyRow {
  readonly tenantId: string;
  readonly tenant: { readonly suspendedAt: Date | null };
  readonly scramSalt: Uint8Array | null;
  readonly scramStoredKey: Uint8Array | null;
  readonly scramServerKey: Uint8Array | null;
}

function toFound(row: FoundRow): FoundApiKey {
  const { scramSalt, scramStoredKey, scramServerKey } = row;
  const found = { ...toApiKey(row), tenantId: row.tenantId, isTenantSuspended: row.tenant.suspendedAt !== null };
  if (scramSalt === null || scramStoredKey === null || scramServerKey === null) return found;
  const scram = { salt: Buffer.from(scramSalt), storedKey: Buffer.from(scramStoredKey), serverKey: Buffer.from(scramServerKey) };
  return { ...found, scram };
}

interface ApiKeyRow {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
  readonly accessKeyId: string | null;
}

function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    role: row.role as Role,
    createdAtMs: row.createdAt.getTime(),
    ...(row.revokedAt === null ? {} : { revokedAtMs: row.revokedAt.getTime() }),
    ...(row.accessKeyId === null ? {} : { accessKeyId: row.accessKeyId }),
  };
}
