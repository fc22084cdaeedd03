import { createHmac } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import type { Connection, EventContext } from "rhea";
import { afterEach, describe, expect, test } from "vitest";
import { createMemoryServices, createTestDeps } from "../memory-services.test-support.ts";
import { startAdminApi } from "../start.ts";
import { accessKey, createHarness, type Harness } from "./harness.test-support.ts";
import { startAmqp } from "./listen.ts";
import { parsePlain } from "./sign-on.ts";
import { saslHeader, saslInit, signedOn, talk } from "./wire.test-support.ts";

const plain = (...fields: string[]): Buffer => Buffer.from(fields.join("\0"));
const alibaba = "client-1|authMode=aksign,signMethod=hmacsha1,timestamp=1573489088171,authId=x,iotInstanceId=i,consumerGroupId=group|";

test.each([
  [
    "the subscription's name",
    plain("", "group", "mk_1"),
    { subscription: "group", proof: { apiKey: "mk_1" }, anyAddress: false, isBase64: false },
  ],
  [
    "an authorization identity that is the same",
    plain("group", "group", "mk_1"),
    { subscription: "group", proof: { apiKey: "mk_1" }, anyAddress: false, isBase64: false },
  ],
  [
    "Alibaba's form and an API key",
    plain("", alibaba, "mk_1"),
    { subscription: "group", proof: { apiKey: "mk_1" }, anyAddress: true, isBase64: false },
  ],
  [
    "Alibaba's form and a signature [Wire formats 2.12]",
    plain("", alibaba, "wqu+W6SAm5o8Yk0OpRUGWXWVKGU="),
    {
      subscription: "group",
      proof: {
        authId: "x",
        content: "authId=x&timestamp=1573489088171",
        signature: "wqu+W6SAm5o8Yk0OpRUGWXWVKGU=",
        method: "hmacsha1",
      },
      anyAddress: true,
      isBase64: false,
    },
  ],
  [
    "Alibaba's form, bodies as base64",
    plain("", "c|consumerGroupId=group,encode=base64|", "mk_1"),
    { subscription: "group", proof: { apiKey: "mk_1" }, anyAddress: true, isBase64: true },
  ],
  ["a signature without a time", plain("", "c|authMode=aksign,signMethod=hmacsha1,authId=x,consumerGroupId=group|", "c2ln"), undefined],
  ["a signature of another mode", plain("", alibaba.replace("aksign", "other"), "c2ln"), undefined],
  ["a signature and two access keys", plain("", alibaba.replace("authId=x", "authId=x,authId=y"), "c2ln"), undefined],
  ["another authorization identity", plain("admin", "group", "mk_1"), undefined],
  ["Alibaba's form without a group", plain("", "client-1|authMode=aksign|", "mk_1"), undefined],
  ["Alibaba's form with two groups", plain("", "c|consumerGroupId=a,consumerGroupId=b|", "mk_1"), undefined],
  ["a group that is no name", plain("", "c|consumerGroupId=a b|", "mk_1"), undefined],
  ["a user name that is no name", plain("", "../x", "mk_1"), undefined],
  ["no password", plain("", "group", ""), undefined],
  ["a password with a line break", plain("", "group", "mk_1\r\nX: y"), undefined],
  ["a field too many", plain("", "group", "mk_1", "x"), undefined],
  ["a field too few", plain("", "group"), undefined],
  ["nothing", undefined, undefined],
])("PLAIN with %s", (_, response, expected) => {
  expect(parsePlain(response)).toEqual(expected);
});

let harness: Harness | undefined;
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

/** The condition that a connection ends with. */
async function endOf(connection: Connection): Promise<unknown> {
  const [{ error }] = (await once(connection.container, "connection_error")) as [{ error?: { condition?: string } }];
  return error?.condition;
}

describe("a client that signs with an access key, as Alibaba's do,", () => {
  const userOf = (method: string, more = ""): string =>
    `client-1|authMode=aksign,signMethod=${method},timestamp=1573489088171,authId=${accessKey.id},iotInstanceId=,consumerGroupId=group${more}|`;
  const signed = (digest: string, secret = accessKey.secret): string =>
    createHmac(digest, secret).update(`authId=${accessKey.id}&timestamp=1573489088171`).digest("base64");

  test.each([
    ["hmacsha1", "sha1"],
    ["Hmacsha1", "sha1"],
    ["hmacsha256", "sha256"],
    ["hmacmd5", "md5"],
  ])("is let in with %s", async (method, digest) => {
    harness = await createHarness();
    harness.subscription.say();
    await once(harness.connect({ username: userOf(method), password: signed(digest) }).open_receiver({ source: "default" }), "message");
  });

  test("is not let in with another secret's signature, nor with one by another method than it says", async () => {
    harness = await createHarness();
    for (const password of [signed("sha1", "mks_other"), signed("md5"), "", "x"]) {
      expect(await endOf(harness.connect({ username: userOf("hmacsha1"), password }))).toBe("amqp:unauthorized-access");
    }
  });

  test("is out within 2 s when its access key is revoked", async () => {
    harness = await createHarness();
    const connection = harness.connect({ username: userOf("hmacsha256"), password: signed("sha256") });
    await once(connection.open_receiver({ source: "default" }), "receiver_open");
    const revokedAt = performance.now();
    harness.revoked.add(accessKey.id);
    expect(await endOf(connection)).toBe("amqp:unauthorized-access");
    expect(performance.now() - revokedAt).toBeLessThan(2_000);
  });

  test("gets bodies as base64 when it asks for them so", async () => {
    harness = await createHarness();
    harness.subscription.say();
    const connection = harness.connect({ username: userOf("hmacsha1", ",encode=base64"), password: signed("sha1") });
    const [{ message }] = (await once(connection.open_receiver({ source: "default" }), "message")) as [EventContext];
    const content = Buffer.from(Buffer.from("message 1").toString("base64"));
    expect(message).toMatchObject({ body: { content }, application_properties: { enc: "base64" } });
  });
});

test("Alibaba's user name signs on, and the link's address is then the client's own affair", async () => {
  harness = await createHarness();
  harness.subscription.say();
  await once(harness.connect({ username: alibaba }).open_receiver({ source: "/queue-name" }), "message");
});

describe("who is not let in", () => {
  test("an unknown key", async () => {
    harness = await createHarness();
    expect(await endOf(harness.connect({ password: "nobody" }))).toBe("amqp:unauthorized-access");
    expect(await harness.metrics()).toMatch(/mooring_amqp_refused_total 1\n/);
  });
  test("anybody while keys cannot be checked: the sign-on fails closed, as an error that passes", async () => {
    harness = await createHarness();
    harness.access.down = true;
    expect(await endOf(harness.connect())).toBe("amqp:internal-error");
  });
  test.each(["ANONYMOUS", "EXTERNAL", "CRAM-MD5", "__proto__", "constructor"])("whoever asks for %s", async (mechanism) => {
    harness = await createHarness();
    const came = (await talk(harness.port, [saslHeader, saslInit(mechanism, "\0group\0mk_backend")])).toString("latin1");
    expect(came).not.toContain("AMQP\0");
  });
  test("whoever says nothing until the deadline", async () => {
    harness = await createHarness({ limits: { signOnMs: 50 } });
    expect(await talk(harness.port, [])).toEqual(Buffer.alloc(0));
    await talk(harness.port, [saslHeader]);
  });
  test("one more than may be there without a sign-on; who has signed on stays", async () => {
    harness = await createHarness({ limits: { unauthenticatedMax: 2 } });
    const receiver = harness.connect().open_receiver({ source: "default" });
    await once(receiver, "receiver_open");
    const { port } = harness;
    const idle = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
    for (const socket of idle) await once(socket, "connect");
    const third = connect(port, "127.0.0.1").on("error", () => undefined);
    await once(third, "close");
    expect(idle.some((socket) => socket.destroyed)).toBe(false);
    harness.subscription.say();
    await once(receiver, "message");
    for (const socket of idle) socket.destroy();
  });
});

test("a second credential on one connection is not looked at", async () => {
  harness = await createHarness();
  const came = await talk(harness.port, [saslHeader, saslInit("PLAIN", "\0group\0nobody"), saslInit("PLAIN", "\0group\0mk_backend")]);
  expect(came.toString("latin1")).not.toContain("AMQP\0");
});

test("while a credential is looked at nothing more is taken in, however much comes", async () => {
  harness = await createHarness();
  const { promise, resolve } = Promise.withResolvers<void>();
  harness.access.slow = promise;
  const socket = connect(harness.port, "127.0.0.1").on("error", () => undefined);
  socket.write(Buffer.concat([saslHeader, saslInit("PLAIN", "\0group\0mk_slow")]));
  let taken = false;
  socket.write(Buffer.alloc(32 << 20), () => {
    taken = true;
  });
  const receiver = harness.connect().open_receiver({ source: "default" });
  for (let i = 0; i < 50; i++) {
    harness.subscription.say();
    await once(receiver, "message");
  }
  expect(taken).toBe(false);
  socket.destroy();
  resolve();
});

test("a client that does not wait for the outcome (pipelined open) is understood", async () => {
  harness = await createHarness({ limits: { linkWithinMs: 1 } });
  const came = await talk(harness.port, signedOn);
  expect(came.subarray(0, 8)).toEqual(saslHeader);
  expect(came.toString("latin1")).toContain("AMQP\0");
});

test("a connection without a link is closed after its time, also when its last link ends", async () => {
  harness = await createHarness({ limits: { linkWithinMs: 200 } });
  expect(await endOf(harness.connect())).toBe("amqp:connection:forced");
  const connection = harness.connect();
  const receiver = connection.open_receiver({ source: "default" });
  await once(receiver, "receiver_open");
  const ended = endOf(connection);
  receiver.close();
  expect(await ended).toBe("amqp:connection:forced");
});

test("a tenant's connection above its limit is told so, and one that ends makes room", async () => {
  harness = await createHarness({ limits: { connectionsPerTenantMax: 1 } });
  const first = harness.connect();
  await once(first.open_receiver({ source: "default" }), "receiver_open");
  expect(await endOf(harness.connect())).toBe("amqp:resource-limit-exceeded");
  first.close();
  await once(first.container, "connection_close");
  await expect.poll(() => harness?.metrics()).toMatch(/mooring_amqp_connections 0\n/);
  await once(harness.connect().open_receiver({ source: "default" }), "receiver_open");
});

test("a key that is revoked ends its connections within 2 s, and nothing more is sent", async () => {
  harness = await createHarness();
  const connection = harness.connect();
  const receiver = connection.open_receiver({ source: "default" });
  await once(receiver, "receiver_open");
  const startedAt = performance.now();
  harness.revoked.add("mk_backend");
  expect(await endOf(connection)).toBe("amqp:unauthorized-access");
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  await expect.poll(() => harness?.subscription.openStreams).toBe(0);
});

test("a connection whose key can no longer be asked about, since access hangs, ends within 2 s, and says why", async () => {
  harness = await createHarness();
  const connection = harness.connect();
  const receiver = connection.open_receiver({ source: "default" });
  await once(receiver, "receiver_open");
  harness.subscription.say();
  await once(receiver, "message");
  const frozenAt = performance.now();
  harness.access.frozen = true;
  expect(await endOf(connection)).toBe("amqp:internal-error");
  expect(performance.now() - frozenAt).toBeLessThan(2_000);
  await expect.poll(() => harness?.subscription.openStreams).toBe(0);
});

test("the process listens for AMQP when it is told to, on the address it says, and not otherwise", async () => {
  const { services } = createMemoryServices();
  const listen = { restListen: "127.0.0.1:0", grpcListen: "127.0.0.1:0" };
  const without = await startAdminApi(createTestDeps(services), listen);
  expect(without.amqpAddress).toBeUndefined();
  await without.stop();
  const api = await startAdminApi(createTestDeps(services), { ...listen, amqpListen: "127.0.0.1:0" });
  const port = Number(api.amqpAddress?.split(":")[1]);
  expect((await talk(port, [saslHeader, saslInit("PLAIN", "\0group\0nobody")])).subarray(0, 8)).toEqual(saslHeader);
  await api.stop();
  await expect(talk(port, [])).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("plain text is for loopback addresses only", async () => {
  harness = await createHarness();
  await expect(startAmqp({} as never, { listen: "0.0.0.0:0" })).rejects.toThrow("AMQP without TLS is for loopback addresses");
});
