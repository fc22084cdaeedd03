import { CallCredentials, ChannelCredentials, Metadata } from "@grpc/grpc-js";
import { type Caller, type JsonValue, operations, type SubscribeRequest, serviceCaller } from "@mooring/contracts";
import { type Running, silentLog } from "@mooring/kit";
import { type ApiName, type Apis, connectGrpc } from "@mooring/rpc";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startPublicGrpc } from "./grpc.ts";
import { limits } from "./limits.ts";
import { createMemoryServices, keyOf } from "./memory-services.test-support.ts";
import { createTestTls } from "./tls.test-support.ts";

/** What a liar would say; the public listener must not look at it. */
const forged: Caller = { ...serviceCaller("gateway"), tenantId: "t2" as Caller["tenantId"] };
const device = { productKey: "pk01", deviceName: "dev-1" };
const revoked = new Set<string>();
const clients: Running[] = [];
/** How often a key was asked about. */
let checks = 0;
let subscriptions = 0;
/** What answers about keys wait for. */
let frozen: Promise<void> | undefined;
let tls: Awaited<ReturnType<typeof createTestTls>>;
let server: Awaited<ReturnType<typeof startPublicGrpc>>;

beforeAll(async () => {
  tls = await createTestTls();
  const { services, log } = createMemoryServices({ revoked });
  log.say();
  const authenticateKey: typeof services.access.authenticateKey = async (caller, request) => {
    checks++;
    await frozen;
    return services.access.authenticateKey(caller, request);
  };
  server = await startPublicGrpc(
    { ...services, access: { ...services.access, authenticateKey } },
    { listen: "127.0.0.1:0", log: silentLog, tls },
  );
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.stop()));
  await server.stop();
});

function connect<K extends ApiName>(name: K, key?: string): Apis[K] & Running {
  const channel = ChannelCredentials.createSsl(Buffer.from(tls.ca));
  const withKey = CallCredentials.createFromMetadataGenerator((_, done) => {
    const metadata = new Metadata();
    if (key !== undefined) metadata.set("authorization", `Bearer ${key}`);
    done(null, metadata);
  });
  const client = connectGrpc(name, server.address, channel.compose(withKey));
  clients.push(client);
  return client;
}

test("the caller is the key's, whatever the peer says it is", async () => {
  const { tenantId } = await connect("access", keyOf("viewer")).getTenant(forged, {});
  expect(tenantId).toBe("t1");
});

test("no key and a wrong key are refused", async () => {
  await expect(connect("access").getTenant(forged, {})).rejects.toMatchObject({ code: "unauthenticated" });
  await expect(connect("access", "mk_wrong").getTenant(forged, {})).rejects.toMatchObject({ code: "unauthenticated" });
});

test("operations of our own processes are closed to every key, for whatever is asked", async () => {
  const apis = {
    access: connect("access", keyOf("owner")),
    devices: connect("devices", keyOf("owner")),
    rrpc: connect("rrpc", keyOf("owner")),
  };
  const shadow = connect("shadow", keyOf("owner"));
  const events = connect("events", keyOf("owner"));
  const sessions = connect("sessions", keyOf("owner"));
  const nobody = { deviceId: "d", credentialId: "c" };
  const nowhere = { protocol: "https", address: "192.0.2.1" };
  const attempts = {
    "access.authenticateKey": () => apis.access.authenticateKey(forged, { secret: keyOf("owner") }),
    "access.authenticateSignature": () =>
      apis.access.authenticateSignature(forged, { authId: "MK1", content: "c", signature: "s", method: "hmacsha1" }),
    "access.findScramVerifier": () => apis.access.findScramVerifier(forged, { keyId: "k" }),
    "access.listTenantsSince": () => apis.access.listTenantsSince(forged, { sinceMs: 0 }),
    "access.listSuspendedTenants": () => apis.access.listSuspendedTenants(forged, {}),
    "devices.authenticateClaim": () => apis.devices.authenticateClaim(forged, { certificateDer: new Uint8Array([1]) }),
    "devices.checkClaim": () => apis.devices.checkClaim(forged, { claimId: "c" }),
    "devices.createClaimedCertificate": () => apis.devices.createClaimedCertificate(forged, { claimId: "c", origin: nowhere }),
    "devices.provisionDevice": () => apis.devices.provisionDevice(forged, { claimId: "c", parameters: {}, origin: nowhere }),
    "devices.authenticateCertificate": () => apis.devices.authenticateCertificate(forged, { certificateDer: new Uint8Array([1]) }),
    "devices.authenticateSecret": () =>
      apis.devices.authenticateSecret(forged, { ...device, signMethod: "hmacsha256", content: "x", signature: "y" }),
    "devices.authenticateToken": () => apis.devices.authenticateToken(forged, { ...device, clientId: "c", token: "t" }),
    "devices.authenticateJwt": () => apis.devices.authenticateJwt(forged, { jwt: "a.b.c" }),
    "devices.findPreSharedKey": () => apis.devices.findPreSharedKey(forged, { identity: "i" }),
    "devices.registerDevice": () =>
      apis.devices.registerDevice(forged, { ...device, way: "register", signMethod: "hmacsha256", random: "1", signature: "y" }),
    "devices.createDeviceSession": () => apis.devices.createDeviceSession(forged, { deviceId: "d", credentialId: "secret:1" }),
    "devices.authenticateDeviceSession": () => apis.devices.authenticateDeviceSession(forged, { token: "t" }),
    "devices.recordConnectionFailures": () => apis.devices.recordConnectionFailures(forged, { failures: [] }),
    "devices.checkCredential": () => apis.devices.checkCredential(forged, nobody),
    "devices.renewCertificate": () => apis.devices.renewCertificate(forged, { csrPem: "", fingerprint: "" }),
    "devices.enrollCertificate": () => apis.devices.enrollCertificate(forged, { csrPem: "" }),
    "devices.getAuthorityCertificates": () => apis.devices.getAuthorityCertificates(forged, {}),
    "devices.getRevocationList": () => apis.devices.getRevocationList(forged, { authorityId: "a" }),
    "devices.answerStatusRequest": () => apis.devices.answerStatusRequest(forged, { authorityId: "a", request: new Uint8Array([1]) }),
    "devices.findSubDevices": () => apis.devices.findSubDevices(forged, { gatewayId: "g", devices: [device] }),
    "devices.proveSubDevices": () => apis.devices.proveSubDevices(forged, { proofs: [] }),
    "devices.findTags": () => apis.devices.findTags(forged, { deviceIds: ["d1"] }),
    "devices.listProductOptions": () => apis.devices.listProductOptions(forged, {}),
    "devices.listChanges": () => apis.devices.listChanges(forged, {}),
    "sessions.write": () =>
      sessions
        .write(forged, only([{ sequence: 1, ops: [] }]))
        [Symbol.asyncIterator]()
        .next(),
    "sessions.listSessions": () => sessions.listSessions(forged, {}),
    "sessions.loadQueue": () => sessions.loadQueue(forged, { sessionId: "s", afterSeq: 0, limit: 1, bytesMax: 1 }),
    "sessions.listRetained": () => sessions.listRetained(forged, {}),
    "shadow.deviceReady": () => shadow.deviceReady(forged, device),
    "shadow.waitApplied": () => shadow.waitApplied(forged, { offset: 1, timeoutMs: 1 }),
    "thingModel.listChanges": () => connect("thing-model", keyOf("owner")).listChanges(forged, { sinceMs: 0 }),
    "rrpc.answer": () => apis.rrpc.answer(forged, { messageId: "1", payload: new Uint8Array() }),
    "events.append": () =>
      events
        .append(forged, only([{ sequence: 1, records: [] }]))
        [Symbol.asyncIterator]()
        .next(),
    "events.read": () => events.read(forged, { consumer: "shadow", after: 0, limit: 1, waitMs: 0 }),
    "events.recordRefusals": () => events.recordRefusals(forged, { refusals: [] }),
  };
  const people = ["owner", "operator", "backend", "viewer"];
  const closed = Object.entries(operations).filter(
    ([name, roles]) => !name.startsWith("gateway.") && !roles.some((role) => people.includes(role)),
  );
  expect(Object.keys(attempts).sort()).toEqual(closed.map(([name]) => name).sort());
  for (const [name, attempt] of Object.entries(attempts)) {
    await expect(attempt(), name).rejects.toMatchObject({ code: "permissionDenied", message: `the role owner may not do ${name}` });
  }
});

test("a document as deep as REST takes it gets through the wire between services", async () => {
  let desired: JsonValue = { end: true };
  // A level of objects takes more nested messages than one of arrays.
  for (let depth = 2; depth < limits.jsonDepthMax; depth++) desired = { in: desired };
  const view = await connect("shadow", keyOf("owner")).update(forged, { ...device, desired: { in: desired } });
  expect(view.desired).toEqual({ in: desired });
});

test("a subscription of a key that is revoked ends within 2 s, though the service behind it waits for ever", async () => {
  const waiting = new AbortController();
  const records = connect("events", keyOf("backend")).subscribe(forged, startAndWait(waiting.signal))[Symbol.asyncIterator]();
  expect((await records.next()).value).toMatchObject({ offset: 1, kind: "online" });
  const next = records.next();
  const revokedAt = performance.now();
  revoked.add(keyOf("backend"));
  await expect(next).rejects.toMatchObject({ code: "unauthenticated" });
  expect(performance.now() - revokedAt).toBeLessThan(2_000);
  waiting.abort();
});

test("a subscription ends within 2 s, unavailable, when nobody answers any more whether its key holds", async () => {
  const waiting = new AbortController();
  const records = connect("events", keyOf("operator")).subscribe(forged, startAndWait(waiting.signal))[Symbol.asyncIterator]();
  await records.next();
  const next = records.next();
  const thaw = Promise.withResolvers<void>();
  const frozenAt = performance.now();
  frozen = thaw.promise;
  await expect(next).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("could not be checked in time") });
  expect(performance.now() - frozenAt).toBeLessThan(2_000);
  frozen = undefined;
  thaw.resolve();
  waiting.abort();
});

test("a subscription goes on for as long as its key holds, and ends when the subscriber does", async () => {
  const waiting = new AbortController();
  const records = connect("events", keyOf("owner")).subscribe(forged, startAndWait(waiting.signal))[Symbol.asyncIterator]();
  await records.next();
  const next = records.next();
  let ended = false;
  next.finally(() => {
    ended = true;
  });
  const before = checks;
  await expect.poll(() => checks).toBeGreaterThan(before + 1);
  expect(ended).toBe(false);
  waiting.abort();
  expect((await next).done).toBe(true);
});

test("what back ends may do with subscriptions, shadows and devices gets through, and no more than their role may", async () => {
  const events = connect("events", keyOf("owner"));
  await events.createSubscription(forged, { name: "billing", filter: { productKey: "pk01" }, start: { from: "earliest" } });
  expect(await events.getSubscription(forged, { name: "billing" })).toMatchObject({ name: "billing", filter: { productKey: "pk01" } });
  expect(await events.trace(forged, { ...device, limit: 5 })).toMatchObject({ entries: [{ outcome: "accepted" }, { outcome: "refused" }] });
  expect(await events.getConnection(forged, device)).toMatchObject({ online: true, clientId: "c1" });
  const devices = connect("devices", keyOf("owner"));
  expect(await devices.setDeviceTags(forged, { ...device, tags: { site: "north" } })).toMatchObject({ tags: { site: "north" } });
  const shadow = connect("shadow", keyOf("owner"));
  await shadow.update(forged, { ...device, shadowName: "config", desired: { a: 1 } });
  expect(await shadow.listNames(forged, device)).toEqual({ names: ["config"] });
  expect(await shadow.getAt(forged, { ...device, shadowName: "config", version: 1 })).toMatchObject({ desired: { a: 1 } });
  const viewer = connect("events", keyOf("viewer"));
  await expect(viewer.seekSubscription(forged, { name: "billing", position: { offset: 0 } })).rejects.toMatchObject({
    code: "permissionDenied",
  });
});

test("the subscriptions behind event streams are nobody else's: their names cannot be joined, made or seen", async () => {
  const events = connect("events", keyOf("owner"));
  const joined = events.subscribe(forged, only<SubscribeRequest>([{ start: { subscription: "sse-1" } }]))[Symbol.asyncIterator]();
  await expect(joined.next()).rejects.toMatchObject({ code: "invalidArgument", details: { issues: [{ pointer: "/start/subscription" }] } });
  await expect(events.createSubscription(forged, { name: "sse-1" })).rejects.toMatchObject({ code: "invalidArgument" });
  await expect(events.getSubscription(forged, { name: "sse-1" })).rejects.toMatchObject({ code: "notFound" });
});

async function* only<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function* startAndWait(signal: AbortSignal): AsyncGenerator<SubscribeRequest> {
  // Each test's own, so that the record is there for each.
  yield { start: { subscription: `s${++subscriptions}`, from: "earliest" } };
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
