import { encodeConnect, encodePublish, type Properties, ProtocolLevel, ServerDecoder } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { type Message, messageOfPacket } from "./message.ts";
import { messageOfStored, storedMessage } from "./stored.ts";

/** The message of a packet that came over the wire. */
function messageOf(level: ProtocolLevel, topic: string, payload: string, properties: Properties | null): Message {
  let message: Message | undefined;
  const unused = (): never => {
    throw new Error("only a PUBLISH was sent");
  };
  const decoder = new ServerDecoder(
    {
      ...{ onConnect: () => undefined, onPuback: unused, onPubrec: unused, onPubrel: unused, onPubcomp: unused, onSubscribe: unused },
      ...{ onUnsubscribe: unused, onPingreq: unused, onDisconnect: unused, onAuth: unused },
      onPublish: (packet) => {
        message = messageOfPacket(packet, topic, level === ProtocolLevel.V5, 1_000);
      },
    },
    1_000_000,
  );
  const nobody = { username: null, password: null, will: null, properties: null };
  decoder.push(encodeConnect({ protocolLevel: level, cleanStart: true, keepAliveS: 0, clientId: "c", ...nobody }));
  const packet = { topic, payload: Buffer.from(payload), qos: 1, retain: false, dup: false, packetId: 1, properties } as const;
  expect(decoder.push(encodePublish(packet, level))).toBe(0);
  return message as Message;
}

describe("a message", () => {
  test.each<[string, ProtocolLevel, Properties | null]>([
    ["of 3.1.1", ProtocolLevel.V311, null],
    ["of 5.0", ProtocolLevel.V5, null],
    ["with properties", ProtocolLevel.V5, { contentType: "text", userProperties: [["a", "b"]], correlationData: Buffer.from([1]) }],
    ["that expires", ProtocolLevel.V5, { messageExpiryIntervalS: 60, contentType: "text" }],
  ])(
    "%s weighs as much when it comes back from the store as when it went there: what a queue is charged is what it is given back",
    (_what, level, properties) => {
      const message = messageOf(level, "a/ö", "payload", properties);
      expect(messageOfStored(storedMessage(message, "t", 1_000), false).bytes).toBe(message.bytes);
      expect(message.bytes).toBeGreaterThan(256 + 7);
    },
  );
});
