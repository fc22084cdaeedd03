import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { CallCredentials, ChannelCredentials, Metadata } from "@grpc/grpc-js";
import { PlatformError, serviceCaller } from "@mooring/contracts";
import type { ServerTls } from "@mooring/kit";
import { connectGrpc } from "@mooring/rpc";
import { describe, expect, test } from "vitest";
import { sendRaw } from "./http.test-support.ts";
import { createMemoryServices, createTestDeps, keyOf } from "./memory-services.test-support.ts";
import { startAdminApi } from "./start.ts";
import { createTestTls } from "./tls.test-support.ts";

const anywhere = { restListen: "127.0.0.1:0", grpcListen: "127.0.0.1:0" };
const request = (path: string): Buffer => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keyOf("owner")}\r\n\r\n`);

test("a port in use is an error that names it, and leaves nothing listening", async () => {
  const { services } = createMemoryServices();
  const start = (options: Partial<typeof anywhere>) => startAdminApi(createTestDeps(services), { ...anywhere, ...options });
  const gone = await start({});
  await gone.stop();
  const first = await start({});
  await expect(start({ restListen: first.restAddress })).rejects.toMatchObject({ code: "EADDRINUSE" });
  await expect(start({ restListen: gone.restAddress, grpcListen: first.grpcAddress })).rejects.toMatchObject({ code: "EADDRINUSE" });
  const again = await start({ restListen: gone.restAddress });
  expect(again.restAddress).toBe(gone.restAddress);
  await Promise.all([first.stop(), again.stop()]);
});

test("a request under way when the server is told to stop gets its answer", async () => {
  const { services } = createMemoryServices();
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const getTenant: typeof services.access.getTenant = async (caller, asked) => {
    arrived.resolve();
    await release.promise;
    return services.access.getTenant(caller, asked);
  };
  const api = await startAdminApi(createTestDeps({ ...services, access: { ...services.access, getTenant } }), anywhere);
  const answer = sendRaw(api.restAddress, request("/v1/tenant"));
  await arrived.promise;
  const stopped = api.stop();
  release.resolve();
  expect((await answer).status).toBe(200);
  await stopped;
});

test("a service that is out of reach makes the process not ready, and is named", async () => {
  const { services } = createMemoryServices();
  const shadow = { ...services.shadow, get: () => Promise.reject(new PlatformError("unavailable", "no connection")) };
  const api = await startAdminApi(createTestDeps({ ...services, shadow }), anywhere);
  const answer = await sendRaw(api.restAddress, request("/readyz"));
  expect([answer.status, JSON.parse(answer.body)]).toEqual([503, { ready: false, failed: ["shadow"] }]);
  await api.stop();
});

test("with restTls, REST speaks TLS with the platform's certificate", async () => {
  const tls = await createTestTls();
  const api = await startAdminApi(createTestDeps(createMemoryServices().services), { ...anywhere, tls, restTls: true });
  const status = await new Promise((resolve, reject) => {
    const call = httpsRequest(`https://${api.restAddress}/livez`, { ca: tls.ca, agent: false }, (response) => resolve(response.statusCode));
    call.on("error", reject).end();
  });
  expect(status).toBe(200);
  await api.stop();
});

describe("a server certificate that is replaced", () => {
  interface Door {
    readonly address: string | undefined;
    readonly more?: ConnectionOptions;
  }

  /** A connection over TLS, and the names in the certificate it was shown. */
  async function look(
    address = "",
    more: ConnectionOptions = {},
  ): Promise<{ readonly names: string | undefined; readonly socket: TLSSocket }> {
    const [host, port] = address.split(":");
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ...more });
    await once(socket, "secureConnect");
    return { names: socket.getPeerX509Certificate()?.subjectAltName, socket };
  }

  async function namesAt({ address, more }: Door): Promise<string | undefined> {
    const { names, socket } = await look(address, more);
    socket.destroy();
    return names;
  }

  test("is shown at every door without a restart; connections that are there go on, and what cannot be used changes nothing", async () => {
    const [opened, replaced] = [await createTestTls(), await createTestTls("replaced.test")];
    let found: ServerTls = opened;
    const api = await startAdminApi(createTestDeps(createMemoryServices().services), {
      ...anywhere,
      ...{ amqpListen: "127.0.0.1:0", tls: opened, restTls: true, readTls: async () => found, readTlsMs: 5 },
    });
    const doors: readonly Door[] = [
      { address: api.restAddress },
      { address: api.grpcAddress, more: { ALPNProtocols: ["h2"] } },
      { address: api.amqpAddress },
    ];
    const before = await Promise.all(doors.map(({ address, more }) => look(address, more)));
    const session = connectHttp2(`https://${api.grpcAddress}`, { ca: opened.ca });
    const channel = ChannelCredentials.createSsl(Buffer.from(opened.ca));
    const withKey = CallCredentials.createFromMetadataGenerator((_, done) => {
      const metadata = new Metadata();
      metadata.set("authorization", `Bearer ${keyOf("viewer")}`);
      done(null, metadata);
    });
    const client = connectGrpc("access", api.grpcAddress, channel.compose(withKey));
    try {
      await once(session, "connect");
      console.error("B");
      expect((await client.getTenant(serviceCaller("gateway"), {})).tenantId).toBe("t1");
      for (const { names } of before) expect(names).toContain("localhost");
      found = { ...replaced, keyPem: opened.keyPem };
      for (let looks = 0; looks < 5; looks++) for (const door of doors) expect(await namesAt(door)).toContain("localhost");
      found = replaced;
      for (const door of doors) await expect.poll(() => namesAt(door), { timeout: 10_000 }).toBe("DNS:replaced.test");
      // On the connection of before: another would not trust the new authority.
      expect((await client.getTenant(serviceCaller("gateway"), {})).tenantId).toBe("t1");
      await promisify(session.ping.bind(session))();
      for (const { socket } of before) expect(socket.destroyed).toBe(false);
    } finally {
      session.destroy();
      for (const { socket } of before) socket.destroy();
      await client.stop();
      await api.stop();
    }
  });
});
