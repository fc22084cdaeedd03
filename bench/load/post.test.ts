import { ClientDecoder, encodeConnack, ProtocolLevel, type PublishPacket } from "@mooring/mqtt";
import { expect, test } from "vitest";
import { Post, temperatureSteps } from "./post.ts";

/** What a receiver would see of the messages with these sequence numbers. */
function seen(post: Post, sequences: readonly number[]): { topic: string; packetId: number; payload: Record<string, unknown> }[] {
  const messages: { topic: string; packetId: number; payload: Record<string, unknown> }[] = [];
  const ignore = () => undefined;
  const decoder = new ClientDecoder(
    {
      onPublish: ({ topic, packetId, payload }: PublishPacket) =>
        void messages.push({ topic, packetId, payload: JSON.parse(payload.toString()) as Record<string, unknown> }),
      onPuback: ignore,
      onPubrec: ignore,
      onPubrel: ignore,
      onPubcomp: ignore,
      onDisconnect: ignore,
      onAuth: ignore,
      onConnack: ignore,
      onSuback: ignore,
      onUnsuback: ignore,
      onPingresp: ignore,
    },
    65_536,
    ProtocolLevel.V311,
  );
  decoder.push(encodeConnack({ sessionPresent: false, reasonCode: 0, properties: null }, ProtocolLevel.V311));
  const target = Buffer.alloc(post.bytes * sequences.length);
  let at = 0;
  for (const sequence of sequences) at = post.write(target, at, sequence, (sequence % 65_535) + 1);
  expect(decoder.push(target)).toBe(0);
  return messages;
}

test("each message carries its own packet id, envelope id and temperature, and is JSON", () => {
  const messages = seen(new Post("/sys/pk/dn/thing/event/property/post", false), [0, 1, temperatureSteps - 1, temperatureSteps, 123_456]);
  expect(messages.map(({ packetId }) => packetId)).toEqual([1, 2, 9_000, 9_001, 57_922]);
  expect(messages.map(({ payload }) => payload["id"])).toEqual(["0000000000", "0000000001", "0000008999", "0000009000", "0000123456"]);
  const temperatures = messages.map(({ payload }) => (payload["params"] as { Temperature: number }).Temperature);
  expect(temperatures).toEqual([10, 10.01, 99.99, 10, 74.56]);
  for (const { topic, payload } of messages) {
    expect(topic).toBe("/sys/pk/dn/thing/event/property/post");
    expect(payload).toMatchObject({ version: "1.0", sys: { ack: 0 }, params: { Mode: "heat" }, method: "thing.event.property.post" });
  }
});

test("a reply is asked for with sys.ack", () => {
  expect(seen(new Post("/sys/pk/dn/thing/event/property/post", true), [0])[0]?.payload["sys"]).toEqual({ ack: 1 });
});
