import { createHash, randomBytes, randomUUID } from "node:crypto";
import { type AccessApi, asTenantId, type Caller } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import { silentLog, systemClock } from "@mooring/kit";
import { createSealer, sealKeyBytes } from "@mooring/pki";
import { openTestDatabase } from "@mooring/testkit";
import type { AccessStore } from "./ports.ts";
import { createPostgresAccessStore } from "./postgres/store.ts";
import { createAccessService } from "./service.ts";

export interface Harness {
  readonly api: AccessApi;
  readonly store: AccessStore;
  readonly database: Database;
  stop(): Promise<void>;
}

/** The service on a database of its own. */
export async function openHarness(): Promise<Harness> {
  const database = await openTestDatabase("access");
  const store = createPostgresAccessStore(database);
  return {
    api: createAccessService({ store, clock: systemClock, log: silentLog, sealer: createSealer([randomBytes(sealKeyBytes)]) }),
    store,
    database,
    stop: database.stop,
  };
}

/** A tenant with one owner key, and the owner. */
export async function makeTenant({ database }: Harness): Promise<{ readonly owner: Caller; readonly keyId: string }> {
  const tenantId = randomUUID();
  const keyId = randomUUID();
  const secretHash = new Uint8Array(createHash("sha256").update(randomBytes(32)).digest());
  await database.prisma.tenant.create({ data: { id: tenantId, name: "a tenant" } });
  await database.prisma.apiKey.create({ data: { id: keyId, tenantId, name: "first", role: "owner", secretHash } });
  return { owner: { tenantId: asTenantId(tenantId), principal: `key:${keyId}`, role: "owner" }, keyId };
}

/** An owner of the platform's own tenant: of the oldest there is, which is made long ago when there is none so old. */
export async function makeFirst(harness: Harness): Promise<Caller> {
  const { prisma } = harness.database;
  const createdAt = new Date(0);
  const id = (await prisma.tenant.findFirst({ where: { createdAt } }))?.id ?? randomUUID();
  await prisma.tenant.upsert({ where: { id }, create: { id, name: "platform", createdAt }, update: {} });
  return { tenantId: asTenantId(id), principal: "key:platform", role: "owner" };
}
