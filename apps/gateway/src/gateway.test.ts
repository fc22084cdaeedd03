import { once } from "node:events";
import { serviceCaller } from "@mooring/contracts";
import { ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { post, report, sys, useGateway } from "./fixture.test-support.ts";
import { productKey } from "./harness.test-support.ts";
import { type MqttClient, openTcp, openTls } from "./mqtt-client.test-support.ts";

const fixture = useGateway();

describe("property reports", () => {
  test("a PUBLISH is not acknowledged before it is stored [MQTT-4.3.2-4]", async () => {
    const client = await fixture.signOn();
    fixture.harness.events.isHeld = true;
    const id = client.publish(post("dev-1"), report({ Temperature: 21.5, Label: { value: "hall", time: 1_000 } }));
    await client.subscribe(`${sys("dev-1")}/#`); // Answered behind the PUBLISH, so the gateway has read that.
    expect(client.pubacks).toEqual([]);
    expect(fixture.stored("properties")).toEqual([]);
    fixture.harness.events.isHeld = false;
    expect(await client.acknowledged(id)).toBe(0);
    expect(fixture.stored("properties")).toEqual([
      { properties: { Temperature: { value: 21.5, time: expect.any(Number) }, Label: { value: "hall", time: 1_000 } } },
    ]);
  });

  test("PUBACKs leave in order of arrival, QoS 0 is stored too, and the log has one device's messages in order", async () => {
    const client = await fixture.signOn();
    const ids: number[] = [];
    for (let i = 0; i < 60; i++) ids.push(client.publish(post("dev-1"), report({ Temperature: i }), i % 3 === 0 ? 0 : 1));
    await client.acknowledged(ids[59] as number);
    expect(client.pubacks.map((ack) => ack.packetId)).toEqual(ids.filter((id) => id !== 0));
    await expect.poll(() => fixture.stored("properties").length).toBe(60);
    expect(
      fixture.stored("properties").map((body) => (body as { properties: { Temperature: { value: number } } }).properties.Temperature.value),
    ).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  test("post_reply answers who subscribed, unless sys.ack is 0", async () => {
    const client = await fixture.signOn();
    await client.subscribe(`${post("dev-1")}_reply`);
    await client.acknowledged(client.publish(post("dev-1"), report({ Temperature: 1 }, 0)));
    await client.acknowledged(client.publish(post("dev-1"), report({ Temperature: 2 })));
    const reply = await client.message(({ topic }) => topic.endsWith("post_reply"));
    expect(JSON.parse(reply.payload)).toEqual({
      id: "7",
      code: 200,
      data: {},
      message: "success",
      method: "thing.event.property.post",
      version: "1.0",
    });
    expect(client.messages).toHaveLength(1);
    expect(reply.qos).toBe(1);
  });

  test("post_reply reaches the connection that listens while another one posts, and no other device's", async () => {
    const listener = await fixture.signOn("dev-1", { clientId: "listener" });
    await listener.subscribe(`${post("dev-1")}_reply`);
    const stranger = await fixture.signOn("dev-2", { clientId: "stranger" });
    await stranger.subscribe(`${sys("dev-2")}/#`);
    const poster = await fixture.signOn("dev-1", { clientId: "poster" });
    await poster.acknowledged(poster.publish(post("dev-1"), report({ Temperature: 1 })));
    const reply = await listener.message(({ topic }) => topic.endsWith("post_reply"));
    expect(JSON.parse(reply.payload)).toMatchObject({ id: "7", code: 200 });
    expect(poster.messages).toEqual([]);
    expect(stranger.messages).toEqual([]);
  });

  test("enforce: what the model does not allow is refused per field and not stored: 0x99 and code 460", async () => {
    const client = await fixture.signOn();
    await client.subscribe(`${sys("dev-1")}/#`);
    const id = client.publish(post("dev-1"), report({ Temperature: 500, Nope: 1 }));
    expect(await client.acknowledged(id)).toBe(ReasonCode.PayloadFormatInvalid);
    expect(client.pubacks[0]?.reason).toContain("and 1 more");
    const reply = JSON.parse((await client.message(({ topic }) => topic.endsWith("post_reply"))).payload);
    expect(reply).toMatchObject({ id: "7", code: 460, method: "thing.event.property.post" });
    expect(reply.data.issues.map((issue: { pointer: string }) => issue.pointer)).toEqual(["/params/Temperature", "/params/Nope"]);
    const old = await fixture.signOn("dev-2", { level: ProtocolLevel.V311 });
    expect(await old.acknowledged(old.publish(post("dev-2"), report({ Temperature: 500 })))).toBe(0);
    expect(fixture.stored("properties")).toEqual([]);
  });

  test("flag stores and marks; off does not look; a change of mode is heard of", async () => {
    fixture.harness.devices.validation = "flag";
    const client = await fixture.signOn();
    await client.acknowledged(client.publish(post("dev-1"), report({ Temperature: 500 })));
    expect(fixture.stored("properties")).toMatchObject([
      { properties: { Temperature: { value: 500 } }, invalid: [{ pointer: "/Temperature" }] },
    ]);
    fixture.harness.devices.validation = "off";
    fixture.harness.devices.changes.push({ offset: 1, productKey });
    await expect
      .poll(async () => {
        await client.acknowledged(client.publish(post("dev-1"), report({ Anything: [1] })));
        return "invalid" in (fixture.stored("properties").at(-1) as object);
      })
      .toBe(false);
  });

  test.each([
    ["no JSON", "{", "", 0x99],
    ["no id", { params: { Temperature: 1 } }, "/id", 0x99],
    ["no params", { id: "1" }, "/params", 0x99],
    ["empty params", { id: "1", params: {} }, "/params", 0x99],
    ["a number beyond a double", '{"id":"1","params":{"Temperature":1e400}}', "/params/Temperature", 0x99],
    ["__proto__", '{"id":"1","params":{"__proto__":1}}', "/params/__proto__", 0x99],
    [
      "a time after the year 9999",
      { id: "1", params: { Temperature: { value: 1, time: 253_402_300_800_000 } } },
      "/params/Temperature/time",
      0x99,
    ],
    ["deeper than a shadow keeps", { id: "1", params: { Any: { a: { a: { a: { a: { a: { a: { a: { a: 1 } } } } } } } } } }, "", 0x99],
    ["a time that is none", { id: "1", params: { Temperature: { value: 1, time: -1 } } }, "/params/Temperature/time", 0x99],
  ])("%s is refused with its place", async (_what, payload, pointer, code) => {
    const client = await fixture.signOn();
    await client.subscribe(`${sys("dev-1")}/#`);
    expect(await client.acknowledged(client.publish(post("dev-1"), payload))).toBe(code);
    const reply = JSON.parse((await client.message(({ topic }) => topic.endsWith("post_reply"))).payload);
    expect(reply.data.issues[0].pointer).toBe(pointer);
  });

  test("the log out of reach: no PUBACK, and the connection ends so that the client sends it again", async () => {
    await fixture.restart({ uplink: { giveUpMs: 600 } });
    fixture.harness.events.isBroken = true;
    for (const level of [ProtocolLevel.V5, ProtocolLevel.V311] as const) {
      const client = await fixture.signOn("dev-1", { level, clientId: `c${level}` });
      client.publish(post("dev-1"), report({ Temperature: 1 }));
      expect(await client.closed()).toBe(level === ProtocolLevel.V5 ? ReasonCode.ServerBusy : undefined);
      expect(client.pubacks).toEqual([]);
    }
  });

  test("a log that breaks for a moment loses nothing: frames are sent again", async () => {
    const client = await fixture.signOn();
    fixture.harness.events.isBroken = true;
    const id = client.publish(post("dev-1"), report({ Temperature: 1 }));
    await client.subscribe(`${sys("dev-1")}/#`);
    fixture.harness.events.isBroken = false;
    expect(await client.acknowledged(id)).toBe(0);
    expect(fixture.stored("properties")).toHaveLength(1);
  });
});

describe("events, custom topics", () => {
  test("an event and a custom message are stored under their kind", async () => {
    const client = await fixture.signOn();
    await client.acknowledged(
      client.publish(`${sys("dev-1")}/thing/event/Overheated/post`, { id: "1", params: { value: { limit: 9 }, time: 5 } }),
    );
    await client.acknowledged(client.publish(`/${productKey}/dev-1/user/a/b`, "raw"));
    expect(fixture.stored("event")).toEqual([{ name: "Overheated", value: { limit: 9 }, time: 5 }]);
    expect(fixture.stored("message")).toEqual([{ topic: `/${productKey}/dev-1/user/a/b`, payloadBase64: "cmF3" }]);
    expect(await client.acknowledged(client.publish(`${sys("dev-1")}/thing/event/Nope/post`, { id: "1", params: { value: {} } }))).toBe(
      0x99,
    );
  });
});

describe("what a device may say and hear", () => {
  test("a foreign topic: 5.0 PUBACK 0x87, QoS 0 DISCONNECT 0x87; 3.1.1 the connection is closed", async () => {
    const five = await fixture.signOn("dev-1");
    expect(await five.acknowledged(five.publish(post("dev-2"), report({ Temperature: 1 })))).toBe(ReasonCode.NotAuthorized);
    expect(five.pubacks.at(-1)?.reason).toBe("this topic is not the device's own");
    five.publish(post("dev-2"), report({ Temperature: 1 }), 0);
    expect(await five.closed()).toBe(ReasonCode.NotAuthorized);
    for (const qos of [0, 1] as const) {
      const four = await fixture.signOn("dev-1", { level: ProtocolLevel.V311, clientId: `q${qos}` });
      four.publish(post("dev-2"), report({ Temperature: 1 }), qos);
      await four.closed();
      expect(four.pubacks).toEqual([]);
    }
    expect(fixture.stored("properties")).toEqual([]);
  });

  test("an own topic that means nothing: 5.0 PUBACK 0x90; 3.1.1 closes on QoS 1 and ignores QoS 0", async () => {
    const five = await fixture.signOn("dev-1");
    expect(await five.acknowledged(five.publish(`${sys("dev-1")}/nothing`, "x"))).toBe(ReasonCode.TopicNameInvalid);
    const four = await fixture.signOn("dev-1", { level: ProtocolLevel.V311, clientId: "four" });
    four.publish(`${sys("dev-1")}/nothing`, "x", 0);
    await four.acknowledged(four.publish(post("dev-1"), report({ Temperature: 1 })));
    four.publish(`${sys("dev-1")}/nothing`, "x", 1);
    await four.closed();
  });

  test("a denied filter in a mixed SUBSCRIBE is refused and never stored", async () => {
    const client = await fixture.signOn();
    const codes = await client.subscribe(`${sys("dev-2")}/#`, `${sys("dev-1")}/rrpc/request/+`, "#", `$share/g/${sys("dev-1")}/#`, "a/#/b");
    expect(codes).toEqual([0x87, 1, 0x87, 0x9e, 0x8f]);
    const { device } = await fixture.harness.credential("dev-2");
    expect(await fixture.deliver(device.deviceId, "1")).toBe(0);
    const old = await fixture.signOn("dev-1", { level: ProtocolLevel.V311, clientId: "old" });
    expect(await old.subscribe(`${sys("dev-2")}/#`, `${sys("dev-1")}/#`)).toEqual([0x80, 1]);
  });

  test.each([
    [
      "a topic alias that stands for nothing [MQTT-3.3.2-7]",
      (client: MqttClient) => client.publish("", "x", 0, { properties: { topicAlias: 1 } }),
      ReasonCode.TopicAliasInvalid,
    ],
    ["malformed bytes", (client: MqttClient) => client.socket.write(Buffer.from([0x36, 0x00])), ReasonCode.MalformedPacket],
    ["a second CONNECT [MQTT-3.1.0-2]", (client: MqttClient) => client.socket.write(Buffer.from([0x10, 0x00])), ReasonCode.ProtocolError],
  ])("%s ends this connection with its reason, and no other", async (_what, act, code) => {
    const bystander = await fixture.signOn("dev-2");
    const client = await fixture.signOn("dev-1");
    act(client);
    expect(await client.closed()).toBe(code);
    expect(await bystander.acknowledged(bystander.publish(post("dev-2"), report({ Temperature: 1 })))).toBe(0);
  });

  test("garbage instead of a CONNECT closes, and a CONNECT of more than 16 KB is answered with 0x95", async () => {
    const credential = await fixture.harness.credential("dev-1");
    const garbage = fixture.open(credential);
    garbage.socket.write("GET / HTTP/1.1\r\n\r\n");
    await garbage.closed();
    const large = fixture.open(credential);
    await large.signOn({ clientId: "x".repeat(17_000) });
    await large.closed();
    expect(large.connack?.reasonCode).toBe(ReasonCode.PacketTooLarge);
  });
});

describe("calls and deltas", () => {
  test("a call reaches one listening connection, a delta all; the answer goes back with the device's name on it", async () => {
    const first = await fixture.signOn("dev-1", { clientId: "a" });
    const second = await fixture.signOn("dev-1", { clientId: "b" });
    const { device } = await fixture.harness.credential("dev-1");
    expect(await fixture.deliver(device.deviceId, "42")).toBe(0);
    await first.subscribe(`${sys("dev-1")}/#`);
    await second.subscribe(`${sys("dev-1")}/#`);
    expect(await fixture.deliver(device.deviceId, "42")).toBe(1);
    expect(await fixture.deliver(device.deviceId, "", "shadowDelta")).toBe(2);
    const call = await second.message(({ topic }) => topic === `${sys("dev-1")}/rrpc/request/42`);
    expect(call.qos).toBe(1);
    await first.message(({ topic }) => topic.endsWith("property/set"));
    expect(first.messages.map(({ topic }) => topic)).toEqual([
      `${sys("dev-1")}/shadow/update/delta`,
      `${sys("dev-1")}/thing/service/property/set`,
    ]);
    fixture.harness.waited.add("42");
    expect(await second.acknowledged(second.publish(`${sys("dev-1")}/rrpc/response/42`, "yes"))).toBe(0);
    expect(await second.acknowledged(second.publish(`${sys("dev-1")}/rrpc/response/43`, "late"))).toBe(0x83);
    expect(fixture.harness.answers.get("42")).toBe("yes");
  });

  test("only services may deliver", async () => {
    const caller = { ...serviceCaller("x"), role: "operator" as const };
    await expect(
      fixture.harness.gateway.api.deliver(caller, { deviceId: "d", downlink: { kind: "call", payload: Buffer.alloc(0), messageId: "1" } }),
    ).rejects.toMatchObject({
      code: "permissionDenied",
    });
  });

  test("no more QoS 1 messages are in flight than the client's Receive Maximum [MQTT-3.3.4-9]", async () => {
    const client = await fixture.open(await fixture.harness.credential("dev-1")).signOn({ properties: { receiveMaximum: 2 } });
    await client.subscribe(`${sys("dev-1")}/#`);
    const { device } = await fixture.harness.credential("dev-1");
    expect([
      await fixture.deliver(device.deviceId, "1"),
      await fixture.deliver(device.deviceId, "2"),
      await fixture.deliver(device.deviceId, "3"),
    ]).toEqual([1, 1, 0]);
  });
});

describe("one client id, one connection", () => {
  test("the same client id again takes over: 0x8E", async () => {
    const first = await fixture.signOn();
    const second = await fixture.signOn();
    expect(await first.closed()).toBe(ReasonCode.SessionTakenOver);
    expect(await second.acknowledged(second.publish(post("dev-1"), report({ Temperature: 1 })))).toBe(0);
    expect(fixture.stored("offline")).toEqual([]);
  });

  test("another device with the same client id is another client", async () => {
    const first = await fixture.signOn("dev-1");
    const second = await fixture.signOn("dev-2");
    expect(await first.acknowledged(first.publish(post("dev-1"), report({ Temperature: 1 })))).toBe(0);
    expect(second.isClosed).toBe(false);
  });

  test("takes over from another node", async () => {
    const first = await fixture.signOn();
    const other = await fixture.harness.anotherGateway();
    const credential = await fixture.harness.credential("dev-1");
    const second = openTls(other.addresses.mqtts, credential.ca, credential);
    fixture.clients.push(second);
    await second.signOn();
    expect(await first.closed()).toBe(ReasonCode.SessionTakenOver);
    expect(second.isClosed).toBe(false);
  });

  test("beyond the connections a device may hold the oldest goes", async () => {
    const all: MqttClient[] = [];
    for (let i = 0; i < 5; i++) all.push(await fixture.signOn("dev-1", { clientId: `c${i}` }));
    expect(await all[0]?.closed()).toBe(ReasonCode.QuotaExceeded);
    expect(all.slice(1).map((client) => client.isClosed)).toEqual([false, false, false, false]);
  });

  test("online with the first connection, offline with the last", async () => {
    const first = await fixture.signOn("dev-1", { clientId: "a" });
    const second = await fixture.signOn("dev-1", { clientId: "b" });
    first.end();
    second.end();
    await expect.poll(() => fixture.stored("offline")).toHaveLength(1);
    expect(fixture.stored("online")).toHaveLength(1);
  });
});

describe("rights taken away and connections that hang", () => {
  test("a revoked certificate ends the live connection within two seconds: 0x87", async () => {
    const client = await fixture.signOn();
    const { device } = await fixture.harness.credential("dev-1");
    const startedAt = performance.now();
    fixture.harness.devices.revoke(device);
    expect(await client.closed()).toBe(ReasonCode.NotAuthorized);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test("a silent client is ended after one and a half keep-alives: 0x8D [MQTT-3.1.2-22]", async () => {
    const client = fixture.open(await fixture.harness.credential("dev-1"));
    await once(client.socket, "secureConnect");
    const startedAt = performance.now();
    const ended = once(client.socket, "end").then(() => performance.now() - startedAt);
    await client.signOn({ keepAliveS: 1 });
    expect(await client.closed()).toBe(ReasonCode.KeepAliveTimeout);
    expect(await ended).toBeGreaterThanOrEqual(1_500);
    // What 1.5 s, a tick and a busy machine come to.
    expect(await ended).toBeLessThan(2_000);
  });

  test("a connection that never says CONNECT is cut at the deadline", async () => {
    await fixture.restart({ connectMs: 1_000 });
    const client = openTcp(fixture.harness.gateway.addresses.mqtt);
    fixture.clients.push(client);
    await client.closed();
  });

  test("a client that does not read costs itself only, and is ended", async () => {
    const bystander = await fixture.signOn("dev-2");
    const slow = await fixture.signOn("dev-1");
    await slow.subscribe(`${sys("dev-1")}/#`);
    slow.socket.pause();
    const { device } = await fixture.harness.credential("dev-1");
    const payload = Buffer.alloc(200_000);
    // The kernels on both sides buffer some of it; then it piles up in the gateway, until that takes no more.
    const overfill = async (): Promise<unknown[]> => {
      await fixture.harness.gateway.api.deliver(serviceCaller("shadow"), {
        deviceId: device.deviceId,
        downlink: { kind: "shadowDelta", payload },
      });
      return fixture.stored("offline");
    };
    await expect.poll(overfill).toMatchObject([{ reason: "slowConsumer" }]);
    expect(await bystander.acknowledged(bystander.publish(post("dev-2"), report({ Temperature: 1 })))).toBe(0);
    slow.socket.resume();
    await slow.closed();
  });

  test("3.1.1 knows no Receive Maximum: beyond 64 under way it is not read, and loses nothing", async () => {
    const client = await fixture.signOn("dev-1", { level: ProtocolLevel.V311 });
    fixture.harness.events.isHeld = true;
    for (let i = 0; i < 500; i++) client.publish(post("dev-1"), report({ Temperature: i % 100 }));
    await expect.poll(() => client.socket.writableLength).toBe(0);
    fixture.harness.events.isHeld = false;
    await client.acknowledged(500);
    expect(client.pubacks.map((ack) => ack.packetId)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
    expect(fixture.stored("properties")).toHaveLength(500);
  });
});
