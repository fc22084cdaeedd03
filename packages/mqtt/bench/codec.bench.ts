// Nanoseconds per decoded, encoded and matched message: `node packages/mqtt/bench/codec.bench.ts`. The best of 10 rounds is printed.
import {
  encodeConnack,
  encodeConnect,
  encodeForFanOut,
  encodePublish,
  type PublishPacket,
  publishSize,
  type Qos,
  ServerDecoder,
  type ServerPacketHandler,
  SubscriptionTrie,
  writeAck,
  writeEncoded,
  writePublish,
} from "../src/index.ts";

const OPERATIONS = 200_000;
let sink = 0;

function bench(name: string, run: (operations: number) => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    const start = process.hrtime.bigint();
    run(OPERATIONS);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / OPERATIONS);
  }
  console.log(`${name.padEnd(76)} ${best.toFixed(1).padStart(8)} ns`);
}

/** What a session does at least: find what the topic means and where the payload is. */
const meanings = new Map<string, number>();
const handler: ServerPacketHandler = {
  onPublish(packet: PublishPacket) {
    sink += (meanings.get(packet.topic) ?? 0) + packet.payloadEnd - packet.payloadStart + packet.packetId;
  },
  onPuback(packetId) {
    sink += packetId;
  },
  onPubrec: () => undefined,
  onPubrel: () => undefined,
  onPubcomp: () => undefined,
  onDisconnect: () => undefined,
  onAuth: () => undefined,
  onConnect: () => undefined,
  onSubscribe: () => undefined,
  onUnsubscribe: () => undefined,
  onPingreq: () => undefined,
};

const hello = { cleanStart: true, keepAliveS: 0, clientId: "bench", username: null, password: null, will: null, properties: null };
const payload = Buffer.alloc(64, 120);

function message(number: number, qos: Qos, properties: { messageExpiryIntervalS: number; userProperties: [string, string][] } | null) {
  // Through bytes, as topics come from the wire: a string glued together from parts is slower to read.
  const topic = Buffer.from(`load/site/${String(number).padStart(6, "0")}/value`).toString();
  return { topic, payload, qos, retain: false, dup: false, packetId: qos === 0 ? 0 : number + 1, properties };
}

for (let number = 0; number < 64; number++) meanings.set(message(number, 0, null).topic, number);
for (const level of [4, 5] as const) {
  for (const topics of [1, 64]) {
    const packets = Array.from({ length: 64 }, (_, number) => encodePublish(message(number % topics, 1, null), level));
    const decoder = new ServerDecoder(handler, 65_536);
    decoder.push(encodeConnect({ ...hello, protocolLevel: level }));
    const chunk = Buffer.concat(packets);
    bench(`decode PUBLISH and look its topic up, level ${level}, topics: ${topics}, 64 a chunk`, (n) => {
      for (let at = 0; at < n; at += 64) decoder.push(chunk);
    });
    bench(`decode PUBLISH and look its topic up, level ${level}, topics: ${topics}, 1 a chunk`, (n) => {
      for (let at = 0; at < n; at++) decoder.push(packets[at & 63] as Buffer);
    });
  }
}
{
  const decoder = new ServerDecoder(handler, 65_536);
  decoder.push(encodeConnect({ ...hello, protocolLevel: 5 }));
  const properties = { messageExpiryIntervalS: 60, userProperties: [["trace", "0123456789"]] as [string, string][] };
  const chunk = Buffer.concat(Array.from({ length: 64 }, (_, number) => encodePublish(message(number, 1, properties), 5)));
  bench("decode PUBLISH with an expiry and a user property", (n) => {
    for (let at = 0; at < n; at += 64) decoder.push(chunk);
  });
  const acks = Buffer.alloc(256);
  for (let at = 0; at < 256; at += 4) writeAck(acks, at, 4, at + 1);
  bench("decode PUBACK, 64 a chunk", (n) => {
    for (let at = 0; at < n; at += 64) decoder.push(acks);
  });
}
const pending = Buffer.allocUnsafeSlow(65_536);
for (const qos of [0, 1] as const) {
  const sent = message(1, qos, null);
  bench(`encode PUBLISH QoS ${qos} into a pending buffer`, (n) => {
    for (let at = 0, offset = 0; at < n; at++) {
      if (offset + publishSize(sent, 4) > pending.length) offset = 0;
      offset = writePublish(pending, offset, sent, 4);
    }
  });
  const encoded = encodeForFanOut(sent, 4);
  bench(`write an encoded PUBLISH QoS ${qos} into a pending buffer`, (n) => {
    for (let at = 0, offset = 0; at < n; at++) {
      if (offset + encoded.bytes.length > pending.length) offset = 0;
      offset = writeEncoded(pending, offset, encoded, at & 0xffff);
    }
  });
}
bench("write PUBACK into a pending buffer", (n) => {
  for (let at = 0; at < n; at++) sink += writeAck(pending, (at & 16_383) * 4, 4, at & 0xffff);
});
bench("encode CONNACK", (n) => {
  for (let at = 0; at < n; at++) sink += encodeConnack({ sessionPresent: false, reasonCode: 0, properties: null }, 5).length;
});

function shape(group: string, number: number, isFilter: boolean): string {
  switch (number & 3) {
    case 0:
      return `subs/${group}/d${number}/temp`;
    case 1:
      return `subs/${group}/${isFilter ? "+" : "x"}/m${number}`;
    case 2:
      return `subs/${isFilter ? "+" : "y"}/${group}/k${number}`;
    default:
      return `subs/${group}/k${number}/${isFilter ? "#" : "a/b"}`;
  }
}

const topics = Array.from({ length: 20_000 }, (_, number) => shape(`g${number % 500}`, (number * 7) % 200, false));
for (const cacheBytesMax of [0, 8 << 20]) {
  const before = process.memoryUsage().heapUsed;
  const trie = new SubscriptionTrie<object, object>(cacheBytesMax);
  for (let group = 0; group < 500; group++) {
    for (let number = 0; number < 200; number++) {
      const subscriber = topics;
      trie.add(shape(`g${group}`, number, true), subscriber, subscriber);
    }
  }
  if (cacheBytesMax === 0)
    console.log(`100,000 subscriptions: ${((process.memoryUsage().heapUsed - before) / 100_000).toFixed(0)} bytes each (garbage included)`);
  bench(`match, 100,000 filters, 20,000 topics, cache of ${cacheBytesMax} bytes`, (n) => {
    for (let at = 0; at < n; at++) sink += trie.match(topics[at % 20_000] as string).length;
  });
}
if (sink === 0) throw new Error("nothing was measured");
