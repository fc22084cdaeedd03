import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClientDecoder } from "./client-decoder.ts";
import * as encode from "./encode-packets.ts";
import { encodeForFanOut, encodePublish, publishSize, writeEncoded, writePublish } from "./encode-publish.ts";
import type { ConnectPacket, Properties, PublishMessage, Will } from "./packets.ts";
import { type AckType, PacketType, type ProtocolLevel, type Qos } from "./protocol.ts";
import { RecordingHandler } from "./recording-handler.ts";
import { ServerDecoder } from "./server-decoder.ts";

const MAX = 1 << 20;
const hello: ConnectPacket = {
  protocolLevel: 5,
  cleanStart: true,
  keepAliveS: 0,
  clientId: "c",
  username: null,
  password: null,
  will: null,
  properties: null,
};
const welcome = { sessionPresent: false, reasonCode: 0, properties: null };

/** What a server hears after the CONNECT of that level, or a client after its CONNACK; the bytes must be accepted. */
function heardBy(side: "server" | "client", level: ProtocolLevel, bytes: Uint8Array): unknown {
  const handler = new RecordingHandler();
  const decoder = side === "server" ? new ServerDecoder(handler, MAX) : new ClientDecoder(handler, MAX, level);
  const first = side === "server" ? encode.encodeConnect({ ...hello, protocolLevel: level }) : encode.encodeConnack(welcome, level);
  expect(decoder.push(first)).toBe(0);
  expect(decoder.push(bytes)).toBe(0);
  expect(handler.heard).toHaveLength(2);
  return handler.heard[1];
}

const text = fc.string({ unit: "binary", maxLength: 80 }).map((value) => value.replaceAll("\0", "."));
const topic = fc.string({ unit: "grapheme", minLength: 1, maxLength: 80 }).map((value) => value.replaceAll(/[\0+#]/g, "/"));
const bytes = fc.uint8Array({ maxLength: 200 });
const uint16 = fc.integer({ min: 0, max: 65_535 });
const id = fc.integer({ min: 1, max: 65_535 });
const uint32 = fc.integer({ min: 0, max: 4_294_967_295 });
const subscriptionId = fc.integer({ min: 1, max: 268_435_455 });
const level: fc.Arbitrary<ProtocolLevel> = fc.constantFrom(3, 4, 5);
const qos: fc.Arbitrary<Qos> = fc.constantFrom(0, 1, 2);
const userProperties = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 5 });
const reason = { reasonString: text, userProperties };

/** Some of these properties, or null instead of none, since that is how none comes back. */
function some<T extends Record<string, fc.Arbitrary<unknown>>>(of: T): fc.Arbitrary<Properties | null> {
  return fc.record(of, { requiredKeys: [] }).map((found) => (Object.keys(found).length === 0 ? null : (found as Properties)));
}

const messageProperties = {
  payloadFormatIndicator: fc.constantFrom(0, 1),
  messageExpiryIntervalS: uint32,
  contentType: text,
  responseTopic: topic,
  correlationData: bytes,
  userProperties,
};
const connectProperties = {
  sessionExpiryIntervalS: uint32,
  authenticationMethod: text,
  requestProblemInformation: fc.boolean(),
  requestResponseInformation: fc.boolean(),
  receiveMaximum: id,
  topicAliasMaximum: uint16,
  maximumPacketSize: fc.integer({ min: 1, max: 4_294_967_295 }),
  userProperties,
};
const connackProperties = {
  sessionExpiryIntervalS: uint32,
  assignedClientId: text,
  serverKeepAliveS: uint16,
  authenticationMethod: text,
  responseInformation: text,
  serverReference: text,
  receiveMaximum: id,
  topicAliasMaximum: uint16,
  maximumQos: fc.constantFrom(0, 1),
  retainAvailable: fc.boolean(),
  maximumPacketSize: fc.integer({ min: 1, max: 4_294_967_295 }),
  wildcardSubscriptionAvailable: fc.boolean(),
  subscriptionIdentifiersAvailable: fc.boolean(),
  sharedSubscriptionAvailable: fc.boolean(),
  ...reason,
};

const runs = { numRuns: 500 };

describe("what is encoded is decoded to the same", () => {
  test("CONNECT of every protocol level", () => {
    const will = fc.record({
      topic,
      payload: bytes,
      qos,
      retain: fc.boolean(),
      properties: some({ ...messageProperties, willDelayIntervalS: uint32 }),
    });
    const packets = fc.record({
      protocolLevel: level,
      cleanStart: fc.boolean(),
      keepAliveS: uint16,
      clientId: topic,
      username: fc.option(text),
      password: fc.option(bytes),
      will: fc.option(will),
      properties: some(connectProperties),
    });
    fc.assert(
      fc.property(packets, (packet) => {
        const isV5 = packet.protocolLevel === 5;
        const withoutProperties: Will | null = packet.will === null ? null : { ...packet.will, properties: null };
        // Before MQTT 5 there are no properties and no password without a user name.
        const old = { ...packet, properties: null, will: withoutProperties, password: packet.username === null ? null : packet.password };
        const sent = isV5 ? packet : old;
        const handler = new RecordingHandler();
        const decoder = new ServerDecoder(handler, MAX);
        expect(decoder.push(encode.encodeConnect(sent))).toBe(0);
        expect(handler.heard).toEqual([["connect", sent]]);
        expect(decoder.protocolLevel).toBe(sent.protocolLevel);
      }),
      runs,
    );
  });

  test("CONNACK of MQTT 5 and, with the nearest return code, of 3.1.1", () => {
    fc.assert(
      fc.property(some(connackProperties), fc.boolean(), (properties, sessionPresent) => {
        const handler = new RecordingHandler();
        new ClientDecoder(handler, MAX, 5).push(encode.encodeConnack({ sessionPresent, reasonCode: 0, properties }, 5));
        expect(handler.heard).toEqual([["connack", { sessionPresent, reasonCode: 0, properties }]]);
      }),
      runs,
    );
    const pairs = [
      [0x84, 0x84],
      [0x85, 0x85],
      [0x86, 0x86],
      [0x87, 0x87],
      [0x88, 0x88],
      [0x8a, 0x87],
      [0x97, 0x88],
      [0x8c, 0x87],
    ] as const;
    for (const [sent, received] of pairs) {
      const handler = new RecordingHandler();
      new ClientDecoder(handler, MAX, 4).push(encode.encodeConnack({ sessionPresent: false, reasonCode: sent, properties: null }, 4));
      expect(handler.heard).toEqual([["connack", { sessionPresent: false, reasonCode: received, properties: null }]]);
    }
  });

  const messages = fc.record({
    topic,
    payload: fc.uint8Array({ maxLength: 20_000, size: "max" }),
    qos,
    retain: fc.boolean(),
    dup: fc.boolean(),
    packetId: id,
  });

  /** A message as the wire carries it: no packet id and no DUP with QoS 0, no properties before MQTT 5. */
  function onWire(message: Omit<PublishMessage, "properties">, properties: Properties | null, at: ProtocolLevel): PublishMessage {
    const isQos0 = message.qos === 0;
    return { ...message, packetId: isQos0 ? 0 : message.packetId, dup: !isQos0 && message.dup, properties: at === 5 ? properties : null };
  }

  test("PUBLISH, both ways, and its size is known before", () => {
    const toServer = some({ ...messageProperties, topicAlias: id });
    const toClient = some({
      ...messageProperties,
      topicAlias: id,
      subscriptionIds: fc.array(subscriptionId, { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(messages, toServer, toClient, level, (message, up, down, at) => {
        const sent = onWire(message, up, at);
        expect(heardBy("server", at, encodePublish(sent, at))).toEqual(["publish", sent]);
        const received = onWire(message, down, at);
        const target = Buffer.alloc(publishSize(received, at) + 7, 0xee);
        expect(writePublish(target, 3, received, at)).toBe(target.length - 4);
        expect(target.subarray(-4)).toEqual(Buffer.alloc(4, 0xee));
        expect(heardBy("client", at, target.subarray(3, -4))).toEqual(["publish", received]);
      }),
      runs,
    );
  });

  test("a PUBLISH encoded once reaches each subscriber with its own packet id", () => {
    fc.assert(
      fc.property(messages, some(messageProperties), level, id, (message, properties, at, ownId) => {
        const encoded = encodeForFanOut(onWire(message, properties, at), at);
        const target = Buffer.alloc(encoded.bytes.length + 5);
        expect(writeEncoded(target, 5, encoded, ownId)).toBe(target.length);
        const expected = onWire({ ...message, packetId: ownId }, properties, at);
        expect(heardBy("client", at, target.subarray(5))).toEqual(["publish", expected]);
      }),
      runs,
    );
  });

  test("PUBACK, PUBREC, PUBREL and PUBCOMP, both ways", () => {
    const types: fc.Arbitrary<[AckType, string, number[]]> = fc.constantFrom(
      [PacketType.Puback, "puback", [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]],
      [PacketType.Pubrec, "pubrec", [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]],
      [PacketType.Pubrel, "pubrel", [0, 0x92]],
      [PacketType.Pubcomp, "pubcomp", [0, 0x92]],
    );
    fc.assert(
      fc.property(types, fc.nat(), id, some(reason), level, ([type, name, codes], pick, packetId, properties, at) => {
        const reasonCode = at === 5 ? (codes[pick % codes.length] ?? 0) : 0;
        const packet = { packetId, reasonCode, properties: at === 5 ? properties : null };
        for (const side of ["server", "client"] as const)
          expect(heardBy(side, at, encode.encodeAck(type, packet, at))).toEqual([name, packet]);
      }),
      runs,
    );
  });

  test("SUBSCRIBE and UNSUBSCRIBE", () => {
    const subscription = fc.record({
      filter: topic,
      qos,
      noLocal: fc.boolean(),
      retainAsPublished: fc.boolean(),
      retainHandling: fc.constantFrom(0, 1, 2),
    });
    const subscriptions = fc.array(subscription, { minLength: 1, maxLength: 9 });
    const withId = some({ subscriptionIds: fc.tuple(subscriptionId), userProperties });
    fc.assert(
      fc.property(subscriptions, withId, id, level, (list, properties, packetId, at) => {
        const old = list.map((entry) => ({ ...entry, noLocal: false, retainAsPublished: false, retainHandling: 0 }));
        const sent = { packetId, subscriptions: at === 5 ? list : old, properties: at === 5 ? properties : null };
        expect(heardBy("server", at, encode.encodeSubscribe(sent, at))).toEqual(["subscribe", sent]);
        const own = properties?.userProperties === undefined || at !== 5 ? null : { userProperties: properties.userProperties };
        const end = { packetId, filters: list.map((entry) => entry.filter), properties: own };
        expect(heardBy("server", at, encode.encodeUnsubscribe(end, at))).toEqual(["unsubscribe", end]);
      }),
      runs,
    );
  });

  test("SUBACK and UNSUBACK, with 0x80 for every failure before MQTT 5", () => {
    const granted = fc.array(fc.constantFrom(0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2), {
      minLength: 1,
      maxLength: 9,
    });
    const ended = fc.array(fc.constantFrom(0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(granted, ended, some(reason), id, level, (codes, ends, given, packetId, at) => {
        const properties = at === 5 ? given : null;
        const received = at === 5 ? codes : codes.map((code) => Math.min(code, 0x80));
        expect(heardBy("client", at, encode.encodeSuback({ packetId, reasonCodes: codes, properties }, at))).toEqual([
          "suback",
          { packetId, reasonCodes: received, properties },
        ]);
        const none = at === 5 ? ends : [];
        expect(heardBy("client", at, encode.encodeUnsuback({ packetId, reasonCodes: ends, properties }, at))).toEqual([
          "unsuback",
          { packetId, reasonCodes: none, properties },
        ]);
      }),
      runs,
    );
  });

  test("PINGREQ, PINGRESP, DISCONNECT and AUTH", () => {
    expect(heardBy("server", 4, encode.encodePingreq())).toEqual(["pingreq", null]);
    expect(heardBy("client", 4, encode.encodePingresp())).toEqual(["pingresp", null]);
    expect(heardBy("server", 4, encode.encodeDisconnect({ reasonCode: 0x04, properties: null }, 4))).toEqual([
      "disconnect",
      { reasonCode: 0, properties: null },
    ]);
    const method = fc.record(
      { authenticationMethod: text, authenticationData: bytes, reasonString: text },
      { requiredKeys: ["authenticationMethod"] },
    );
    fc.assert(
      fc.property(
        some({ ...reason, sessionExpiryIntervalS: uint32 }),
        some({ ...reason, serverReference: text }),
        method,
        (up, down, properties) => {
          const bye = { reasonCode: 0x04, properties: up };
          expect(heardBy("server", 5, encode.encodeDisconnect(bye, 5))).toEqual(["disconnect", bye]);
          const moved = { reasonCode: 0x9c, properties: down };
          expect(heardBy("client", 5, encode.encodeDisconnect(moved, 5))).toEqual(["disconnect", moved]);
          for (const [side, reasonCode] of [
            ["server", 0x18],
            ["server", 0x19],
            ["client", 0x18],
            ["client", 0],
          ] as const) {
            expect(heardBy(side, 5, encode.encodeAuth({ reasonCode, properties }))).toEqual(["auth", { reasonCode, properties }]);
          }
        },
      ),
      runs,
    );
  });
});

test("a string beyond 65,535 bytes is a broken invariant of the caller, not a wrong packet [MQTT-1.5.4-1]", () => {
  const message = {
    topic: "é".repeat(33_000),
    payload: Buffer.alloc(0),
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
    properties: null,
  } as const;
  expect(() => encodePublish(message, 4)).toThrow(RangeError);
  expect(() => encode.encodeConnect({ ...hello, password: Buffer.alloc(65_536) })).toThrow(RangeError);
});
