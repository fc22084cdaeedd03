import { request as httpsRequest } from "node:https";
import { PlatformError } from "@mooring/contracts";
import { expect, test } from "vitest";
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
