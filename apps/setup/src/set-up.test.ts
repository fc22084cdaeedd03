import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "@mooring/db";
import { loadSettings, StartError, silentLog } from "@mooring/kit";
import { createTestDatabase } from "@mooring/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { setupSettings } from "./config.ts";
import { setUp } from "./set-up.ts";
import { waitForDatabase } from "./wait-for-database.ts";

let dir: string;
let connectionString: string;
let drop: () => Promise<void>;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "mooring-set-up-"));
  ({ connectionString, drop } = await createTestDatabase());
});
afterEach(async () => {
  rmSync(dir, { recursive: true, force: true });
  await drop();
});

const open = (url: string) => openDatabase({ connectionString: url, poolSize: 2, applicationName: "setup-test", log: silentLog });

describe("setup", () => {
  test("makes certificates, key and tables of an empty installation, and changes nothing the next time", async () => {
    const admin = open(connectionString);
    const name = `mooring_setup_${randomUUID().replaceAll("-", "")}`;
    await admin.pool.query(`CREATE DATABASE ${name}`);
    const url = new URL(connectionString);
    url.pathname = `/${name}`;
    const settings = loadSettings(setupSettings, {
      MOORING_DATABASE_URL: url.href,
      MOORING_SETUP_STATE_DIR: join(dir, "state"),
      MOORING_INTERNAL_TLS_DIR: join(dir, "internal"),
      MOORING_SERVER_TLS_DIR: join(dir, "server"),
      MOORING_KEY_ENCRYPTION_KEY_FILE: join(dir, "secrets", "key-encryption-key"),
    });
    const empty = open(url.href);
    try {
      await setUp(settings, silentLog, Date.now());
      const files = ["internal/devices.pem", "server/server.pem", "server/ca.pem", "secrets/key-encryption-key", "state/server-ca.pem"];
      const before = files.map((file) => readFileSync(join(dir, file), "utf8"));
      expect(await empty.prisma.tenant.count()).toBe(0);
      await setUp(settings, silentLog, Date.now());
      expect(files.map((file) => readFileSync(join(dir, file), "utf8"))).toEqual(before);
    } finally {
      await empty.close();
      await admin.pool.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.close();
    }
  });

  test("makes nothing when it is told no name for the platform", async () => {
    const settings = loadSettings(setupSettings, {
      MOORING_DATABASE_URL: connectionString,
      MOORING_SETUP_STATE_DIR: join(dir, "state"),
      MOORING_INTERNAL_TLS_DIR: join(dir, "internal"),
      MOORING_SERVER_TLS_DIR: join(dir, "server"),
      MOORING_SERVER_NAMES: ",",
    });
    await expect(setUp(settings, silentLog, Date.now())).rejects.toBeInstanceOf(StartError);
    expect(existsSync(join(dir, "state"))).toBe(false);
  });
});

describe("waiting for the database", () => {
  test("ends when it answers", async () => {
    await waitForDatabase(connectionString, 10_000, silentLog);
  });

  test("ends in time with one sentence when it does not", async () => {
    const url = new URL(connectionString);
    url.port = "1";
    await expect(waitForDatabase(url.href, 600, silentLog)).rejects.toThrow(/^The database has not answered within 0\.6 s: .*ECONNREFUSED/);
  });

  test.each([
    ["password", "nonsense"],
    ["pathname", "/no_such_database"],
  ] as const)("ends at once when the %s is wrong, which time does not mend, and without quoting it", async (part, value) => {
    const url = new URL(connectionString);
    url[part] = value;
    const startedMs = performance.now();
    await expect(waitForDatabase(url.href, 60_000, silentLog)).rejects.toThrow(/^The database refuses: (?!.*nonsense)/);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });
});
