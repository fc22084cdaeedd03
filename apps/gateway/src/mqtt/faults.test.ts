// An error of ours, planted where one connection is dealt with, ends that connection, is logged once, and is nobody else's.
import {
  encodeConnect,
  encodeDisconnect,
  encodePuback,
  encodeSubscribe,
  type Properties,
  ProtocolLevel,
  type Qos,
  ReasonCode,
  ServerDecoder,
} from "@mooring/mqtt";
import { afterEach, describe, expect, test } from "vitest";
import { Outbox } from "../broker/outbox.ts";
import { Session } from "../broker/session.ts";
import { Space } from "../broker/space.ts";
import { ConnectionCounts } from "../connection-counts.ts";
import { post, report, useGateway } from "../fixture.test-support.ts";
import { type MqttClient, openTcp, openTls } from "../mqtt-client.test-support.ts";
import { Channel } from "./channel.ts";
import { Outgoing } from "./outgoing.ts";
import { Sender } from "./sender.ts";

const fixture = useGateway();
const plants: (() => void)[] = [];

afterEach(() => {
  for (const dig of plants.splice(0)) dig();
});

type Method = (this: never, ...args: never[]) => unknown;

/** From now on the method throws when it is called about `concerned`. Returns how often it did. */
function plant(prototype: object, name: string, concerned: (self: never, ...args: never[]) => boolean): { count: number } {
  const methods = prototype as Record<string, Method>;
  const healthy = methods[name] as Method;
  expect(healthy).toBeTypeOf("function");
  const thrown = { count: 0 };
  methods[name] = function (this: never, ...args: never[]) {
    if (!concerned(this, ...args)) return healthy.apply(this, args);
    thrown.count++;
    throw new Error("planted");
  };
  plants.push(() => {
    methods[name] = healthy;
  });
  return thrown;
}

const isHit = ({ clientId }: Session): boolean => clientId === "hit";
const isHitChannel = ({ session }: Channel): boolean => isHit(session);

async function open(clientId: string, properties: Properties | null = null, level: ProtocolLevel = ProtocolLevel.V5): Promise<MqttClient> {
  const client = openTcp(fixture.harness.gateway.addresses.mqttDev, level);
  fixture.clients.push(client);
  return client.signOn({ clientId, properties });
}

/** With 7 as subscription identifier, by which a message on its way to this client is known. */
async function subscribeAs7(client: MqttClient, filter: string, qos: Qos): Promise<void> {
  const subscriptions = [{ filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }];
  client.socket.write(encodeSubscribe({ packetId: 9, subscriptions, properties: { subscriptionIds: [7] } }, ProtocolLevel.V5));
  await expect.poll(() => client.suback).toBeDefined();
}

/** It was logged once, with where it came from, and counted; and whoever else is there is served. */
async function expectOneFault(others: readonly MqttClient[], faults = 1): Promise<void> {
  const { errors, metrics } = fixture.harness;
  await expect.poll(() => metrics.text()).toContain(`mooring_gateway_connection_faults_total ${faults}`);
  expect(errors.map(({ facts }) => (facts.err as Error).stack)).toEqual(Array(faults).fill(expect.stringContaining("faults.test.ts")));
  for (const other of others) expect(await other.acknowledged(other.publish("nobody/there", "x"))).toBe(ReasonCode.NoMatchingSubscribers);
}

describe("a packet that breaks something ends its connection with 0x83, and no other", () => {
  test.each(["mqttDev", "mqttDevTls"] as const)("a PUBLISH at %s", async (door) => {
    const other = await open("other");
    const address = fixture.harness.gateway.addresses[door];
    const credential = await fixture.harness.credential("dev-1");
    const hit = door === "mqttDev" ? openTcp(address) : openTls(address, credential.ca, credential);
    fixture.clients.push(hit);
    await hit.signOn({ clientId: "hit" });
    plant(Channel.prototype, "onPublish", isHitChannel);
    hit.publish("a", "x");
    expect(await hit.closed()).toBe(ReasonCode.ImplementationSpecificError);
    await expectOneFault([other]);
    await expect.poll(() => fixture.harness.metrics.text()).toContain('mooring_gateway_connection_ends_total{reason="fault"} 1');
  });

  test("before MQTT 5 it is closed", async () => {
    const other = await open("other");
    const hit = await open("hit", null, ProtocolLevel.V311);
    plant(Channel.prototype, "onPublish", isHitChannel);
    hit.publish("a", "x");
    await hit.closed();
    await expectOneFault([other]);
  });

  test("bytes, in the decoder", async () => {
    const [hit, other] = [await open("hit"), await open("other")];
    plant(ServerDecoder.prototype, "decode", (_self, header: number) => header >> 4 === 12);
    hit.socket.write(Buffer.from([0xc0, 0]));
    expect(await hit.closed()).toBe(ReasonCode.ImplementationSpecificError);
    await expectOneFault([other]);
  });

  test("an acknowledgement, in the session", async () => {
    const [hit, other] = [await open("hit"), await open("other")];
    await hit.subscribe("a");
    other.publish("a", "x");
    const { packetId } = await hit.message(({ topic }) => topic === "a");
    plant(Session.prototype, "onPuback", isHit);
    hit.socket.write(encodePuback({ packetId, reasonCode: 0, properties: null }, ProtocolLevel.V5));
    expect(await hit.closed()).toBe(ReasonCode.ImplementationSpecificError);
    await expectOneFault([other]);
  });

  test("a CONNECT: CONNACK 0x83", async () => {
    const other = await open("other");
    plant(ServerDecoder.prototype, "pause", () => true);
    const hit = await open("hit");
    expect(hit.connack?.reasonCode).toBe(ReasonCode.ImplementationSpecificError);
    await hit.closed();
    await expectOneFault([other]);
  });

  test("what follows a CONNECT that was let in", async () => {
    const other = await open("other");
    plant(Session.prototype, "resume", isHit);
    const hit = await open("hit");
    expect(await hit.closed()).toBe(ReasonCode.ImplementationSpecificError);
    await expectOneFault([other]);
  });
});

describe("a message that one of its subscribers breaks on", () => {
  test.each([0, 1] as const)("reaches the others and is acknowledged; that subscriber is ended; QoS %i", async (qos) => {
    const [hit, other, publisher] = [await open("hit"), await open("other"), await open("publisher")];
    await subscribeAs7(hit, "a", qos);
    await other.subscribe("a");
    plant(Sender.prototype, "send", (_self, _source, _topic, _form, { ids }: { ids: number[] | null }) => ids?.[0] === 7);
    const packetId = publisher.publish("a", "x", qos);
    if (qos === 1) expect(await publisher.acknowledged(packetId)).toBe(0);
    await other.message(({ topic }) => topic === "a");
    expect(await hit.closed()).toBe(ReasonCode.ImplementationSpecificError);
    await expectOneFault([other, publisher]);
  });

  test("stays in a session that is kept, and comes with the next connection", async () => {
    const kept = { sessionExpiryIntervalS: 60 };
    const [hit, publisher] = [await open("hit", kept), await open("publisher")];
    await subscribeAs7(hit, "a", 1);
    plant(Outbox.prototype, "launch", () => true);
    expect(await publisher.acknowledged(publisher.publish("a", "x"))).toBe(0);
    expect(await hit.closed()).toBe(ReasonCode.ImplementationSpecificError);
    await expectOneFault([publisher]);
    plants.splice(0).forEach((dig) => void dig());
    const again = openTcp(fixture.harness.gateway.addresses.mqttDev);
    fixture.clients.push(again);
    await again.signOn({ clientId: "hit", cleanStart: false, properties: kept });
    await again.message(({ topic, payload }) => topic === "a" && payload === "x");
  });

  test("is acknowledged once it is on disk, whoever breaks on hearing of that", async () => {
    const kept = { sessionExpiryIntervalS: 60 };
    const [hit, other, publisher] = [await open("hit", kept), await open("other", kept), await open("publisher")];
    await subscribeAs7(hit, "a", 1);
    await other.subscribe("a");
    plant(Sender.prototype, "send", (_self, _source, _topic, _form, { ids }: { ids: number[] | null }) => ids?.[0] === 7);
    expect(await publisher.acknowledged(publisher.publish("a", "x"))).toBe(0);
    await other.message(({ topic }) => topic === "a");
    expect(await hit.closed()).toBe(ReasonCode.ImplementationSpecificError);
    await expectOneFault([other, publisher]);
  });
});

test("a device's message that breaks something once it is stored ends that device's connection; others' in the same frame are acknowledged", async () => {
  const [hit, other] = [await fixture.signOn("dev-1", { clientId: "hit" }), await fixture.signOn("dev-2", { clientId: "other" })];
  fixture.harness.events.isHeld = true;
  hit.publish(post("dev-1"), report({ Temperature: 1 }, 0));
  const packetId = other.publish(post("dev-2"), report({ Temperature: 2 }, 0));
  await expect.poll(() => fixture.harness.metrics.text()).toContain("mooring_gateway_records_pending 2\n");
  plant(Channel.prototype, "settle", isHitChannel);
  fixture.harness.events.isHeld = false;
  expect(await other.acknowledged(packetId)).toBe(0);
  expect(await hit.closed()).toBe(ReasonCode.ImplementationSpecificError);
  await expectOneFault([]);
});

describe("what breaks without a packet", () => {
  test("at the end of a turn, while bytes are written: what others were told in that turn leaves", async () => {
    const [hit, other] = [await open("hit"), await open("other")];
    let isFirst = true;
    // The gatherer asks whoever spoke first, first.
    plant(Outgoing.prototype, "take", () => {
      const isIt = isFirst;
      isFirst = false;
      return isIt;
    });
    await hit.subscribe("a").catch(() => undefined);
    await hit.closed();
    await expectOneFault([other]);
  });

  test("a timer: the others that are due are called", async () => {
    const other = await open("other");
    await other.subscribe("will");
    const will = { topic: "will", payload: Buffer.from("late"), qos: 1 as const, retain: false, properties: { willDelayIntervalS: 1 } };
    const properties = { sessionExpiryIntervalS: 1 };
    for (const clientId of ["hit", "lost"]) {
      const client = openTcp(fixture.harness.gateway.addresses.mqttDev);
      await client.signOn({ clientId, will: { ...will, payload: Buffer.from(clientId) }, properties });
      client.end();
    }
    const thrown = plant(Space.prototype, "publishWill", (_self, session: Session) => isHit(session));
    await other.message(({ payload }) => payload === "lost");
    // Once when it is due, and once when the session ends: it does end.
    await expect.poll(() => fixture.harness.errors.length).toBe(2);
    await expect.poll(() => fixture.harness.metrics.text()).toMatch(/mooring_gateway_sessions 1\n/);
    expect(thrown.count).toBe(2);
    expect(await other.acknowledged(other.publish("nobody/there", "x"))).toBe(ReasonCode.NoMatchingSubscribers);
  });
});

describe("what breaks while a connection ends is logged, and it ends", () => {
  const gone = (): Promise<string> => fixture.harness.metrics.text();

  test.each([
    [
      "the client says goodbye",
      (client: MqttClient) => client.socket.write(encodeDisconnect({ reasonCode: 0, properties: null }, client.level)),
    ],
    ["the client vanishes", (client: MqttClient) => client.socket.resetAndDestroy()],
    ["the client breaks a rule", (client: MqttClient) => client.socket.write(Buffer.from([0]))],
  ])("%s", async (_how, end) => {
    const [hit, other] = [await open("hit"), await open("other")];
    plant(Session.prototype, "detach", isHit);
    end(hit);
    await hit.closed();
    await expect.poll(gone).toMatch(/mooring_gateway_connections 1\n/);
    await expectOneFault([other]);
  });

  test("another connection takes over: it is let in", async () => {
    const [hit, other] = [await open("hit"), await open("other")];
    plant(Session.prototype, "detach", isHit);
    const second = await open("hit");
    expect(second.connack?.reasonCode).toBe(0);
    await hit.closed();
    await expect.poll(gone).toMatch(/mooring_gateway_connections 2\n/);
    await expectOneFault([other, second]);
  });

  test("what was counted in is counted out, whatever broke before", async () => {
    const [hit, other] = [await open("hit"), await open("other")];
    let left = 0;
    const leave = ConnectionCounts.prototype.leave;
    ConnectionCounts.prototype.leave = function (...args) {
      left++;
      leave.apply(this, args);
    };
    plants.push(() => {
      ConnectionCounts.prototype.leave = leave;
    });
    plant(Channel.prototype, "onClosed", isHitChannel);
    hit.socket.write(encodeDisconnect({ reasonCode: 0, properties: null }, ProtocolLevel.V5));
    await hit.closed();
    await expectOneFault([other]);
    expect(left).toBe(1);
  });
});

test("a connection that breaks before its CONNECT is cut, and the door goes on", async () => {
  const other = await open("other");
  plant(ServerDecoder.prototype, "push", (self: ServerDecoder) => self.protocolLevel === 0);
  const hit = openTcp(fixture.harness.gateway.addresses.mqttDev);
  fixture.clients.push(hit);
  const nobody = { username: null, password: null, will: null, properties: null };
  hit.socket.write(encodeConnect({ protocolLevel: ProtocolLevel.V5, cleanStart: true, keepAliveS: 0, clientId: "hit", ...nobody }));
  await hit.closed();
  await expectOneFault([other]);
});
