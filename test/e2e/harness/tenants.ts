import { createHash, randomBytes, randomUUID } from "node:crypto";
import { openDatabase } from "@mooring/db";
import { silentLog } from "@mooring/kit";
import type { PlatformAddress } from "./platform.ts";

/** The API key of an owner of another tenant. There is no operation yet that makes a tenant, so its rows are written as access writes them. */
export async function createTenant({ databaseUrl }: Pick<PlatformAddress, "databaseUrl">): Promise<string> {
  const secret = `mk_${randomBytes(32).toString("base64url")}`;
  const database = openDatabase({ connectionString: databaseUrl, poolSize: 2, applicationName: "e2e", log: silentLog });
  try {
    const tenant = await database.prisma.tenant.create({ data: { id: randomUUID(), name: "another tenant" } });
    const secretHash = new Uint8Array(createHash("sha256").update(secret).digest());
    await database.prisma.apiKey.create({ data: { id: randomUUID(), tenantId: tenant.id, name: "owner", role: "owner", secretHash } });
  } finally {
    await database.close();
  }
  return secret;
}
