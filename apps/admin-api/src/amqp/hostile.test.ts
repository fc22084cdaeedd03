import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createHarness, type Harness } from "./harness.test-support.ts";
import { checkValue } from "./values.ts";
import * as wire from "./wire.test-support.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await createHarness();
});
afterEach(() => harness.stop());

const { open, begin, attach, flow, frame, performative, uint, nothing } = wire;
const linked = [open(), begin(), attach("l", 0)];
/** Four billion values that have no bytes. */
const emptyArray = Buffer.from([0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40]);
const greedyList = Buffer.from([0xd0, 0, 0, 0, 4, 0x02, 0, 0, 0]);
const deep = Buffer.concat([...Array.from({ length: 40 }, (_, i) => Buffer.from([0xc0, 2 + 3 * (39 - i), 1])), Buffer.from([0x45])]);

const cases: readonly [title: string, frames: readonly Buffer[], said: string][] = [
  ["an array of four billion empty values", [frame(performative(0x10, [emptyArray]))], ""],
  ["a list that claims more elements than it has bytes", [frame(performative(0x10, [greedyList]))], ""],
  ["values nested 40 deep", [frame(performative(0x10, [deep]))], ""],
  ["a frame that claims 4 GB", [Buffer.from([0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0])], ""],
  ["a frame smaller than its head", [Buffer.from([0, 0, 0, 4, 2, 0, 0, 0])], ""],
  ["a frame without a performative", [frame(Buffer.from([0x45]))], ""],
  ["a performative nobody knows", [frame(performative(0x99, []))], ""],
  ["a SASL frame after the sign-on", [open(), wire.saslInit("PLAIN", "x")], ""],
  ["a session before the open", [begin()], ""],
  ["frames of ten bytes", [open(uint(10))], "max-frame-size must be at least 512"],
  ["a sign of life every millisecond", [open(nothing, uint(1))], "idle-time-out must be at least 1000 ms"],
  ["a second open", [open(), open()], "amqp:decode-error"],
  [
    "an answer to a session that was not begun",
    [open(), frame(performative(0x11, [wire.ushort(0), uint(0), uint(1), uint(1)]))],
    "amqp:decode-error",
  ],
  ["two sessions on one channel", [open(), begin(), begin()], "amqp:decode-error"],
  ["a ninth session", [open(), ...Array.from({ length: 9 }, (_, i) => begin(i))], "amqp:resource-limit-exceeded"],
  ["links without end", [open(), begin(), ...Array.from({ length: 60 }, (_, i) => attach(`l${i}`, i))], "amqp:resource-limit-exceeded"],
  ["a link whose name is __proto__", [open(), begin(), attach("__proto__", 0)], "amqp:decode-error"],
  ["a handle of four billion", [open(), begin(), attach("l", 0xffff_ffff)], "amqp:decode-error"],
  ["credit that is no number", [...linked, flow({ credit: wire.text("many") })], "amqp:decode-error"],
  ["a disposition of four billion deliveries", [...linked, wire.disposition(uint(0), uint(0xffff_ffff))], "amqp:resource-limit-exceeded"],
  ["a disposition in an unknown state", [...linked, wire.disposition(uint(0), uint(0), performative(0x34, []))], "amqp:not-implemented"],
  ["a message", [...linked, wire.transfer()], "amqp:not-allowed"],
];

test.each(cases)("%s ends the connection at once, and nobody else's", async (_, frames, said) => {
  const came = await wire.talk(harness.port, [...wire.signedOn, ...frames]);
  expect(came.toString("latin1")).toContain(said);
  const receiver = harness.connect().open_receiver({ source: "default" });
  await once(receiver, "receiver_open");
});

test("credit below zero, drained, does not stop the process", async () => {
  for (let i = 0; i < 5; i++) harness.subscription.say();
  const socket = connect(harness.port, "127.0.0.1");
  socket.write(Buffer.concat([...wire.signedOn, ...linked, flow({ credit: uint(5) })]));
  let came = "";
  socket.on("data", (chunk: Buffer) => {
    came += chunk.toString("latin1");
  });
  await expect.poll(() => came).toContain("message 5");
  // Five were sent; a client that counts none and gives none says that it owes five.
  socket.write(flow({ count: uint(0), credit: uint(0), drain: wire.yes }));
  const drained = once(socket, "data");
  socket.write(flow({ count: uint(5), credit: uint(3), drain: wire.yes }));
  await drained;
  const receiver = harness.connect().open_receiver({ source: "default" });
  await once(receiver, "receiver_open");
  socket.destroy();
});

test("a client that gives credit and does not read gets no more than fits on the way; others get the rest", async () => {
  const socket = connect(harness.port, "127.0.0.1");
  socket.pause();
  socket.write(Buffer.concat([...wire.signedOn, ...linked, flow({ credit: uint(100_000), window: uint(0xffff_ffff) })]));
  await expect.poll(() => harness.subscription.openStreams).toBe(1);
  const body = JSON.stringify({ topic: "t", payloadBase64: Buffer.alloc(100_000).toString("base64") });
  const total = 300;
  for (let i = 0; i < total; i++) harness.subscription.say({ body });
  await expect.poll(() => harness.subscription.underWay).toBeGreaterThan(10);
  harness.connect().open_receiver({ source: "default" });
  await expect.poll(() => harness.subscription.acknowledged.length + harness.subscription.underWay).toBe(total);
  // 8 MB unsettled and 2 MB read ahead, of 30 MB.
  expect(harness.subscription.underWay).toBeLessThan(110);
  socket.destroy();
  await expect.poll(() => harness.subscription.acknowledged.length).toBe(total);
});

describe("before the sign-on", () => {
  test("a frame above 4 KB ends the connection", async () => {
    const came = await wire.talk(harness.port, [wire.saslHeader, frame(Buffer.alloc(5_000), { type: 1 })]);
    expect(came.toString("latin1")).not.toContain("\x00\x53\x44");
  });
  test("an array of four billion empty values ends the connection", async () => {
    await wire.talk(harness.port, [wire.saslHeader, frame(performative(0x41, [emptyArray]), { type: 1 })]);
  });
  test("bytes of another protocol are answered with ours, and the end [AMQP-2.2]", async () => {
    expect(await wire.talk(harness.port, [Buffer.from("GET / HTTP/1.1\r\n\r\n")])).toEqual(wire.saslHeader);
    expect(await wire.talk(harness.port, [wire.amqpHeader])).toEqual(wire.saslHeader);
  });
});

test("values within their bounds pass, whatever their type", () => {
  const fine = [
    "40",
    "5601",
    "6000ff",
    "7000000001",
    "8000000000000000ff",
    "98".padEnd(34, "0"),
    "a10161",
    "b00000000161",
    "45",
    "c1050240a10161",
  ];
  for (const hex of [...fine, "e0040250ff01", "f0000000050000000240", "005324c00100"]) {
    const bytes = Buffer.from(hex, "hex");
    expect(() => checkValue(bytes, 0), hex).not.toThrow();
  }
  for (const hex of ["", "00", "30", "a105aa", "c0030140", "c0020241", "e0030250ff", "0040"]) {
    const bytes = Buffer.from(hex, "hex");
    expect(() => checkValue(bytes, 0), hex).toThrow();
  }
});
