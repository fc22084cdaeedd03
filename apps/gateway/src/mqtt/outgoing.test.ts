import { ProtocolLevel } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { useGateway } from "../fixture.test-support.ts";
import { openTcp } from "../mqtt-client.test-support.ts";
import { Outgoing } from "./outgoing.ts";
import { WriteGatherer } from "./write-gatherer.ts";

function bytesOf(taken: Buffer | Buffer[] | null): Buffer {
  return taken === null ? Buffer.alloc(0) : Buffer.concat([taken].flat());
}

/** A generator of its own, so that a failure comes again: xorshift32. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

describe("what connections have to say", () => {
  test.each([1, 2, 3])("leaves whole and in order, whatever others say in buffers that came back (seed %i)", (seed) => {
    const roll = dice(seed);
    const gatherer = new WriteGatherer();
    const several = Array.from({ length: 8 }, () => ({ outgoing: new Outgoing(gatherer), said: "" }));
    /** Taken, and not read yet: their bytes must not change. */
    const unread: { readonly bytes: Buffer | Buffer[]; readonly said: string }[] = [];
    for (let round = 0; round < 3_000; round++) {
      const one = several[roll(several.length)];
      if (one === undefined) throw new Error("out of range");
      const text = String.fromCharCode(97 + roll(26)).repeat(1 + roll(roll(50) === 0 ? 90_000 : 600));
      one.outgoing.put(Buffer.from(text, "latin1"));
      one.said += text;
      expect(one.outgoing.bytes).toBe(one.said.length);
      if (roll(4) !== 0) continue;
      const bytes = one.outgoing.take() ?? Buffer.alloc(0);
      if (roll(3) === 0) unread.push({ bytes, said: one.said });
      else expect(bytesOf(bytes).toString("latin1") === one.said).toBe(true);
      one.outgoing.giveBack(!unread.some((other) => other.bytes === bytes));
      one.said = "";
      if (unread.length > 20) {
        const oldest = unread.shift();
        expect(bytesOf(oldest?.bytes ?? null).toString("latin1") === oldest?.said).toBe(true);
      }
    }
  });

  test("needs no new memory once buffers have come back", () => {
    const gatherer = new WriteGatherer();
    const [a, b] = [0, 1].map(() => new Outgoing(gatherer)) as [Outgoing, Outgoing];
    a.put(Buffer.alloc(10));
    const first = a.buffer;
    a.take();
    a.giveBack(true);
    b.put(Buffer.alloc(10));
    expect(b.buffer).toBe(first);
  });
});

describe("over sockets", () => {
  const fixture = useGateway();

  test("what the kernel does not take at once arrives unchanged, while others are written to", async () => {
    await fixture.restart({ stalledMs: 60_000 });
    const { mqttDev } = fixture.harness.gateway.addresses;
    const slow = openTcp(mqttDev, ProtocolLevel.V311);
    const quick = openTcp(mqttDev, ProtocolLevel.V311);
    const publisher = openTcp(mqttDev, ProtocolLevel.V311);
    fixture.clients.push(slow, quick, publisher);
    for (const [client, clientId] of [
      [slow, "slow"],
      [quick, "quick"],
      [publisher, "publisher"],
    ] as const)
      await client.signOn({ clientId });
    await slow.subscribe("load/slow");
    await quick.subscribe("load/quick");
    slow.socket.pause();
    for (let number = 0; number < 100; number++) {
      publisher.publish("load/slow", String(number).padStart(2).repeat(25_000));
      for (let i = 0; i < 20; i++) publisher.publish("load/quick", "x".repeat(3_000), 0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => quick.messages.length).toBeGreaterThan(500);
    slow.socket.resume();
    await expect.poll(() => slow.messages.length).toBe(100);
    for (const [number, { payload }] of slow.messages.entries()) expect(payload === String(number).padStart(2).repeat(25_000)).toBe(true);
  });
});
