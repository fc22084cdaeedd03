// Certificates: what handshakes cost beside openssl, how many are issued, how many sign-ons are judged with 100,000 devices registered, those by
// other proofs too.
import { randomBytes, randomUUID, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDeviceService, createFailureBook, createPostgresDeviceStores } from "@mooring/app-devices";
import { asTenantId, type Caller, type DeviceApi, PlatformError, serviceCaller } from "@mooring/contracts";
import { type Database, migrate, openDatabase, startEmbeddedPostgres } from "@mooring/db";
import { createAddressRules, createMetrics, silentLog, systemClock } from "@mooring/kit";
import { type Benchmark, figure, table } from "./benchmark.ts";
import { type Repeated, repeat } from "./measure/repeat.ts";
import { makeSecretSignOns } from "./secret-sign-ons.ts";
import { compareHandshakes, presentHandshakes } from "./tls/compare.ts";

const devicesMax = 100_000;
/** Requests under way at once. */
const concurrency = 32;
/** Devices that have a secret and a public key besides, and sign on in turn. */
const secretsMax = 2_000;
const productKey = "bench1";
const seedMsMax = 600_000;

export const benchmark: Benchmark = {
  title:
    "Certificates: handshakes beside openssl s_server; issuing, and judging sign-ons with 100,000 devices registered, the service alone on a Postgres that waits for the disk",
  async run({ quick, report }) {
    const handshakes = await compareHandshakes(quick ? 1_000 : 10_000, report);
    const dataDir = mkdtempSync(join(tmpdir(), "mooring-bench-certificates-"));
    const postgres = await startEmbeddedPostgres({ dataDir, port: 0, log: silentLog });
    const { connectionString } = postgres;
    await migrate({ connectionString, directory: new URL("../prisma/migrations", import.meta.url).pathname, log: silentLog });
    const open = (statementTimeoutMs?: number) =>
      openDatabase({
        connectionString,
        poolSize: 10,
        applicationName: "bench",
        log: silentLog,
        ...(statementTimeoutMs && { statementTimeoutMs }),
      });
    const database = open();
    // Writes the 100,000 at once.
    const seeding = open(seedMsMax);
    try {
      const results = await measureAll({ database, seeding }, quick ? 2_000 : 10_000, report);
      return {
        data: {
          ...{ devicesMax, concurrency, results: results.map((result) => ({ ...result })) },
          handshakes: handshakes.map(({ name, platform, openssl }) => ({
            name,
            platform: { ...platform },
            openssl: openssl ? { ...openssl } : null,
          })),
        },
        markdown: [
          presentHandshakes(handshakes),
          table(
            ["", "per second", "us of CPU each"],
            results.map(({ name, perS, cpuUs }) => [name, figure(perS), figure(cpuUs)]),
          ),
        ].join("\n\n"),
      };
    } finally {
      await seeding.close();
      await database.close();
      await postgres.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
};

async function measureAll(databases: Databases, forMs: number, report: (line: string) => void): Promise<readonly Repeated[]> {
  const { api, owner } = await openService(databases);
  const gateway = serviceCaller("gateway");
  const issued: Buffer[] = [];
  const results: Repeated[] = [];
  const measure = async (name: string, work: (index: number) => Promise<unknown>): Promise<void> => {
    const result = await repeat(name, { forMs, concurrency }, (index) => work(index % devicesMax));
    results.push(result);
    report(`${name}: ${figure(result.perS)}/s, ${figure(result.cpuUs)} us of CPU each`);
  };
  await measure("certificates issued, with a key made here (EC P-256)", async (index) => {
    const { certificatePem } = await api.issueKeyPair(owner, { productKey, deviceName: `dev-${index}` });
    issued.push(new X509Certificate(certificatePem).raw);
  });
  const certificateOf = (index: number): Buffer => issued[index % issued.length] ?? Buffer.alloc(0);
  await measure(`sign-ons by certificate, ${figure(devicesMax)} devices`, (index) =>
    api.authenticateCertificate(gateway, { certificateDer: certificateOf(index) }),
  );
  const secrets = await makeSecretSignOns(api, owner, { productKey, count: secretsMax });
  await databases.seeding.pool.query("ANALYZE devices, device_public_keys");
  for (const { name, work } of secrets) await measure(name, work);
  await measure("sign-ons refused: a certificate nobody knows", async (index) => {
    const stranger = Buffer.from(certificateOf(index));
    stranger[stranger.length - 1] = (stranger.at(-1) ?? 0) ^ 1;
    const error: unknown = await api.authenticateCertificate(gateway, { certificateDer: stranger }).catch((thrown: unknown) => thrown);
    if (!(error instanceof PlatformError) || error.code !== "unauthenticated") throw new Error("a stranger was let in");
  });
  return results;
}

interface Databases {
  readonly database: Database;
  readonly seeding: Database;
}

/** The service, and a product of 100,000 devices with a certificate each, which are rows alone. */
async function openService({ database, seeding }: Databases): Promise<{ readonly api: DeviceApi; readonly owner: Caller }> {
  const nobody = (): Promise<never> => Promise.reject(new Error("not asked for"));
  const stores = createPostgresDeviceStores({ control: database, authentication: database });
  const api = createDeviceService({
    stores,
    models: { get: nobody },
    keyEncryptionKey: randomBytes(32),
    failures: createFailureBook({ store: stores.failures, clock: systemClock, log: silentLog }),
    rules: createAddressRules([], []),
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
  });
  const owner: Caller = { tenantId: asTenantId(randomUUID()), principal: "key:bench", role: "owner" };
  await api.createProduct(owner, { name: "bench", productKey, secretAuthentication: true });
  const first = { productKey, deviceName: "first" };
  await api.createDevice(owner, first);
  await api.issueKeyPair(owner, first);
  await seeding.pool.query(
    `INSERT INTO devices (id, tenant_id, product_key, device_name, status)
     SELECT gen_random_uuid(), $1, $2, 'dev-' || n, 'enabled' FROM generate_series(0, $3 - 1) AS n`,
    [owner.tenantId, productKey, devicesMax],
  );
  await seeding.pool.query(
    `INSERT INTO certificates (fingerprint, device_id, authority_id, serial, subject, pem, not_before, not_after)
     SELECT encode(sha256(d.id::text::bytea), 'hex'), d.id, a.id, md5(d.id::text), 'CN=' || d.device_name, repeat('x', 900), now(),
       now() + interval '5 years'
     FROM devices d, authorities a WHERE d.device_name <> 'first' AND a.tenant_id = d.tenant_id`,
  );
  await seeding.pool.query("ANALYZE devices, certificates, authorities, revocations");
  return { api, owner };
}
