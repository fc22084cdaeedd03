import { fileURLToPath } from "node:url";
import { migrate } from "@mooring/db";
import type { Log, Settings } from "@mooring/kit";
import type { setupSettings } from "./config.ts";
import { ensureInternalCertificates } from "./internal-certificates.ts";
import { ensureKeyEncryptionKey } from "./key-encryption-key.ts";
import { renewMs } from "./leaf.ts";
import { ensureServerCertificate, parseServerNames } from "./server-certificate.ts";
import { waitForDatabase } from "./wait-for-database.ts";

const ownMigrations = fileURLToPath(new URL("../../../prisma/migrations", import.meta.url));

/** Everything that must be there before the services start. May be run again at any time: it makes what is missing and leaves the rest. */
export async function setUp(settings: Settings<typeof setupSettings>, log: Log, nowMs: number): Promise<void> {
  const { stateDir, databaseUrl: connectionString } = settings;
  const names = parseServerNames(settings.serverNames);
  const services = await ensureInternalCertificates({ tlsDir: settings.internalTlsDir, stateDir, nowMs });
  if (services.length > 0) log.info({ services, folder: settings.internalTlsDir }, "made certificates for services");
  const server = await ensureServerCertificate({ tlsDir: settings.serverTlsDir, stateDir, names, nowMs });
  if (server.origin === "made") log.info({ file: server.certificateFile, names }, "made the platform's certificate");
  if (server.origin === "given" && server.notAfterMs - nowMs < renewMs) {
    log.warn(
      { file: server.certificateFile, ends: new Date(server.notAfterMs).toISOString() },
      "the certificate put here by hand ends soon",
    );
  }
  const keyFile = settings.keyEncryptionKeyFile;
  if (keyFile !== undefined && (await ensureKeyEncryptionKey(keyFile))) log.info({ file: keyFile }, "made the key-encryption key");
  await waitForDatabase(connectionString, settings.databaseWaitSeconds * 1_000, log);
  const { applied } = await migrate({ connectionString, directory: settings.migrationsDir ?? ownMigrations, log });
  log.info({ applied }, "the database is up to date");
}
