import { type AppendAck, type AppendFrame, type Caller, type NewRecord, PlatformError } from "@mooring/contracts";
import { pause, silentLog } from "@mooring/kit";
import { afterEach, describe, expect, test } from "vitest";
import { GatewayCounters } from "./counters.ts";
import { deviceNamed } from "./harness.test-support.ts";
import { createMessageId } from "./message-id.ts";
import { Appended, UplinkStream, type UplinkStreamOptions } from "./uplink-stream.ts";

/** A log that stores an id once, and fails when told. */
class Log {
  readonly stored: string[] = [];
  frames = 0;
  streams = 0;
  isHeld = false;
  saysOffsets = true;
  /** Of a frame that it refuses as a whole. */
  saysWhich = true;
  /** So many more streams take frames and never say anything again. */
  hangs = 0;
  /** The stream breaks after so many more frames were stored, before they are acknowledged. */
  breakAfter = Number.POSITIVE_INFINITY;
  refuses: (body: string) => boolean = () => false;

  async *append(_caller: Caller, frames: AsyncIterable<AppendFrame>): AsyncGenerator<AppendAck> {
    this.streams++;
    for await (const { sequence, records } of frames) {
      while (this.isHeld) await pause(1);
      if (this.hangs > 0) {
        this.hangs--;
        await new Promise(() => undefined);
      }
      this.frames++;
      const refused = records.flatMap(({ body }, index) => (this.refuses(body) ? [{ index, reason: `no ${body}` }] : []));
      if (refused.length === records.length) {
        yield { sequence, error: "refused", ...(this.saysWhich ? { refused } : {}) };
        continue;
      }
      for (const { body } of records) if (!this.refuses(body) && !this.stored.includes(body)) this.stored.push(body);
      if (--this.breakAfter <= 0) {
        this.breakAfter = Number.POSITIVE_INFINITY;
        throw new PlatformError("unavailable", "broken");
      }
      yield { sequence, ...(this.saysOffsets ? { lastOffset: this.stored.length } : {}), refused };
    }
  }
}

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});

function setUp(options: UplinkStreamOptions = {}) {
  const events = new Log();
  const counters = new GatewayCounters();
  const congestion: boolean[] = [];
  const stream = new UplinkStream({ events, counters, log: silentLog, options, onCongestion: (congested) => congestion.push(congested) });
  running.push(stream.start());
  const outcomes: string[] = [];
  const offsets: number[] = [];
  const reasons: string[] = [];
  const append = (body: string): boolean => {
    const record: NewRecord = { messageId: createMessageId(1), device: deviceNamed("d"), kind: "message", receivedAtMs: 1, body };
    const onAppended = (outcome: Appended, lastOffset: number, reason?: string): void => {
      outcomes.push(`${body}:${outcome}`);
      if (reason !== undefined) reasons.push(reason);
      offsets.push(lastOffset);
    };
    return stream.append(record, { onAppended });
  };
  return { events, counters, offsets, reasons, congestion, stream, outcomes, append };
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `m${i}`);

describe("the uplink stream", () => {
  test("what is said in one tick leaves in frames of at most 500, and is told in order once committed", async () => {
    const { events, outcomes, append, counters } = setUp();
    for (const name of names(1_200)) append(name);
    await expect.poll(() => outcomes.length).toBe(1_200);
    expect(outcomes).toEqual(names(1_200).map((name) => `${name}:${Appended.Stored}`));
    expect(events.stored).toEqual(names(1_200));
    expect(events.frames).toBe(3);
    expect([counters.recordsAppended, counters.recordsCommitted]).toEqual([1_200, 1_200]);
  });

  test("a stream that broke before the acknowledgement is opened again, and everything is stored once, in order", async () => {
    const { events, outcomes, append } = setUp();
    events.breakAfter = 2;
    for (let i = 0; i < 20; i++) {
      append(`m${i}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => outcomes.length).toBe(20);
    expect(events.streams).toBe(2);
    expect(events.stored).toEqual(names(20));
    expect(outcomes).toEqual(names(20).map((name) => `${name}:${Appended.Stored}`));
  });

  test("a log that acknowledges nothing is given up: all that waits fails, and what comes later goes through a new stream", async () => {
    const { events, outcomes, append } = setUp({ giveUpMs: 300 });
    events.isHeld = true;
    append("lost");
    await expect.poll(() => outcomes).toEqual([`lost:${Appended.Failed}`]);
    events.isHeld = false;
    append("next");
    await expect.poll(() => outcomes).toEqual([`lost:${Appended.Failed}`, `next:${Appended.Stored}`]);
  });

  test("a stream that hangs for good is left: what waits fails, and a new stream takes what comes, without a restart", async () => {
    const { events, outcomes, append } = setUp({ giveUpMs: 300 });
    events.hangs = 1;
    append("lost");
    await expect.poll(() => outcomes).toEqual([`lost:${Appended.Failed}`]);
    append("next");
    await expect.poll(() => outcomes).toEqual([`lost:${Appended.Failed}`, `next:${Appended.Stored}`]);
    expect(events.streams).toBe(2);
  });

  test("stopping does not wait for a stream that hangs", async () => {
    const { events, outcomes, append } = setUp();
    events.hangs = 1;
    append("lost");
    await running.pop()?.stop();
    expect(outcomes).toEqual([`lost:${Appended.Failed}`]);
  });

  test("a stored message is told an offset at or after its own; one of which the log says nothing, -1", async () => {
    const { events, offsets, append } = setUp();
    append("a");
    append("b");
    await expect.poll(() => offsets).toEqual([2, 2]);
    append("c");
    await expect.poll(() => offsets).toEqual([2, 2, 3]);
    events.saysOffsets = false;
    append("d");
    await expect.poll(() => offsets).toEqual([2, 2, 3, -1]);
  });

  test("a frame the log refuses fails alone", async () => {
    const { events, outcomes, append } = setUp();
    events.refuses = (body) => body === "bad";
    append("bad");
    await new Promise((resolve) => setImmediate(resolve));
    append("good");
    await expect.poll(() => outcomes).toEqual([`bad:${Appended.Refused}`, `good:${Appended.Stored}`]);
  });

  test("a record the log refuses fails alone, with its reason; the others of its frame are told as stored, in order, and nothing is left waiting", async () => {
    const { events, outcomes, append, counters, offsets, reasons, stream } = setUp();
    events.refuses = (body) => body.startsWith("bad");
    const bodies = ["a", "bad 1", "b", "bad 2", "c"];
    for (const body of bodies) append(body);
    await expect.poll(() => outcomes.length).toBe(5);
    expect(outcomes).toEqual(bodies.map((body) => `${body}:${body.startsWith("bad") ? Appended.Refused : Appended.Stored}`));
    expect(offsets).toEqual([3, -1, 3, -1, 3]);
    expect(reasons).toEqual(["no bad 1", "no bad 2"]);
    expect([counters.recordsCommitted, counters.recordsRefused, stream.pending]).toEqual([3, 2, 0]);
  });

  test("a log that does not say which records of a frame it refused has refused them all", async () => {
    const { events, outcomes, append, reasons } = setUp();
    events.refuses = () => true;
    events.saysWhich = false;
    for (const body of ["a", "b"]) append(body);
    await expect.poll(() => outcomes).toEqual([`a:${Appended.Refused}`, `b:${Appended.Refused}`]);
    expect(reasons).toEqual(["refused", "refused"]);
  });

  test("it takes no more than its caps; from half of them on it sheds, and from three quarters on it is congested", async () => {
    const { events, outcomes, append, congestion, stream } = setUp({ recordsMax: 8 });
    events.isHeld = true;
    const states = names(10).map((name) => [append(name), stream.isShedding, stream.congested]);
    expect(states).toEqual([
      ...Array<boolean[]>(4).fill([true, false, false]),
      ...Array<boolean[]>(2).fill([true, true, false]),
      ...Array<boolean[]>(2).fill([true, true, true]),
      ...Array<boolean[]>(2).fill([false, true, true]),
    ]);
    events.isHeld = false;
    await expect.poll(() => outcomes.length).toBe(8);
    expect([congestion, stream.congested, stream.isShedding]).toEqual([[true, false], false, false]);
    const bytes = setUp({ bytesMax: 1_000 });
    bytes.events.isHeld = true;
    expect([bytes.append("x".repeat(700)), bytes.append("x".repeat(700))]).toEqual([true, false]);
    bytes.events.isHeld = false;
  });

  test("stopping waits for what is on its way", async () => {
    const { outcomes, append } = setUp();
    append("last");
    await running.pop()?.stop();
    expect(outcomes).toEqual([`last:${Appended.Stored}`]);
  });
});
