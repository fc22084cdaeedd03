import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { silentLog } from "@mooring/kit";
import {
  authenticateInternal,
  connectGrpc,
  internalChannelCredentials,
  internalServerCredentials,
  loadInternalTls,
  startGrpcServer,
} from "@mooring/rpc";
import { findClient } from "@mooring/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ensureInternalCertificates, internalServices } from "./internal-certificates.ts";
import { ensureKeyEncryptionKey } from "./key-encryption-key.ts";
import { ensureServerCertificate, parseServerNames } from "./server-certificate.ts";

const dayMs = 86_400_000;
const openssl = await findClient("openssl");

let dir: string;
let tlsDir: string;
let stateDir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mooring-setup-"));
  tlsDir = join(dir, "tls");
  stateDir = join(dir, "state");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const read = (name: string): string => readFileSync(join(tlsDir, name), "utf8");
const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe("the certificates of the services", () => {
  const options = () => ({ tlsDir, stateDir, nowMs: Date.now() });

  test("are made once for each service, keys for this user alone", async () => {
    expect(await ensureInternalCertificates(options())).toEqual([...internalServices]);
    const before = read("devices.pem");
    expect(await ensureInternalCertificates(options())).toEqual([]);
    expect(read("devices.pem")).toBe(before);
    for (const name of internalServices) expect(modeOf(join(tlsDir, `${name}.key`))).toBe(0o600);
    expect(modeOf(join(stateDir, "internal-ca.pem"))).toBe(0o600);
    expect(readdirSync(tlsDir).sort()).toEqual(["ca.pem", ...internalServices.flatMap((name) => [`${name}.key`, `${name}.pem`])].sort());
  });

  test("are made anew by the same authority when they end within 30 days, and not before", async () => {
    await ensureInternalCertificates(options());
    const ca = read("ca.pem");
    const notAfterMs = Date.parse(new X509Certificate(read("devices.pem")).validTo);
    expect(await ensureInternalCertificates({ ...options(), nowMs: notAfterMs - 31 * dayMs })).toEqual([]);
    expect(await ensureInternalCertificates({ ...options(), nowMs: notAfterMs - 29 * dayMs })).toEqual([...internalServices]);
    expect(read("ca.pem")).toBe(ca);
  });

  test("that were damaged, or do not fit their key, or are another service's, are made anew", async () => {
    await ensureInternalCertificates(options());
    writeFileSync(join(tlsDir, "access.pem"), "");
    writeFileSync(join(tlsDir, "shadow.key"), read("events.key"));
    writeFileSync(join(tlsDir, "rrpc.pem"), read("gateway.pem"));
    writeFileSync(join(tlsDir, "rrpc.key"), read("gateway.key"));
    expect(await ensureInternalCertificates(options())).toEqual(["access", "shadow", "rrpc"]);
  });

  test("of a new authority are all new", async () => {
    await ensureInternalCertificates(options());
    rmSync(stateDir, { recursive: true });
    expect(await ensureInternalCertificates(options())).toEqual([...internalServices]);
  });

  test("let a service be called by its name, and by nobody who takes another's name", async () => {
    await ensureInternalCertificates(options());
    const api = { authenticateKey: async () => ({ tenantId: "", principal: "x", role: "viewer" }) };
    const server = await startGrpcServer({
      listen: "127.0.0.1:0",
      credentials: internalServerCredentials(loadInternalTls(tlsDir, "access")),
      authenticate: authenticateInternal,
      apis: { access: api as never },
      log: silentLog,
    });
    const tls = loadInternalTls(tlsDir, "admin-api");
    const [access, devices] = ["access", "devices"].map((service) =>
      connectGrpc("access", server.address, internalChannelCredentials(tls, service)),
    );
    try {
      const caller = { tenantId: "" as never, principal: "service:admin-api", role: "service" } as const;
      expect(await access?.authenticateKey(caller, { secret: "" })).toMatchObject({ role: "viewer" });
      await expect(devices?.authenticateKey(caller, { secret: "" })).rejects.toMatchObject({ code: "unavailable" });
    } finally {
      await access?.stop();
      await devices?.stop();
      await server.stop();
    }
  });
});

describe("the platform's certificate", () => {
  const names = parseServerNames("Localhost, 127.0.0.1,::1,localhost");
  const options = () => ({ tlsDir, stateDir, names, nowMs: Date.now() });

  test("is made once for its names, and trusted through ca.pem", async () => {
    const made = await ensureServerCertificate(options());
    expect(made.origin).toBe("made");
    expect(await ensureServerCertificate(options())).toEqual({ ...made, origin: "kept" });
    expect(new X509Certificate(read("server.pem")).subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect(modeOf(made.keyFile)).toBe(0o600);
    const server = createServer({ cert: read("server.pem"), key: read("server.key") }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { port } = server.address() as AddressInfo;
      const socket = connect({ host: "127.0.0.1", port, ca: read("ca.pem"), servername: "localhost" });
      await once(socket, "secureConnect");
      expect(socket.authorized).toBe(true);
      socket.destroy();
    } finally {
      server.close();
    }
  });

  test.skipIf(openssl === undefined)("is a server's certificate to openssl, too", async () => {
    const { caFile, certificateFile } = await ensureServerCertificate(options());
    const args = ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost", "-CAfile", caFile, certificateFile];
    expect(execFileSync(openssl?.path ?? "", args, { encoding: "utf8", env: { ...process.env, ...openssl?.env } })).toContain("OK");
  });

  test("is made anew by the same authority when a name comes or goes", async () => {
    await ensureServerCertificate(options());
    const ca = read("ca.pem");
    for (const changed of [[...names, "iot.example.com"], ["iot.example.com"], ["10.0.0.1"]]) {
      expect(await ensureServerCertificate({ ...options(), names: changed })).toMatchObject({ origin: "made" });
      expect(await ensureServerCertificate({ ...options(), names: changed })).toMatchObject({ origin: "kept" });
    }
    expect(read("ca.pem")).toBe(ca);
  });

  test("is made anew by the same authority when it ends within 30 days", async () => {
    const { notAfterMs } = await ensureServerCertificate(options());
    const ca = read("ca.pem");
    const later = await ensureServerCertificate({ ...options(), nowMs: notAfterMs - 29 * dayMs });
    expect(later.origin).toBe("made");
    expect(later.notAfterMs).toBeGreaterThan(notAfterMs);
    expect(read("ca.pem")).toBe(ca);
  });

  test("that somebody put there is left alone, whatever its names and its end", async () => {
    await ensureServerCertificate({ ...options(), stateDir: join(dir, "elsewhere") });
    const before = [read("server.pem"), read("server.key"), read("ca.pem")];
    const late = Date.now() + 10_000 * dayMs;
    const given = await ensureServerCertificate({ ...options(), names: ["iot.example.com"], nowMs: late });
    expect(given.origin).toBe("given");
    expect([read("server.pem"), read("server.key"), read("ca.pem")]).toEqual(before);
  });

  test("made by two processes at once is of one authority", async () => {
    await Promise.all([ensureServerCertificate(options()), ensureInternalCertificates(options()), ensureServerCertificate(options())]);
    expect(await ensureServerCertificate(options())).not.toMatchObject({ origin: "given" });
  });

  test("an authority's file that holds something else is never replaced", async () => {
    await ensureServerCertificate(options());
    const path = join(stateDir, "server-ca.pem");
    writeFileSync(path, "rubbish");
    await expect(ensureServerCertificate(options())).rejects.toThrow(/server-ca\.pem does not hold an authority's certificate and key/);
    expect(readFileSync(path, "utf8")).toBe("rubbish");
  });

  test("needs a name", () => {
    expect(() => parseServerNames(" , ")).toThrow("MOORING_SERVER_NAMES");
  });
});

describe("the key-encryption key", () => {
  test("is made once, for this user alone, and never replaced", async () => {
    const path = join(stateDir, "key-encryption-key");
    const made = await Promise.all([ensureKeyEncryptionKey(path), ensureKeyEncryptionKey(path), ensureKeyEncryptionKey(path)]);
    expect(made.filter(Boolean).length).toBe(1);
    const text = readFileSync(path, "utf8");
    expect(Buffer.from(text.trim(), "base64").length).toBe(32);
    expect(modeOf(path)).toBe(0o600);
    expect(await ensureKeyEncryptionKey(path)).toBe(false);
    expect(readFileSync(path, "utf8")).toBe(text);
    expect(readdirSync(stateDir)).toEqual(["key-encryption-key"]);
  });
});
