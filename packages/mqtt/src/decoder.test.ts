import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClientDecoder } from "./client-decoder.ts";
import * as encode from "./encode-packets.ts";
import { encodePublish, writeAck } from "./encode-publish.ts";
import type { PublishPacket } from "./packets.ts";
import { PacketType } from "./protocol.ts";
import { RecordingHandler } from "./recording-handler.ts";
import { ServerDecoder } from "./server-decoder.ts";

const hello = { cleanStart: true, keepAliveS: 60, clientId: "dev-1", username: null, password: null, will: null, properties: null };
const properties = { userProperties: [["k", "v"]] as [string, string][], correlationData: Buffer.from([1, 2]), messageExpiryIntervalS: 9 };
const message = { topic: "a/é", payload: Buffer.from("payload"), qos: 1, retain: true, dup: false, packetId: 7, properties } as const;

/** One of each packet a client sends in MQTT 5, the last but one long enough for a Remaining Length of three bytes. */
const fromClient = Buffer.concat([
  encode.encodeConnect({ ...hello, protocolLevel: 5, username: "u", password: Buffer.from("p") }),
  encodePublish(message, 5),
  encode.encodePuback({ packetId: 1, reasonCode: 0x10, properties: null }, 5),
  encode.encodePubrec({ packetId: 2, reasonCode: 0, properties: { reasonString: "r" } }, 5),
  encode.encodePubrel({ packetId: 3, reasonCode: 0, properties: null }, 5),
  encode.encodePubcomp({ packetId: 4, reasonCode: 0x92, properties: null }, 5),
  encode.encodeSubscribe(
    {
      packetId: 5,
      subscriptions: [{ filter: "a/+", qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 1 }],
      properties: null,
    },
    5,
  ),
  encode.encodeUnsubscribe({ packetId: 6, filters: ["a/+", "b"], properties: null }, 5),
  encode.encodePingreq(),
  encode.encodeAuth({ reasonCode: 0x19, properties: { authenticationMethod: "m" } }),
  encodePublish({ ...message, payload: Buffer.alloc(17_000, 1) }, 5),
  encode.encodeDisconnect({ reasonCode: 0x04, properties: null }, 5),
]);

const fromServer = Buffer.concat([
  encode.encodeConnack({ sessionPresent: true, reasonCode: 0, properties: { assignedClientId: "c" } }, 5),
  encode.encodeSuback({ packetId: 5, reasonCodes: [0, 0x87], properties: null }, 5),
  encodePublish(message, 5),
  encode.encodeUnsuback({ packetId: 6, reasonCodes: [0, 0x11], properties: null }, 5),
  encode.encodePingresp(),
  encode.encodeDisconnect({ reasonCode: 0x8e, properties: { reasonString: "r" } }, 5),
]);

describe("a stream of packets", () => {
  const names = [
    "connect",
    "publish",
    "puback",
    "pubrec",
    "pubrel",
    "pubcomp",
    "subscribe",
    "unsubscribe",
    "pingreq",
    "auth",
    "publish",
    "disconnect",
  ];

  test("is the same wherever it is cut", () => {
    const whole = new RecordingHandler();
    expect(new ServerDecoder(whole, 20_000).push(fromClient)).toBe(0);
    expect(whole.heard.map((entry) => entry[0])).toEqual(names);
    for (let cut = 1; cut < fromClient.length; cut += cut < 300 || cut > fromClient.length - 20 ? 1 : 997) {
      const handler = new RecordingHandler();
      const decoder = new ServerDecoder(handler, 20_000);
      expect(decoder.push(fromClient.subarray(0, cut))).toBe(0);
      expect(decoder.push(fromClient.subarray(cut))).toBe(0);
      expect(handler.heard).toEqual(whole.heard);
      expect(decoder.heldBytes).toBe(0);
    }
  });

  test("is the same byte by byte, through one reused read buffer", () => {
    for (const [bytes, create] of [
      [fromClient, (handler: RecordingHandler) => new ServerDecoder(handler, 20_000)],
      [fromServer, (handler: RecordingHandler) => new ClientDecoder(handler, 20_000, 5)],
    ] as const) {
      const whole = new RecordingHandler();
      const cut = new RecordingHandler();
      expect(create(whole).push(bytes)).toBe(0);
      const decoder = create(cut);
      const one = new Uint8Array(1);
      for (const byte of bytes) {
        one[0] = byte;
        expect(decoder.push(one)).toBe(0);
      }
      expect(cut.heard).toEqual(whole.heard);
      expect(cut.heard.length).toBeGreaterThan(5);
    }
  });

  test("is the same in random pieces with pauses between and within", () => {
    const whole = new RecordingHandler();
    new ServerDecoder(whole, 20_000).push(fromClient);
    const pieces = fc.array(fc.tuple(fc.integer({ min: 1, max: 4000 }), fc.boolean()), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(pieces, fc.nat({ max: 3 }), (list, rhythm) => {
        const handler = new RecordingHandler();
        const decoder = new ServerDecoder(handler, 20_000);
        handler.onHeard = () => {
          if (rhythm > 0 && handler.heard.length % rhythm === 0) decoder.pause();
        };
        let at = 0;
        for (const [size, resumes] of [...list, [fromClient.length, true] as const]) {
          expect(decoder.push(fromClient.subarray(at, at + size))).toBe(0);
          at += size;
          if (resumes) expect(decoder.resume()).toBe(0);
        }
        for (let turn = 0; turn < names.length; turn++) expect(decoder.resume()).toBe(0);
        expect(handler.heard).toEqual(whole.heard);
      }),
      { numRuns: 300 },
    );
  });

  test("nothing is heard while paused, and what piles up is bounded", () => {
    const handler = new RecordingHandler();
    const decoder = new ServerDecoder(handler, 1000);
    handler.onHeard = () => decoder.pause();
    decoder.push(Buffer.concat([encode.encodeConnect({ ...hello, protocolLevel: 4 }), encode.encodePingreq()]));
    expect(handler.heard).toHaveLength(1);
    for (let pushed = 0; pushed < 66_000; pushed += 1000) decoder.push(Buffer.alloc(1000, encode.encodePingreq()));
    expect(decoder.heldBytes).toBeLessThanOrEqual(66_536);
    expect(decoder.push(Buffer.alloc(1000))).toBe(0x97);
    expect([decoder.heldBytes, handler.heard.length]).toEqual([0, 1]);
  });

  test("a pause that ends within the handler holds nothing back", () => {
    const handler = new RecordingHandler();
    const decoder = new ServerDecoder(handler, 20_000);
    handler.onHeard = () => {
      decoder.pause();
      expect(decoder.resume()).toBe(0);
    };
    expect(decoder.push(fromClient)).toBe(0);
    expect(handler.heard).toHaveLength(names.length);
  });

  test("nothing after DISCONNECT, or after stop(), is read", () => {
    const handler = new RecordingHandler();
    const decoder = new ServerDecoder(handler, 20_000);
    expect(decoder.push(Buffer.concat([fromClient, encode.encodePingreq()]))).toBe(0);
    expect(decoder.push(Buffer.from([0xff]))).toBe(0);
    expect(handler.heard.at(-1)?.[0]).toBe("disconnect");
    const stopped = new RecordingHandler();
    const second = new ServerDecoder(stopped, 20_000);
    stopped.onHeard = () => second.stop();
    expect(second.push(fromClient)).toBe(0);
    expect([stopped.heard.length, second.heldBytes]).toEqual([1, 0]);
  });
});

describe("memory", () => {
  test("a peer that announces a large packet gets memory only for what it sent", () => {
    const decoder = new ServerDecoder(new RecordingHandler(), 1 << 28);
    decoder.push(encode.encodeConnect({ ...hello, protocolLevel: 4 }));
    const before = process.memoryUsage().arrayBuffers;
    decoder.push(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x3f, 0, 1, 0x61]));
    decoder.push(Buffer.alloc(1000));
    expect(decoder.heldBytes).toBe(1008);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  });

  test("a payload is a view of the read buffer, and its copy outlives it", () => {
    const chunk = Buffer.concat([encode.encodeConnect({ ...hello, protocolLevel: 4 }), encodePublish(message, 4)]);
    const seen: [Buffer, Buffer][] = [];
    class Keeper extends RecordingHandler {
      override onPublish(packet: PublishPacket): void {
        seen.push([packet.payload, packet.copyPayload()]);
      }
    }
    new ServerDecoder(new Keeper(), 1000).push(chunk);
    chunk.fill(0);
    const [view, copy] = seen[0] ?? [];
    expect(view).toEqual(Buffer.alloc(7));
    expect(copy?.toString()).toBe("payload");
  });
});

describe("bytes as the specification prints them", () => {
  test("CONNECT of 3.1.1 with will, user name and password (3.1.1 s3.1)", () => {
    const bytes = Buffer.from("101f00044d51545404ce000a000161000462796521000362796500027573000270 77".replaceAll(" ", ""), "hex");
    bytes[1] = bytes.length - 2;
    const handler = new RecordingHandler();
    expect(new ServerDecoder(handler, 1000).push(bytes)).toBe(0);
    const will = { topic: "bye!", payload: Uint8Array.from(Buffer.from("bye")), qos: 1, retain: false, properties: null };
    const expected = {
      protocolLevel: 4,
      cleanStart: true,
      keepAliveS: 10,
      clientId: "a",
      username: "us",
      password: Uint8Array.from(Buffer.from("pw")),
      will,
      properties: null,
    };
    expect(handler.heard).toEqual([["connect", expected]]);
    expect(encode.encodeConnect({ ...expected, protocolLevel: 4, will: { ...will, qos: 1 } })).toEqual(bytes);
  });

  test("CONNECT of 5.0 with Session Expiry Interval 10 (5.0 s3.1.2.12)", () => {
    const bytes = Buffer.from("101200044d5154540502000a05110000000a0000".replaceAll(" ", ""), "hex");
    const handler = new RecordingHandler();
    expect(new ServerDecoder(handler, 1000).push(bytes)).toBe(0);
    expect(handler.heard).toMatchObject([
      ["connect", { protocolLevel: 5, keepAliveS: 10, clientId: "", properties: { sessionExpiryIntervalS: 10 } }],
    ]);
  });

  test("PUBLISH to a/b with packet id 10 and no payload (3.1.1 s3.3.2.3)", () => {
    const bytes = encodePublish({ ...message, topic: "a/b", packetId: 10, payload: Buffer.alloc(0), retain: false }, 4);
    expect(bytes.toString("hex")).toBe("32070003612f62000a");
  });

  test("SUBSCRIBE to a/b and c/d (3.1.1 s3.8.3)", () => {
    const plain = { noLocal: false, retainAsPublished: false, retainHandling: 0 };
    const subscriptions = [
      { filter: "a/b", qos: 1 as const, ...plain },
      { filter: "c/d", qos: 2 as const, ...plain },
    ];
    const bytes = encode.encodeSubscribe({ packetId: 10, subscriptions, properties: null }, 4);
    expect(bytes.toString("hex")).toBe("820e000a0003612f62010003632f6402");
    expect(encode.encodeUnsubscribe({ packetId: 10, filters: ["a/b", "c/d"], properties: null }, 4).toString("hex")).toBe(
      "a20c000a0003612f620003632f64",
    );
    expect(encode.encodeSuback({ packetId: 10, reasonCodes: [0, 2, 0x87], properties: null }, 4).toString("hex")).toBe("9005000a000280");
  });

  test("the short packets", () => {
    expect(encode.encodePingreq().toString("hex")).toBe("c000");
    expect(encode.encodePingresp().toString("hex")).toBe("d000");
    expect(encode.encodeDisconnect({ reasonCode: 0, properties: null }, 5).toString("hex")).toBe("e000");
    expect(encode.encodeDisconnect({ reasonCode: 0x8e, properties: null }, 5).toString("hex")).toBe("e0028e00");
    expect(encode.encodeConnack({ sessionPresent: true, reasonCode: 0, properties: null }, 4).toString("hex")).toBe("20020100");
    expect(encode.encodeConnack({ sessionPresent: true, reasonCode: 0, properties: null }, 5).toString("hex")).toBe("2003010000");
    expect(encode.encodeUnsuback({ packetId: 10, reasonCodes: [0], properties: null }, 4).toString("hex")).toBe("b002000a");
    const target = Buffer.alloc(16);
    let at = 0;
    for (const type of [PacketType.Puback, PacketType.Pubrec, PacketType.Pubrel, PacketType.Pubcomp] as const)
      at = writeAck(target, at, type, 0x0102);
    expect(target.toString("hex")).toBe("40020102500201026202010270020102");
    expect(encode.encodePuback({ packetId: 1, reasonCode: 0x97, properties: null }, 5).toString("hex")).toBe("4003000197");
  });

  test("a topic with U+1F600 and a leading U+FEFF is kept as it is [MQTT-1.5.4-3]", () => {
    const handler = new RecordingHandler();
    const topic = "\ufeffA\u{1F600}\u{2A6D4}";
    new ServerDecoder(handler, 1000).push(
      Buffer.concat([encode.encodeConnect({ ...hello, protocolLevel: 4 }), encodePublish({ ...message, topic }, 4)]),
    );
    expect(handler.heard[1]).toMatchObject(["publish", { topic }]);
  });

  test("a topic is read right whatever topic came before it, and its bytes are still checked [MQTT-1.5.4-1]", () => {
    const topics = ["a/b", "a/b", "a/c", "b/b", "a/b/c", "a/b", "é", "a/b", "x".repeat(200), "x".repeat(200), "a", "/", "a"];
    const handler = new RecordingHandler();
    const decoder = new ServerDecoder(handler, 1000);
    decoder.push(encode.encodeConnect({ ...hello, protocolLevel: 4 }));
    for (const topic of topics) expect(decoder.push(encodePublish({ ...message, topic }, 4))).toBe(0);
    expect(handler.heard.slice(1).map((entry) => (entry[1] as { topic: string }).topic)).toEqual(topics);
    // U+00E9 has the code of byte E9, which alone is not UTF-8.
    decoder.push(encodePublish({ ...message, topic: "é" }, 4));
    expect(decoder.push(Buffer.from([0x30, 3, 0, 1, 0xe9]))).toBe(0x81);
  });

  test("an alias alone leaves the topic empty, for the session to fill in (MQTT 5 s3.3.2.3.4)", () => {
    const handler = new RecordingHandler();
    const decoder = new ServerDecoder(handler, 1000);
    decoder.push(encode.encodeConnect({ ...hello, protocolLevel: 5 }));
    decoder.push(encodePublish({ ...message, properties: { topicAlias: 1 } }, 5));
    decoder.push(encodePublish({ ...message, topic: "", properties: { topicAlias: 1 } }, 5));
    expect(handler.heard[2]).toMatchObject(["publish", { topic: "", properties: { topicAlias: 1 } }]);
  });
});
