// Broken and random streams for the codec, and what must hold whatever they are. A run is repeated from its seed and number.
import assert from "node:assert/strict";
import { ClientDecoder } from "./client-decoder.ts";
import * as encode from "./encode-packets.ts";
import { encodePublish } from "./encode-publish.ts";
import type {
  AckPacket,
  ConnackPacket,
  ConnectPacket,
  PublishMessage,
  ReasonPacket,
  SubscribePacket,
  SubscriptionAckPacket,
  UnsubscribePacket,
} from "./packets.ts";
import type { ProtocolLevel } from "./protocol.ts";
import { type Heard, RecordingHandler } from "./recording-handler.ts";
import { ServerDecoder } from "./server-decoder.ts";

const PACKET_BYTES_MAX = 2000;
/** What may wait behind a pause besides, see `frame-decoder.ts`. */
const PAUSED_BYTES_MAX = 65_536;
/** The codes a decoder gives. */
const CODES: readonly number[] = [0x81, 0x82, 0x84, 0x85, 0x90, 0x94, 0x95, 0x97];

export type Random = (below: number) => number;

export interface FuzzTally {
  /** Streams that were refused somewhere. */
  refused: number;
  /** Packets that were handed over, and found equal after encoding and decoding them again. */
  heard: number;
}

/** mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const properties = {
  payloadFormatIndicator: 1,
  messageExpiryIntervalS: 7,
  userProperties: [["k", "v"]] as [string, string][],
  contentType: "x/é",
  responseTopic: "r/1",
  correlationData: Buffer.from([1]),
  topicAlias: 3,
};
const will = { topic: "w", payload: Buffer.from("w"), qos: 1, retain: true, properties: { willDelayIntervalS: 5 } } as const;
const hello = {
  cleanStart: true,
  keepAliveS: 1,
  clientId: "c",
  username: "u",
  password: Buffer.from("p"),
  will,
  properties: { receiveMaximum: 9, sessionExpiryIntervalS: 1, maximumPacketSize: 500, requestProblemInformation: false },
};

function validPackets(level: ProtocolLevel): Buffer[] {
  const subscription = { filter: "a/#", qos: 1, noLocal: true, retainAsPublished: false, retainHandling: 2 } as const;
  const reason = { reasonString: "no", userProperties: [["a", ""]] as [string, string][] };
  return [
    encodePublish({ topic: "a/b", payload: Buffer.from("hello"), qos: 2, retain: false, dup: true, packetId: 300, properties }, level),
    encodePublish({ topic: "a", payload: Buffer.alloc(200), qos: 0, retain: true, dup: false, packetId: 0, properties: null }, level),
    encode.encodePuback({ packetId: 1, reasonCode: 0x80, properties: reason }, level),
    encode.encodePubrec({ packetId: 2, reasonCode: 0x10, properties: null }, level),
    encode.encodePubrel({ packetId: 1, reasonCode: 0, properties: null }, level),
    encode.encodePubcomp({ packetId: 65_535, reasonCode: 0x92, properties: reason }, level),
    encode.encodeSubscribe({ packetId: 2, subscriptions: [subscription], properties: { subscriptionIds: [500] } }, level),
    encode.encodeUnsubscribe({ packetId: 2, filters: ["a/#", "é"], properties: null }, level),
    encode.encodeSuback({ packetId: 2, reasonCodes: [1, 0x80], properties: { reasonString: "ok" } }, level),
    encode.encodeUnsuback({ packetId: 2, reasonCodes: [0], properties: null }, level),
    encode.encodePingreq(),
    encode.encodePingresp(),
    encode.encodeDisconnect({ reasonCode: 0x81, properties: { reasonString: "bye" } }, level),
    encode.encodeAuth({ reasonCode: 0x18, properties: { authenticationMethod: "m", authenticationData: Buffer.from("d") } }),
  ];
}

const byLevel = { 3: validPackets(3), 4: validPackets(4), 5: validPackets(5) };

function mutate(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  for (let count = random(4); count > 0; count--) {
    const at = random(changed.length);
    changed[at] = random(3) === 0 ? random(256) : (changed[at] as number) ^ (1 << random(8));
  }
  return random(8) === 0 ? changed.subarray(0, random(changed.length + 1)) : changed;
}

function randomBytes(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random(60) }, () => random(256)));
}

/** A stream that begins well, or badly, or in the middle. */
function makeStream(isServer: boolean, level: ProtocolLevel, random: Random): Buffer {
  const first = isServer
    ? encode.encodeConnect({ ...hello, protocolLevel: level })
    : encode.encodeConnack({ sessionPresent: false, reasonCode: 0, properties: null }, level);
  const kind = random(10);
  const parts = kind === 0 ? [randomBytes(random)] : kind < 3 ? [mutate(first, random)] : [first];
  for (let count = random(6); count > 0; count--) {
    const list = byLevel[level as 3 | 4 | 5];
    parts.push(random(10) === 0 ? randomBytes(random) : mutate(list[random(list.length)] as Buffer, random));
  }
  return Buffer.concat(parts);
}

/** One stream in pieces through one decoder. Throws when something does not hold. */
function fuzzOnce(random: Random, tally: FuzzTally): void {
  const level = ([3, 4, 5] as const)[random(3)] ?? 5;
  const isServer = random(4) > 0;
  const handler = new RecordingHandler();
  const decoder = isServer ? new ServerDecoder(handler, PACKET_BYTES_MAX) : new ClientDecoder(handler, PACKET_BYTES_MAX, level);
  // As a session does while a CONNECT is being checked.
  let isPaused = false;
  const pauses = random(3) === 0;
  handler.onHeard = () => {
    assert.equal(isPaused, false, "handed over while paused");
    assert.equal(decoder.error, 0, "handed over after an error");
    if (!pauses || random(3) > 0) return;
    isPaused = true;
    decoder.pause();
  };
  const stream = makeStream(isServer, level, random);
  for (let at = 0; at < stream.length; ) {
    const size = 1 + random(random(2) === 0 ? 8 : stream.length);
    const before = handler.heard.length;
    const wasRefused = decoder.error !== 0;
    const code = decoder.push(stream.subarray(at, at + size));
    at += size;
    if (wasRefused) assert.equal(handler.heard.length, before, "read on after an error");
    assert.equal(code, decoder.error);
    if (code !== 0) assert.ok(CODES.includes(code), `code 0x${code.toString(16)}`);
    assert.ok(decoder.heldBytes <= PACKET_BYTES_MAX + (pauses ? PAUSED_BYTES_MAX : 0), `holds ${decoder.heldBytes} bytes`);
    if (!isPaused || random(2) > 0) continue;
    isPaused = false;
    decoder.resume();
  }
  if (decoder.error !== 0) {
    assert.equal(decoder.heldBytes, 0, "keeps what it will not read");
    tally.refused++;
  }
  for (const heard of handler.heard) {
    assertValid(heard);
    assertSame(heard, (decoder.protocolLevel || level) as ProtocolLevel, isServer);
  }
  tally.heard += handler.heard.length;
}

/** Rules a packet can break and still be the same when it is encoded again. */
function assertValid([name, packet]: Heard): void {
  if (name === "publish") {
    const { topic, qos, dup, packetId } = packet as PublishMessage;
    assert.ok(qos <= 2 && (qos > 0 || !dup), "QoS and DUP");
    assert.equal(packetId === 0, qos === 0, "packet id");
    assert.doesNotMatch(topic, /[+#\0]/, "topic");
  }
  if (name === "connect") assert.ok(((packet as ConnectPacket).will?.qos ?? 0) <= 2, "will QoS");
  if (name === "subscribe") {
    const { packetId, subscriptions } = packet as SubscribePacket;
    assert.ok(packetId > 0 && subscriptions.length > 0, "packet id and filters");
    for (const { filter, qos, retainHandling } of subscriptions)
      assert.ok(filter !== "" && qos <= 2 && retainHandling <= 2, "subscription");
  }
}

/** What was decoded, encoded and decoded again, is what it was. */
function assertSame(heard: Heard, level: ProtocolLevel, isServer: boolean): void {
  const bytes = encodeAgain(heard, level);
  const handler = new RecordingHandler();
  const decoder = isServer ? new ServerDecoder(handler, 10 * PACKET_BYTES_MAX) : new ClientDecoder(handler, 10 * PACKET_BYTES_MAX, level);
  const [name] = heard;
  if (isServer && name !== "connect") decoder.push(encode.encodeConnect({ ...hello, protocolLevel: level }));
  if (!isServer && name !== "connack")
    decoder.push(encode.encodeConnack({ sessionPresent: false, reasonCode: 0, properties: null }, level));
  handler.heard.length = 0;
  assert.equal(decoder.push(bytes), 0, `${name} is refused when it is encoded again: ${bytes.toString("hex")}`);
  assert.deepEqual(handler.heard, [heard]);
}

function encodeAgain([name, packet]: Heard, level: ProtocolLevel): Buffer {
  switch (name) {
    case "connect":
      return encode.encodeConnect(packet as ConnectPacket);
    case "connack":
      return encode.encodeConnack(packet as ConnackPacket, level);
    case "publish":
      return encodePublish(packet as PublishMessage, level);
    case "puback":
      return encode.encodePuback(packet as AckPacket, level);
    case "pubrec":
      return encode.encodePubrec(packet as AckPacket, level);
    case "pubrel":
      return encode.encodePubrel(packet as AckPacket, level);
    case "pubcomp":
      return encode.encodePubcomp(packet as AckPacket, level);
    case "subscribe":
      return encode.encodeSubscribe(packet as SubscribePacket, level);
    case "suback":
      return encode.encodeSuback(packet as SubscriptionAckPacket, level);
    case "unsubscribe":
      return encode.encodeUnsubscribe(packet as UnsubscribePacket, level);
    case "unsuback":
      return encode.encodeUnsuback(packet as SubscriptionAckPacket, level);
    case "pingreq":
      return encode.encodePingreq();
    case "pingresp":
      return encode.encodePingresp();
    case "disconnect":
      return encode.encodeDisconnect(packet as ReasonPacket, level);
    case "auth":
      return encode.encodeAuth(packet as ReasonPacket);
    default:
      throw new Error(`no packet is named ${name}`);
  }
}

/** Runs number 0 to `runs`. Each has a seed of its own, which an error names. */
export function fuzz(seed: number, runs: number): FuzzTally {
  const tally: FuzzTally = { refused: 0, heard: 0 };
  for (let run = 0; run < runs; run++) {
    try {
      fuzzOnce(createRandom((seed + Math.imul(run, 0x9e3779b1)) | 0), tally);
    } catch (error) {
      throw new Error(`run ${run} of seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  return tally;
}
