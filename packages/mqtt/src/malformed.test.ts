import { describe, expect, test } from "vitest";
import { ClientDecoder } from "./client-decoder.ts";
import { encodeConnack, encodeConnect } from "./encode-packets.ts";
import { encodePublish } from "./encode-publish.ts";
import type { ProtocolLevel } from "./protocol.ts";
import { RecordingHandler } from "./recording-handler.ts";
import { ServerDecoder } from "./server-decoder.ts";

/** Bytes from a line such as `30 05 "a/b" 78`: hex numbers, and strings in quotes, which get their two-byte length. */
function bytes(line: string): Buffer {
  const parts = line.match(/"[^"]*"|[0-9a-f]{2}/g) ?? [];
  return Buffer.concat(
    parts.map((part) => {
      if (!part.startsWith('"')) return Buffer.from(part, "hex");
      const text = Buffer.from(part.slice(1, -1));
      return Buffer.concat([Buffer.from([text.length >> 8, text.length & 255]), text]);
    }),
  );
}

/** A packet from its first byte and its body. */
function packet(first: string, body: string): Buffer {
  const content = bytes(body);
  expect(content.length).toBeLessThan(128);
  return Buffer.concat([bytes(first), Buffer.from([content.length]), content]);
}

const hello = { cleanStart: true, keepAliveS: 0, clientId: "c", username: null, password: null, will: null, properties: null };
const good = { topic: "t", payload: Buffer.from("x"), qos: 0, retain: false, dup: false, packetId: 0, properties: null } as const;
type Row = readonly [rule: string, first: string, body: string, code: number];

/**
 * The packet is refused with `code`, the handler does not hear of it nor of the good packet in the same chunk after it, and no later
 * bytes are read.
 */
function expectRefused(decoder: ServerDecoder | ClientDecoder, handler: RecordingHandler, sent: Buffer, code: number): void {
  const before = handler.heard.length;
  const level = decoder.protocolLevel === 0 ? 4 : decoder.protocolLevel;
  const after = encodePublish(good, level);
  expect(decoder.push(Buffer.concat([sent, after]))).toBe(code);
  expect(decoder.push(after)).toBe(code);
  expect(decoder.error).toBe(code);
  expect(decoder.heldBytes).toBe(0);
  expect(handler.heard.length).toBe(before);
}

function connectedServer(level: ProtocolLevel): [ServerDecoder, RecordingHandler] {
  const handler = new RecordingHandler();
  const decoder = new ServerDecoder(handler, 1000);
  expect(decoder.push(encodeConnect({ ...hello, protocolLevel: level }))).toBe(0);
  return [decoder, handler];
}

function connectedClient(level: ProtocolLevel): [ClientDecoder, RecordingHandler] {
  const handler = new RecordingHandler();
  const decoder = new ClientDecoder(handler, 1000, level);
  expect(decoder.push(encodeConnack({ sessionPresent: false, reasonCode: 0, properties: null }, level))).toBe(0);
  return [decoder, handler];
}

const CONNECTS: readonly Row[] = [
  ["first packet not CONNECT [MQTT-3.1.0-1]", "30", '"a"', 0x82],
  ["first packet PINGREQ [MQTT-3.1.0-1]", "c0", "", 0x82],
  ["packet type 0 (s2.1.2)", "00", "", 0x82],
  ["reserved flags [MQTT-2.1.3-1]", "11", '"MQTT" 04 02 00 00 "c"', 0x81],
  ["empty body", "10", "", 0x81],
  ["protocol name in other letters [MQTT-3.1.2-1]", "10", '"mqtt" 04 02 00 00 "c"', 0x84],
  ["protocol level 6 [MQTT-3.1.2-2]", "10", '"MQTT" 06 02 00 00 "c"', 0x84],
  ["MQIsdp with level 4", "10", '"MQIsdp" 04 02 00 00 "c"', 0x84],
  ["MQTT with level 3", "10", '"MQTT" 03 02 00 00 "c"', 0x84],
  ["reserved connect flag [MQTT-3.1.2-3]", "10", '"MQTT" 04 03 00 00 "c"', 0x81],
  ["will QoS without will [MQTT-3.1.2-11]", "10", '"MQTT" 04 0a 00 00 "c"', 0x81],
  ["will retain without will [MQTT-3.1.2-13]", "10", '"MQTT" 04 22 00 00 "c"', 0x81],
  ["will QoS 3 [MQTT-3.1.2-12]", "10", '"MQTT" 04 1e 00 00 "c" "t" "m"', 0x81],
  ["password without user name, 3.1.1 [MQTT-3.1.2-22]", "10", '"MQTT" 04 42 00 00 "c" "p"', 0x81],
  ["no keep-alive", "10", '"MQTT" 04 02', 0x81],
  ["no client id [MQTT-3.1.3-3]", "10", '"MQTT" 04 02 00 00', 0x81],
  ["empty client id with a kept session, 3.1.1 [MQTT-3.1.3-8]", "10", '"MQTT" 04 00 00 00 ""', 0x85],
  ["empty client id, 3.1", "10", '"MQIsdp" 03 02 00 00 ""', 0x85],
  ["client id longer than the packet", "10", '"MQTT" 04 02 00 00 00 05 63', 0x81],
  ["client id with U+0000 [MQTT-1.5.4-2]", "10", '"MQTT" 04 02 00 00 00 01 00', 0x81],
  ["client id with a surrogate [MQTT-1.5.4-1]", "10", '"MQTT" 04 02 00 00 00 03 ed a0 80', 0x81],
  ["user name flag without user name [MQTT-3.1.2-17]", "10", '"MQTT" 04 82 00 00 "c"', 0x81],
  ["password flag without password [MQTT-3.1.2-19]", "10", '"MQTT" 04 c2 00 00 "c" "u"', 0x81],
  ["will without payload", "10", '"MQTT" 04 06 00 00 "c" "t"', 0x81],
  ["empty will topic [MQTT-4.7.3-1]", "10", '"MQTT" 04 06 00 00 "c" "" "m"', 0x81],
  ["will topic with a wildcard [MQTT-3.3.2-2]", "10", '"MQTT" 04 06 00 00 "c" "t/#" "m"', 0x90],
  ["bytes after the last field", "10", '"MQTT" 04 02 00 00 "c" 00', 0x81],
  ["no property length [MQTT-2.2.2-1]", "10", '"MQTT" 05 02 00 00', 0x81],
  ["property length beyond the packet", "10", '"MQTT" 05 02 00 00 09 "c"', 0x81],
  ["property length not minimal [MQTT-1.5.5-1]", "10", '"MQTT" 05 02 00 00 80 00 "c"', 0x81],
  ["property length of five bytes (s1.5.5)", "10", '"MQTT" 05 02 00 00 80 80 80 80 01 "c"', 0x81],
  ["unknown property (s2.2.2.2)", "10", '"MQTT" 05 02 00 00 02 7f 00 "c"', 0x81],
  ["property 0", "10", '"MQTT" 05 02 00 00 02 00 00 "c"', 0x81],
  ["property of another packet: topic alias", "10", '"MQTT" 05 02 00 00 03 23 00 01 "c"', 0x81],
  ["will delay among the CONNECT's own properties", "10", '"MQTT" 05 02 00 00 05 18 00 00 00 01 "c"', 0x81],
  ["session expiry twice (s3.1.2.11.2)", "10", '"MQTT" 05 02 00 00 0a 11 00 00 00 01 11 00 00 00 01 "c"', 0x82],
  ["maximum packet size twice (s3.1.2.11.4)", "10", '"MQTT" 05 02 00 00 0a 27 00 00 00 01 27 00 00 00 01 "c"', 0x82],
  ["receive maximum 0 (s3.1.2.11.3)", "10", '"MQTT" 05 02 00 00 03 21 00 00 "c"', 0x82],
  ["maximum packet size 0 (s3.1.2.11.4)", "10", '"MQTT" 05 02 00 00 05 27 00 00 00 00 "c"', 0x82],
  ["request problem information 2 (s3.1.2.11.7)", "10", '"MQTT" 05 02 00 00 02 17 02 "c"', 0x82],
  ["request response information 2 (s3.1.2.11.6)", "10", '"MQTT" 05 02 00 00 02 19 02 "c"', 0x82],
  ["authentication data without a method (s3.1.2.11.10)", "10", '"MQTT" 05 02 00 00 04 16 "x" "c"', 0x82],
  ["user property cut within its value", "10", '"MQTT" 05 02 00 00 05 26 "k" 00 "c"', 0x81],
  ["user property with U+0000 in its name [MQTT-1.5.7-1]", "10", '"MQTT" 05 02 00 00 07 26 00 01 00 "v" "c"', 0x81],
  ["property cut by the property length", "10", '"MQTT" 05 02 00 00 03 11 00 00 00 01 "c"', 0x81],
  ["session expiry among the will's properties", "10", '"MQTT" 05 06 00 00 00 "c" 05 11 00 00 00 01 "t" "m"', 0x81],
  ["payload format 2 in the will (s3.1.3.2.3)", "10", '"MQTT" 05 06 00 00 00 "c" 02 01 02 "t" "m"', 0x82],
];

const TO_SERVER_BOTH: readonly Row[] = [
  ["second CONNECT [MQTT-3.1.0-2]", "10", '"MQTT" 04 02 00 00 "c"', 0x82],
  ["packet type 0 (s2.1.2)", "00", "", 0x81],
  ["CONNACK from a client", "20", "00 00", 0x82],
  ["SUBACK from a client", "90", "00 01 00", 0x82],
  ["UNSUBACK from a client", "b0", "00 01", 0x82],
  ["PINGRESP from a client", "d0", "", 0x82],
  ["PUBACK with flags [MQTT-2.1.3-1]", "41", "00 01", 0x81],
  ["PUBREC with flags [MQTT-2.1.3-1]", "52", "00 01", 0x81],
  ["PUBREL without its flags [MQTT-3.6.1-1]", "60", "00 01", 0x81],
  ["PUBREL with DUP", "6a", "00 01", 0x81],
  ["PUBCOMP with flags [MQTT-2.1.3-1]", "78", "00 01", 0x81],
  ["SUBSCRIBE without its flags [MQTT-3.8.1-1]", "80", '00 01 "a" 00', 0x81],
  ["UNSUBSCRIBE without its flags [MQTT-3.10.1-1]", "a0", '00 01 "a"', 0x81],
  ["PINGREQ with flags [MQTT-2.1.3-1]", "c1", "", 0x81],
  ["PINGREQ with a body", "c0", "00", 0x81],
  ["DISCONNECT with flags [MQTT-3.14.1-1]", "e1", "", 0x81],
  ["PUBLISH with QoS 3 [MQTT-3.3.1-4]", "36", '"a" 00 01 00', 0x81],
  ["PUBLISH with DUP and QoS 0 [MQTT-3.3.1-2]", "38", '"a" 00', 0x81],
  ["PUBLISH without a topic", "30", "", 0x81],
  ["PUBLISH with a topic longer than the packet", "30", "00 05 61", 0x81],
  ["PUBLISH to + [MQTT-3.3.2-2]", "30", '"a/+" 00', 0x90],
  ["PUBLISH to # [MQTT-3.3.2-2]", "30", '"#" 00', 0x90],
  ["PUBLISH to a topic with U+0000 [MQTT-1.5.4-2]", "30", "00 03 61 00 62 00", 0x81],
  ["PUBLISH to a topic with an overlong slash [MQTT-1.5.4-1]", "30", "00 02 c0 af 00", 0x81],
  ["PUBLISH to a topic with an overlong U+0000", "30", "00 02 c0 80 00", 0x81],
  ["PUBLISH to a topic with a surrogate [MQTT-1.5.4-1]", "30", "00 03 ed bf bf 00", 0x81],
  ["PUBLISH to a topic above U+10FFFF", "30", "00 04 f4 90 80 80 00", 0x81],
  ["PUBLISH to a topic with a lone continuation byte", "30", "00 01 80 00", 0x81],
  ["PUBLISH to a topic with a cut sequence", "30", "00 02 e2 82 00", 0x81],
  ["PUBLISH to a topic with byte FE", "30", "00 01 fe 00", 0x81],
  ["PUBLISH with QoS 1 and packet id 0 [MQTT-2.2.1-3]", "32", '"a" 00 00 00', 0x82],
  ["PUBLISH with QoS 2 and half a packet id", "34", '"a" 00', 0x81],
  ["PUBACK with packet id 0 [MQTT-2.2.1-4]", "40", "00 00", 0x82],
  ["PUBACK with half a packet id", "40", "01", 0x81],
  ["PUBACK without a body", "40", "", 0x81],
  ["PUBREL with packet id 0", "62", "00 00", 0x82],
];

const TO_SERVER_V4: readonly Row[] = [
  ["AUTH before MQTT 5", "f0", "", 0x81],
  ["PUBLISH to an empty topic [MQTT-4.7.3-1]", "30", '"" 00', 0x81],
  ["PUBACK with a reason code", "40", "00 01 00", 0x81],
  ["SUBSCRIBE without filters [MQTT-3.8.3-3]", "82", "00 01", 0x82],
  ["SUBSCRIBE with packet id 0 [MQTT-2.3.1-1]", "82", '00 00 "a" 00', 0x82],
  ["SUBSCRIBE with QoS 3 [MQTT-3.8.3-4]", "82", '00 01 "a" 03', 0x81],
  ["SUBSCRIBE with reserved bits [MQTT-3.8.3-4]", "82", '00 01 "a" 04', 0x81],
  ["SUBSCRIBE to an empty filter [MQTT-4.7.3-1]", "82", '00 01 "" 00', 0x81],
  ["SUBSCRIBE without the QoS byte", "82", '00 01 "a"', 0x81],
  ["SUBSCRIBE with one good and one cut filter", "82", '00 01 "a" 00 00', 0x81],
  ["SUBSCRIBE to an ill-formed filter [MQTT-3.8.3-1]", "82", "00 01 00 01 ff 00", 0x81],
  ["UNSUBSCRIBE without filters [MQTT-3.10.3-2]", "a2", "00 01", 0x82],
  ["UNSUBSCRIBE with packet id 0", "a2", '00 00 "a"', 0x82],
  ["UNSUBSCRIBE from an empty filter", "a2", '00 01 ""', 0x81],
  ["DISCONNECT with a body", "e0", "00", 0x81],
];

const TO_SERVER_V5: readonly Row[] = [
  ["PUBLISH without topic and alias (s3.3.2.1)", "30", '"" 00', 0x82],
  ["PUBLISH with alias 0 [MQTT-3.3.2-8]", "30", '"" 03 23 00 00', 0x94],
  ["PUBLISH with two aliases (s3.3.2.3.4)", "30", '"a" 06 23 00 01 23 00 02', 0x82],
  ["PUBLISH with a subscription identifier from a client [MQTT-3.3.4-6]", "30", '"a" 02 0b 01', 0x82],
  ["PUBLISH with payload format 2", "30", '"a" 02 01 02', 0x82],
  ["PUBLISH with a wildcard in the response topic [MQTT-3.3.2-14]", "30", '"a" 06 08 "b/#"', 0x90],
  ["PUBLISH with an empty response topic", "30", '"a" 03 08 ""', 0x90],
  ["PUBLISH with a reason string", "30", '"a" 04 1f "r"', 0x81],
  ["PUBLISH without a property length", "30", '"a"', 0x81],
  ["PUBLISH with content type twice", "30", '"a" 08 03 "x" 03 "x"', 0x82],
  ["PUBLISH with cut correlation data", "30", '"a" 03 09 00 05', 0x81],
  ["PUBACK with a reason code of others [MQTT-3.4.2-1]", "40", "00 01 92", 0x82],
  ["PUBREL with a reason code of others [MQTT-3.6.2-1]", "62", "00 01 10", 0x82],
  ["PUBACK with bytes after its properties", "40", "00 01 00 00 00", 0x81],
  ["PUBACK with two reason strings", "40", '00 01 00 08 1f "a" 1f "b"', 0x82],
  ["SUBSCRIBE without filters [MQTT-3.8.3-2]", "82", "00 01 00", 0x82],
  ["SUBSCRIBE with identifier 0 (s3.8.2.1.2)", "82", '00 01 02 0b 00 "a" 00', 0x82],
  ["SUBSCRIBE with two identifiers (s3.8.2.1.2)", "82", '00 01 04 0b 01 0b 02 "a" 00', 0x82],
  ["SUBSCRIBE with an identifier of five bytes", "82", '00 01 06 0b 80 80 80 80 01 "a" 00', 0x81],
  ["SUBSCRIBE with QoS 3 (s3.8.3.1)", "82", '00 01 00 "a" 03', 0x82],
  ["SUBSCRIBE with Retain Handling 3 (s3.8.3.1)", "82", '00 01 00 "a" 30', 0x82],
  ["SUBSCRIBE with reserved bits [MQTT-3.8.3-5]", "82", '00 01 00 "a" 40', 0x81],
  ["SUBSCRIBE with No Local on a shared subscription [MQTT-3.8.3-4]", "82", '00 01 00 "$share/g/a" 04', 0x82],
  ["UNSUBSCRIBE with a subscription identifier", "a2", '00 01 02 0b 01 "a"', 0x81],
  ["DISCONNECT with the server's reason code [MQTT-3.14.2-1]", "e0", "8e 00", 0x82],
  ["DISCONNECT with a server reference from a client", "e0", '00 04 1c "s"', 0x82],
  ["AUTH with Success from a client [MQTT-3.15.2-1]", "f0", "", 0x82],
  ["AUTH without a method (s3.15.2.2.2)", "f0", "18 00", 0x82],
  ["AUTH with another reason code", "f0", '00 04 15 "m"', 0x82],
  ["AUTH with flags [MQTT-3.15.1-1]", "f1", '18 04 15 "m"', 0x81],
];

const TO_CLIENT_V5: readonly Row[] = [
  ["SUBSCRIBE from a server", "82", '00 01 00 "a" 00', 0x82],
  ["CONNECT from a server", "10", '"MQTT" 05 02 00 00 00 "c"', 0x82],
  ["second CONNACK", "20", "00 00 00", 0x82],
  ["SUBACK without codes", "90", "00 01 00", 0x82],
  ["SUBACK with an unknown code [MQTT-3.9.3-2]", "90", "00 01 00 03", 0x82],
  ["UNSUBACK with a code of others [MQTT-3.11.3-2]", "b0", "00 01 00 01", 0x82],
  ["DISCONNECT with a session expiry from a server [MQTT-3.14.2-2]", "e0", "00 05 11 00 00 00 01", 0x82],
  ["DISCONNECT with will from a server", "e0", "04 00", 0x82],
  ["AUTH with re-authentication from a server [MQTT-3.15.2-1]", "f0", '19 04 15 "m"', 0x82],
  ["PUBLISH with subscription identifier 0", "30", '"a" 02 0b 00', 0x82],
];

const CONNACKS: readonly Row[] = [
  ["PUBLISH before CONNACK [MQTT-3.2.0-1]", "30", '"a" 00', 0x82],
  ["reserved flags in CONNACK [MQTT-3.2.2-1]", "20", "02 00 00", 0x81],
  ["session present with a failure [MQTT-3.2.2-6]", "20", "01 87 00", 0x82],
  ["reason code of others [MQTT-3.2.2-8]", "20", "00 8e 00", 0x82],
  ["maximum QoS 2 (s3.2.2.3.4)", "20", "00 00 02 24 02", 0x82],
  ["retain available 2 (s3.2.2.3.5)", "20", "00 00 02 25 02", 0x82],
  ["authentication data without a method", "20", '00 00 04 16 "x"', 0x82],
];

describe("a broken CONNECT is refused", () => {
  test.each(CONNECTS)("%s", (_rule, first, body, code) => {
    const handler = new RecordingHandler();
    expectRefused(new ServerDecoder(handler, 1000), handler, packet(first, body), code);
  });
});

describe("a broken packet from a client is refused, with nothing after it read", () => {
  test.each(TO_SERVER_BOTH)("%s", (_rule, first, body, code) => {
    for (const level of [4, 5] as const) expectRefused(...connectedServer(level), packet(first, body), code);
  });
  test.each(TO_SERVER_V4)("3.1.1: %s", (_rule, first, body, code) => {
    expectRefused(...connectedServer(4), packet(first, body), code);
  });
  test.each(TO_SERVER_V5)("5.0: %s", (_rule, first, body, code) => {
    expectRefused(...connectedServer(5), packet(first, body), code);
  });
});

describe("a broken packet from a server is refused", () => {
  test.each(TO_CLIENT_V5)("%s", (_rule, first, body, code) => {
    expectRefused(...connectedClient(5), packet(first, body), code);
  });
  test.each(CONNACKS)("%s", (_rule, first, body, code) => {
    const handler = new RecordingHandler();
    expectRefused(new ClientDecoder(handler, 1000, 5), handler, packet(first, body), code);
  });
  test("3.1.1: a reserved return code, DISCONNECT and AUTH", () => {
    const handler = new RecordingHandler();
    expectRefused(new ClientDecoder(handler, 1000, 4), handler, bytes("20 02 00 06"), 0x82);
    expectRefused(...connectedClient(4), bytes("e0 00"), 0x82);
    expectRefused(...connectedClient(4), bytes("f0 00"), 0x81);
    expectRefused(...connectedClient(4), bytes("90 03 00 01 03"), 0x82);
    expectRefused(...connectedClient(4), bytes("b0 03 00 01 00"), 0x81);
  });
});

describe("the fixed header", () => {
  test("a Remaining Length of five bytes is malformed (s1.5.5)", () => {
    for (const level of [4, 5] as const) expectRefused(...connectedServer(level), bytes("30 80 80 80 80 01"), 0x81);
    const handler = new RecordingHandler();
    expectRefused(new ServerDecoder(handler, 1000), handler, bytes("10 ff ff ff ff 7f"), 0x81);
  });

  test("a Remaining Length with bytes it does not need is malformed in MQTT 5 [MQTT-1.5.5-1] and read before", () => {
    expectRefused(...connectedServer(5), bytes("c0 80 00"), 0x81);
    const [decoder, handler] = connectedServer(4);
    expect(decoder.push(bytes("c0 80 00 c0 00"))).toBe(0);
    expect(handler.heard.slice(1)).toEqual([
      ["pingreq", null],
      ["pingreq", null],
    ]);
  });

  test("a packet larger than allowed is refused as soon as its length is known", () => {
    for (const announced of ["30 e8 07", "30 ff ff ff 7f", "30 e6 07"]) expectRefused(...connectedServer(4), bytes(announced), 0x95);
    const [decoder, handler] = connectedServer(4);
    const largest = encodePublish({ ...good, payload: Buffer.alloc(994) }, 4);
    expect(largest).toHaveLength(1000);
    expect(decoder.push(largest)).toBe(0);
    expect(handler.heard).toHaveLength(2);
    decoder.packetBytesMax = 999;
    expectRefused(decoder, handler, largest, 0x95);
    const [small, heard] = connectedServer(4);
    small.packetBytesMax = 5;
    expectRefused(small, heard, bytes('30 04 "a" 78'), 0x95);
  });

  test("what is not MQTT is refused by its first byte", () => {
    for (const line of ["GET / HTTP/1.1\r\n", "\x16\x03\x01\x02\x00", "\0"]) {
      const decoder = new ServerDecoder(new RecordingHandler(), 1000);
      expect(decoder.push(Buffer.from(line.slice(0, 1), "latin1"))).not.toBe(0);
    }
  });

  test("counts that the spec leaves open are bounded: filters, user properties", () => {
    const handler = new RecordingHandler();
    const decoder = new ServerDecoder(handler, 1 << 20);
    decoder.push(encodeConnect({ ...hello, protocolLevel: 4 }));
    const filters = Buffer.concat(Array.from({ length: 1025 }, () => bytes('"a" 00')));
    const length = filters.length + 2;
    expectRefused(decoder, handler, Buffer.concat([Buffer.from([0x82, (length & 127) | 128, length >> 7, 0, 1]), filters]), 0x97);
    const [second, heard] = connectedServer(5);
    second.packetBytesMax = 1 << 20;
    const userProperties = Array.from({ length: 257 }, (): [string, string] => ["", ""]);
    expectRefused(second, heard, encodePublish({ ...good, properties: { userProperties } }, 5), 0x97);
  });

  test("3.1 allows DUP where later versions have reserved bits (MQTT 3.1 s2.1)", () => {
    const [decoder, handler] = connectedServer(3);
    expect(decoder.push(Buffer.concat([packet("8a", '00 01 "a" 00'), packet("6a", "00 02"), packet("aa", '00 03 "a"')]))).toBe(0);
    expect(handler.heard.map((entry) => entry[0])).toEqual(["connect", "subscribe", "pubrel", "unsubscribe"]);
  });
});
