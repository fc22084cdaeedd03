import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server } from "node:tls";
import { makeAuthority, makeCertificate } from "@mooring/testkit";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type ShownCertificate, shownCertificate } from "./auth/client-certificate.ts";
import { deviceTlsOptions, renewTicketKeys } from "./tls.ts";

const authority = makeAuthority("test");
const [own, device] = [
  makeCertificate({ commonNames: ["localhost"], issuer: authority }),
  makeCertificate({ commonNames: ["dev-1"], issuer: authority }),
];
const serverTls = { certificatePem: own.pem, keyPem: own.keyPem ?? "" };
const servers: Server[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const server of servers.splice(0)) server.close();
});

async function listen(sessionS: number) {
  const rules = { handshakeMs: 10_000, sessionS };
  const server = createServer(deviceTlsOptions(serverTls, rules));
  servers.push(server);
  renewTicketKeys(server, sessionS);
  let shown: ShownCertificate | undefined;
  server.on("secureConnection", (socket) => {
    socket.on("error", () => undefined);
    shown = shownCertificate(socket);
    socket.resume();
    // Whoever hears it has its tickets, which come before.
    socket.end("x");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  /** What the server saw of a client that offers this session. */
  async function enter(version: "TLSv1.2" | "TLSv1.3", offered?: Buffer) {
    const cert = { cert: device.pem, key: device.keyPem };
    const session = offered === undefined ? {} : { session: offered };
    const client = connect({
      host: "127.0.0.1",
      port,
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
      servername: "a.test",
      ...cert,
      ...session,
    });
    let [given, isReused]: [Buffer | undefined, boolean] = [undefined, false];
    client.on("secureConnect", () => {
      isReused = client.isSessionReused();
    });
    client.on("session", (ticket) => {
      given = ticket;
    });
    client.resume();
    await once(client, "close");
    return { isReused, session: given ?? offered, shown };
  }
  return { server, enter, rules };
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("resuming sessions of %s", (version) => {
  test("is off unless it is switched on", async () => {
    const { enter } = await listen(0);
    const { session } = await enter(version);
    expect((await enter(version, session)).isReused).toBe(false);
  });

  test("shows the certificate of before; the name said is seen with TLS 1.3 only", async () => {
    const { enter } = await listen(600);
    const full = await enter(version);
    expect(full.shown).toMatchObject({ serverName: "a.test", isNameHidden: false });
    const resumed = await enter(version, full.session);
    expect(resumed.isReused).toBe(true);
    expect(resumed.shown?.der).toEqual(full.shown?.der);
    expect(resumed.shown?.isNameHidden).toBe(version === "TLSv1.2");
    expect(resumed.shown?.serverName).toBe(version === "TLSv1.3" ? "a.test" : undefined);
  });

  test("ends when the time is over, however often it was renewed", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { enter } = await listen(600);
    const full = await enter(version);
    const renewed = await enter(version, full.session);
    vi.advanceTimersByTime(599_000);
    expect((await enter(version, renewed.session)).isReused).toBe(true);
    vi.advanceTimersByTime(1_000);
    expect((await enter(version, renewed.session)).isReused).toBe(false);
  });

  test("ends with the server's certificate", async () => {
    const { enter, server, rules } = await listen(600);
    const { session } = await enter(version);
    server.setSecureContext(deviceTlsOptions(serverTls, rules));
    expect((await enter(version, session)).isReused).toBe(false);
  });
});
