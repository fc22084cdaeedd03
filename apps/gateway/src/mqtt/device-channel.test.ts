import type { DeviceIdentity, ErrorCode, TopicMeaning } from "@mooring/contracts";
import { deriveMessageId } from "@mooring/kit";
import { encodePublish, encodePubrel, encodeSubscribe, ProtocolLevel, type Qos, ReasonCode } from "@mooring/mqtt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GatewayCounters } from "../counters.ts";
import { deviceNamed, limits } from "../harness.test-support.ts";
import { payloadBytesMax } from "../route/json-payload.ts";
import type { Refused } from "../route/refusals.ts";
import { Registry } from "../route/registry.ts";
import type { UplinkMessage } from "../route/uplink-message.ts";
import { DeviceChannel } from "./device-channel.ts";
import { createTestSpaces, decoderOf, Recorder, startOf } from "./recorded-channel.test-support.ts";

const device = deviceNamed("dev-1");
const identity: DeviceIdentity = { device, credentialId: "certificate:x" };
const windowMax = limits.receiveMaximum;

/** What a PUBLISH may have besides. */
interface More {
  readonly userProperties?: [string, string][];
  readonly payload?: Buffer;
}

interface Handled {
  readonly meaning: TopicMeaning;
  readonly token: number;
  readonly isSheddable: boolean;
  readonly givenId: string;
}

function setUp(level: ProtocolLevel = ProtocolLevel.V5, maximumPacketSize = 1_000_000) {
  const out = new Recorder(level);
  const handled: Handled[] = [];
  const uplink = {
    handle: ({ meaning, token, isSheddable, givenId }: UplinkMessage) => void handled.push({ meaning, token, isSheddable, givenId }),
  };
  const counters = new GatewayCounters();
  const refused: Refused[] = [];
  const subscribed: (readonly string[])[] = [];
  const registry = new Registry();
  const refusals = { add: (one: Refused) => void refused.push(one) };
  const onSubscribed = (_channel: DeviceChannel, filters: readonly string[]): void => void subscribed.push(filters);
  const own = createTestSpaces().spaces.of(device.tenantId).create("c", `device:${device.deviceId}`);
  const start = { ...startOf(level, { maximumPacketSize }), identity, epoch: 1, protocol: "mqtt" };
  const channelLimits = { topicBytesMax: 256, topicLevelsMax: 12, subscriptionsMax: 100, keptSubscriptionsMax: 100, publishRateMax: 0 };
  const session = new DeviceChannel(start, own, { uplink, counters, registry, refusals, onSubscribed, limits: channelLimits }, out);
  out.channel = session;
  own.attach(session, null);
  registry.add(session);
  const decoder = decoderOf(session, level);
  return {
    out,
    handled,
    counters,
    session,
    refused,
    subscribed,
    publish: (packetId: number, topic = "thing/event/property/post", { userProperties, payload = Buffer.from("{}") }: More = {}) =>
      decoder.push(
        encodePublish(
          {
            topic: `/sys/${device.productKey}/dev-1/${topic}`,
            payload,
            qos: packetId === 0 ? 0 : 1,
            retain: false,
            dup: false,
            packetId,
            properties: userProperties === undefined ? null : { userProperties },
          },
          level,
        ),
      ),
    publishQos2: (packetId: number) => {
      const topic = `/sys/${device.productKey}/dev-1/thing/event/property/post`;
      const packet = { topic, payload: Buffer.from("{}"), qos: 2, retain: false, dup: false, packetId, properties: null } as const;
      return decoder.push(encodePublish(packet, level));
    },
    release: (packetId: number) => decoder.push(encodePubrel({ packetId, reasonCode: 0, properties: null }, level)),
    subscribe: (filter: string, qos: Qos) =>
      decoder.push(
        encodeSubscribe(
          {
            packetId: 1,
            subscriptions: [
              { filter: `/sys/${device.productKey}/dev-1/${filter}`, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 },
            ],
            properties: null,
          },
          level,
        ),
      ),
  };
}

describe("acknowledging", () => {
  test("in whatever order messages settle, PUBACKs leave in the order they came, each once, and none for what is not settled", () => {
    const arbitrary = fc.array(fc.oneof(fc.record({ publish: fc.boolean() }), fc.record({ settle: fc.nat() })), { maxLength: 400 });
    fc.assert(
      fc.property(arbitrary, (steps) => {
        const { out, handled, session, publish } = setUp();
        const sent: number[] = [];
        const settled = new Set<number>();
        const open: { id: number; token: number }[] = [];
        for (const step of steps) {
          if ("publish" in step) {
            if (open.length + [...settled].filter((id) => !out.said.includes(`puback ${id} 0`)).length >= windowMax) continue;
            const id = sent.length + 1;
            sent.push(id);
            publish(id);
            open.push({ id, token: handled.at(-1)?.token ?? -1 });
          } else if (open.length > 0) {
            const [one] = open.splice(step.settle % open.length, 1);
            if (one === undefined) continue;
            settled.add(one.id);
            session.onSettled(one.token, undefined, "");
          }
        }
        const firstOpen = Math.min(...open.map(({ id }) => id), sent.length + 1);
        expect(out.said).toEqual(sent.filter((id) => id < firstOpen).map((id) => `puback ${id} 0`));
        expect(out.closedWith).toBeUndefined();
      }),
    );
  });

  test("one more than Receive Maximum under way: 0x93 [MQTT-3.3.4-7]; before MQTT 5 the reading pauses instead", () => {
    const five = setUp();
    for (let id = 1; id <= windowMax + 1; id++) five.publish(id);
    expect(five.out.closedWith).toBe(ReasonCode.ReceiveMaximumExceeded);
    const four = setUp(ProtocolLevel.V311);
    for (let id = 1; id <= windowMax; id++) four.publish(id);
    expect([four.out.closedWith, four.out.isPaused]).toEqual([undefined, true]);
    four.session.onSettled(four.handled[0]?.token ?? -1, undefined, "");
    expect(four.out.isPaused).toBe(false);
  });

  test.each<[ErrorCode, ProtocolLevel, string]>([
    ["invalidArgument", ProtocolLevel.V5, "puback 1 153"],
    ["invalidArgument", ProtocolLevel.V311, "puback 1 0"],
    ["quotaExceeded", ProtocolLevel.V5, "puback 1 151"],
    ["payloadTooLarge", ProtocolLevel.V5, "puback 1 128"],
    ["payloadTooLarge", ProtocolLevel.V311, "puback 1 0"],
    ["internal", ProtocolLevel.V5, "puback 1 128"],
    ["internal", ProtocolLevel.V311, "closed 137"],
    ["quotaExceeded", ProtocolLevel.V311, "closed 137"],
    ["unavailable", ProtocolLevel.V5, "closed 137"],
    ["timeout", ProtocolLevel.V311, "closed 137"],
  ])("%s at level %s: %s", (code, level, expected) => {
    const { out, handled, session, publish } = setUp(level);
    publish(1);
    session.onSettled(handled[0]?.token ?? -1, code, "because");
    expect(out.closedWith === undefined ? out.said.join() : `closed ${out.closedWith}`).toBe(expected);
    session.onSettled(handled[0]?.token ?? -1, undefined, "");
    if (out.closedWith !== undefined) expect(out.said).toEqual([]);
  });

  test("QoS 0 may be shed, and is never answered", () => {
    const { out, handled, session, publish } = setUp();
    publish(0);
    publish(1);
    expect(handled.map(({ isSheddable }) => isSheddable)).toEqual([true, false]);
    session.onSettled(handled[0]?.token ?? 0, "unavailable", "");
    expect([out.said, out.closedWith]).toEqual([[], undefined]);
  });
});

describe("QoS 2", () => {
  test("a message whose outcome nobody knows when the connection ends is handled when it comes again, and not before it is acknowledged", () => {
    const { out, handled, session, publishQos2 } = setUp();
    publishQos2(7);
    publishQos2(7);
    expect([handled.length, out.said]).toEqual([1, []]);
    session.onClosed();
    expect(session.session.received?.has(7)).toBe(false);
  });

  test("one that was handled for good is acknowledged again, and not handled again [MQTT-4.3.3-10]", () => {
    const { out, handled, session, publishQos2 } = setUp();
    publishQos2(7);
    session.onSettled(handled[0]?.token ?? -1, undefined, "");
    publishQos2(7);
    expect([handled.length, out.said]).toEqual([1, ["pubrec 7 0", "pubrec 7 0"]]);
  });
});

describe("replies and downlinks", () => {
  test("a reply has the QoS of what it answers, as far as it is subscribed to; unsubscribed there is none", () => {
    const { out, session, subscribe } = setUp();
    const topic = `/sys/${device.productKey}/dev-1/thing/event/property/post_reply`;
    expect(session.wantsReply(topic)).toBe(false);
    subscribe("thing/#", 1);
    expect(session.wantsReply(topic)).toBe(true);
    session.onReply(3, topic, "{}");
    session.onReply(-1, topic, "{}");
    subscribe("thing/#", 0);
    session.onReply(3, topic, "{}");
    expect(out.said.filter((text) => text.startsWith("publish"))).toEqual(
      [1, 0, 0].map((qos) => `publish thing/event/property/post_reply ${qos}`),
    );
  });

  test("what the client said is too large for it is not sent [MQTT-3.1.2-24]", () => {
    const { out, session, subscribe } = setUp(ProtocolLevel.V5, 100);
    subscribe("#", 1);
    expect(session.call({ kind: "call", messageId: "1", payload: Buffer.alloc(100) })).toBe(false);
    expect(session.call({ kind: "call", messageId: "1", payload: Buffer.alloc(10) })).toBe(true);
    expect(out.said.at(-1)).toBe("publish rrpc/request/1 1");
  });

  test("behind a full buffer nothing is delivered, and it is counted", () => {
    const { out, session, subscribe, counters } = setUp();
    subscribe("#", 1);
    out.isWritable = false;
    expect(session.publish(`/sys/${device.productKey}/dev-1/shadow/update/delta`, Buffer.alloc(1), 1)).toBe(false);
    expect(counters.shedDownlink).toBe(1);
  });

  test("a PUBREL of a session that is no more is answered 0x92", () => {
    const { out, release } = setUp();
    release(9);
    expect(out.said).toEqual(["pubcomp 9 146"]);
  });

  test("only filters that are granted are told of", () => {
    const { subscribed, subscribe, out } = setUp();
    subscribe("rrpc/request/+", 1);
    subscribe("../#/x", 1);
    subscribe("shadow/update/+", 0);
    expect(out.said.filter((text) => text.startsWith("suback"))).toEqual(["suback 1", "suback 143", "suback 0"]);
    const own = `/sys/${device.productKey}/dev-1`;
    expect(subscribed).toEqual([[`${own}/rrpc/request/+`], [`${own}/shadow/update/+`]]);
  });

  test("with a full window a shadow message waits, and a call does not", () => {
    const { session, subscribe, out } = setUp();
    subscribe("#", 1);
    const call = (): boolean => session.call({ kind: "call", messageId: "1", payload: Buffer.alloc(1) });
    for (let i = 0; i < windowMax; i++) expect(call()).toBe(true);
    expect(call()).toBe(false);
    expect(session.publish(`/sys/${device.productKey}/dev-1/shadow/update/delta`, Buffer.alloc(1), 1)).toBe(true);
    expect(out.said.at(-1)).toBe("publish rrpc/request/1 1");
    session.onPuback(1);
    expect(out.said.at(-1)).toBe("publish shadow/update/delta 1");
  });
});

describe("a message's own id (MQTT 5 user property message-id)", () => {
  test("becomes a message id of the device's; the first of several counts, and other properties are none", () => {
    const { handled, publish } = setUp();
    publish(1, "thing/event/property/post", {
      userProperties: [
        ["other", "x"],
        ["message-id", "a"],
        ["message-id", "b"],
      ],
    });
    publish(2, "thing/event/property/post", { userProperties: [["other", "a"]] });
    publish(3);
    expect(handled.map(({ givenId }) => givenId)).toEqual([deriveMessageId(device.deviceId, "message-id", "a"), "", ""]);
  });

  test.each(["", "x".repeat(129), "a\tb", "é"])("%j is refused by name, and the message is handled by nobody", (id) => {
    const { out, handled, publish, refused } = setUp();
    publish(1, "thing/event/property/post", { userProperties: [["message-id", id]] });
    expect([handled, out.said]).toEqual([[], ["puback 1 153"]]);
    expect(refused).toMatchObject([{ code: "invalidArgument", message: expect.stringContaining("message-id") }]);
  });
});

test("a payload that is too large to be looked at is not acknowledged before MQTT 5: the connection ends, and it is reported", () => {
  const four = setUp(ProtocolLevel.V311);
  four.publish(1, "thing/event/property/post", { payload: Buffer.alloc(payloadBytesMax + 1) });
  expect([four.out.said, four.out.closedWith, four.handled]).toEqual([[], ReasonCode.PacketTooLarge, []]);
  expect(four.refused).toMatchObject([{ code: "payloadTooLarge" }]);
});

test("what is refused for its topic is reported, with the topic", () => {
  const { publish, refused } = setUp();
  publish(1, "nothing/here");
  expect(refused).toMatchObject([
    {
      device,
      protocol: "mqtt",
      code: "notFound",
      topic: `/sys/${device.productKey}/dev-1/nothing/here`,
      message: "this topic means nothing",
    },
  ]);
});
