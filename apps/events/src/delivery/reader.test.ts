import { type LogRecord, PlatformError } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { until } from "@mooring/testkit";
import { afterEach, expect, test } from "vitest";
import { Signal } from "../signal.ts";
import { makeDevice, makeGroup, makeRecord, offsetsOf, pullAll } from "./fixture.test-support.ts";
import type { GroupMember } from "./member.ts";
import { Reader } from "./reader.ts";

const device = makeDevice();
const readers: Reader[] = [];
afterEach(() => {
  for (const reader of readers.splice(0)) reader.stop();
});

/** A log in memory whose reads can be held up. */
function setUp(first = 1) {
  const records: LogRecord[] = [];
  const appended = new Signal();
  const lost: number[] = [];
  let held: Promise<void> | undefined;
  let reads = 0;
  const log = {
    async read(after: number, limit: number): Promise<readonly LogRecord[]> {
      reads++;
      const found = records.filter(({ offset }) => offset > after).slice(0, limit);
      const waiting = held;
      held = undefined;
      await waiting;
      return found;
    },
    first: async () => first,
  };
  const tags = {
    known: () => undefined,
    load: async () => undefined,
    ask: async () => tags,
    start: () => ({ stop: async () => undefined }),
  };
  const reader = new Reader({ log, appended, tags, logger: silentLog, onLost: (_, count) => lost.push(count) });
  readers.push(reader);
  return {
    reader,
    lost,
    reads: () => reads,
    append(...offsets: readonly number[]): void {
      records.push(...offsets.map((offset) => makeRecord(offset, device)));
      appended.notify();
    },
    /** The next read finds what there is now and answers when the function is called. */
    holdNextRead(): () => void {
      const gate = Promise.withResolvers<void>();
      held = gate.promise;
      return gate.resolve;
    },
    group(position: number) {
      const made = makeGroup({ onRoom: (full) => reader.fill(full) });
      made.group.position = position;
      const member = made.join();
      reader.fill(made.group);
      return { ...made, member };
    },
  };
}

test("a group that has read further than the head, while the head was waiting for a read, gets nothing twice", async () => {
  const { reader, append, holdNextRead, group } = setUp();
  const first = group(0);
  await until("the first to catch up", () => reader.isAtEnd(first.group));
  const go = holdNextRead();
  append(1, 2, 3);
  await until("the head to read", async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  });
  const second = group(0);
  await until("the second to catch up", () => reader.isAtEnd(second.group));
  go();
  append(4);
  await until("all", () => first.group.inFlight() === 4 && second.group.inFlight() === 4);
  expect(offsetsOf(await pullAll(first.member))).toEqual([1, 2, 3, 4]);
  expect(offsetsOf(await pullAll(second.member))).toEqual([1, 2, 3, 4]);
});

test("a group catches up over a gap of offsets that the head is behind already, without reading in circles", async () => {
  const { reader, append, reads, group } = setUp();
  append(1, 2);
  const ahead = group(1_000);
  await until("the first to catch up", () => reader.isAtEnd(ahead.group));
  const behind = group(1);
  await until("the second to catch up", () => reader.isAtEnd(behind.group));
  const before = reads();
  expect(before).toBeLessThan(20);
  append(1_001);
  await until("both", () => ahead.group.inFlight() === 1 && behind.group.inFlight() === 2);
  expect(offsetsOf(await pullAll(behind.member))).toEqual([2, 1_001]);
});

test("a group without room does not hold up the others, and reads on by itself when it has room", async () => {
  const { reader, append, group } = setUp();
  const slow = group(0);
  const good = group(0);
  await until("both to catch up", () => reader.isAtEnd(slow.group) && reader.isAtEnd(good.group));
  for (let offset = 1; offset <= 5_000; offset += 500) {
    append(...Array.from({ length: 500 }, (_, i) => offset + i));
    await until("the good one", () => good.group.inFlight() === 500);
    good.group.acknowledge(good.member, offsetsOf(await pullAll(good.member)));
  }
  expect(slow.group.window.size).toBe(2_000);
  const seen: number[] = [];
  while (seen.length < 5_000) {
    await until("more", () => slow.group.inFlight() > 0);
    const offsets = offsetsOf(await pullAll(slow.member));
    seen.push(...offsets);
    slow.group.acknowledge(slow.member, offsets);
  }
  expect(seen).toEqual(Array.from({ length: 5_000 }, (_, i) => i + 1));
  await until("it to have caught up", () => reader.isAtEnd(slow.group));
});

test("what retention has removed is counted once, and reading goes on behind it", async () => {
  const { reader, append, lost, group } = setUp(101);
  append(150, 160);
  const late = group(20);
  await until("it to catch up", () => reader.isAtEnd(late.group));
  expect(lost).toEqual([80]);
  expect(offsetsOf(await pullAll(late.member))).toEqual([150, 160]);
});

test("set to another place while a read is under way, what that read finds is not taken", async () => {
  const { reader, append, holdNextRead, group } = setUp();
  append(1, 2, 3, 4);
  const go = holdNextRead();
  const moved = group(0);
  reader.detach(moved.group);
  moved.group.reset(2, new PlatformError("unavailable", "moved"));
  const member = moved.group.join(false, undefined) as GroupMember;
  go();
  await until("it to catch up", () => reader.isAtEnd(moved.group));
  expect(offsetsOf(await pullAll(member))).toEqual([3, 4]);
});
