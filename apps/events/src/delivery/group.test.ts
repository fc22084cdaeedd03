import { describe, expect, test } from "vitest";
import { moved } from "./errors.ts";
import { createFace } from "./face.ts";
import { makeDevice, makeGroup, makeRecord, offsetsOf, pullAll } from "./fixture.test-support.ts";
import { groupRecordsMax, memberWindowMax, readAheadMax } from "./limits.ts";

const a = makeDevice();
const b = makeDevice();

describe("acknowledgements", () => {
  test("the cursor is below the first record that is not done, wherever others are", async () => {
    const { group, offer, join, cursor } = makeGroup();
    const member = join();
    offer(makeRecord(3, a), makeRecord(5, b), makeRecord(9, a));
    expect(offsetsOf(await pullAll(member))).toEqual([3, 5, 9]);
    group.acknowledge(member, [5, 9]);
    expect(cursor()).toBe(2);
    group.acknowledge(member, [3]);
    expect(cursor()).toBe(9);
  });

  test("an acknowledgement up to an offset covers everything sent before, and nothing that was only queued", async () => {
    const { group, offer, join, cursor } = makeGroup();
    const member = join();
    offer(makeRecord(1, a), makeRecord(2, b), makeRecord(3, a));
    await member.next();
    await member.next();
    group.acknowledgeUpTo(member, 2);
    expect(cursor()).toBe(2);
    expect(() => group.acknowledgeUpTo(member, 3)).toThrow("/acknowledgedOffset");
  });

  test("an acknowledgement up to an offset does not cover a record below it that was sent after it", async () => {
    const { group, offer, join, advance } = makeGroup();
    const first = join();
    const second = join();
    offer(makeRecord(1, a), makeRecord(2, b));
    const [held] = offsetsOf(await pullAll(first));
    const [other] = offsetsOf(await pullAll(second));
    expect([held, other]).toEqual([1, 2]);
    group.leave(first, true);
    advance(0);
    expect(offsetsOf(await pullAll(second))).toEqual([1]);
    // Said before it saw record 1, for all the group can know.
    group.acknowledgeUpTo(second, 2);
    expect(group.inFlight()).toBe(1);
    group.acknowledgeUpTo(second, 1);
    expect(group.inFlight()).toBe(0);
  });

  test("an offset that is not under way with the member is passed over", async () => {
    const { group, offer, join, cursor } = makeGroup();
    const first = join();
    join();
    offer(makeRecord(1, a), makeRecord(2, b));
    await pullAll(first);
    group.acknowledge(first, [2, 77]);
    group.reject(first, [2, 77], "no");
    expect(cursor()).toBe(0);
    expect(group.inFlight()).toBe(2);
  });
});

describe("order of a device", () => {
  test("a rejected record comes again after a pause, with everything of its device after it and nothing of others", async () => {
    const { group, offer, join, advance } = makeGroup();
    const member = join();
    offer(makeRecord(1, a), makeRecord(2, a), makeRecord(3, b), makeRecord(4, a));
    await pullAll(member);
    group.reject(member, [2], "no");
    offer(makeRecord(5, a), makeRecord(6, b));
    expect(offsetsOf(await pullAll(member))).toEqual([6]);
    advance(150);
    const again = await pullAll(member);
    expect(again.map(({ offset, attempt }) => [offset, attempt])).toEqual([
      [2, 2],
      [4, 2],
      [5, 1],
    ]);
  });

  test("records rejected together have each failed, and come again in order", async () => {
    const { group, offer, join, advance } = makeGroup();
    const member = join();
    offer(makeRecord(1, a), makeRecord(2, a), makeRecord(3, a));
    await pullAll(member);
    group.reject(member, [1, 2], "no");
    advance(200);
    expect((await pullAll(member)).map(({ offset, attempt }) => [offset, attempt])).toEqual([
      [1, 2],
      [2, 2],
      [3, 2],
    ]);
  });

  test("the pause doubles with each failure, up to half a minute", async () => {
    const { group, offer, join, clock } = makeGroup({ deliveriesMax: 100 });
    const member = join();
    offer(makeRecord(1, a));
    const pauses: number[] = [];
    for (let i = 0; i < 11; i++) {
      expect(await pullAll(member)).toHaveLength(1);
      group.reject(member, [1], "no");
      const from = clock.now();
      while (group.inFlight() === 0) {
        clock.advance(25);
        group.tick(clock.now());
      }
      pauses.push(clock.now() - from);
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
  });

  test("records of one device stay with one member while any is under way", async () => {
    const { group, offer, join } = makeGroup();
    const first = join(3);
    const second = join(2);
    offer(makeRecord(1, a));
    // The second one has more room now, and still does not get it.
    offer(makeRecord(2, a), makeRecord(3, a), makeRecord(4, a));
    expect(offsetsOf(await pullAll(first))).toEqual([1, 2, 3]);
    expect(await pullAll(second)).toEqual([]);
    group.acknowledge(first, [1, 2]);
    expect(await pullAll(second)).toEqual([]);
    group.acknowledge(first, [3]);
    expect(offsetsOf(await pullAll(second))).toEqual([4]);
  });

  test("with one member the order of the log is kept across devices, however little credit it gives", async () => {
    const { group, offer, join } = makeGroup();
    const member = join(1);
    offer(makeRecord(1, a), makeRecord(2, b), makeRecord(3, a), makeRecord(4, b), makeRecord(5, a));
    const seen: number[] = [];
    for (let i = 0; i < 5; i++) {
      seen.push(...offsetsOf(await pullAll(member)));
      group.addCredit(member, 1);
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("timeouts", () => {
  test("a record that is not acknowledged in time comes again, counted from when it was handed out", async () => {
    const { offer, join, advance } = makeGroup({ acknowledgeWithinMs: 1_000 });
    const member = join();
    offer(makeRecord(1, a));
    advance(900);
    expect(await pullAll(member)).toHaveLength(1);
    advance(900);
    expect(await pullAll(member)).toEqual([]);
    advance(100);
    advance(100);
    expect(await pullAll(member)).toMatchObject([{ offset: 1, attempt: 2 }]);
  });

  test("what a stalled member never took goes to another one and has not failed", async () => {
    const { group, offer, join, advance } = makeGroup({ acknowledgeWithinMs: 1_000 });
    const stalled = join();
    offer(makeRecord(1, a), makeRecord(2, b));
    const other = join();
    advance(1_000);
    expect((await pullAll(other)).map(({ offset, attempt }) => [offset, attempt])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    offer(makeRecord(3, makeDevice()), makeRecord(4, makeDevice()));
    expect(offsetsOf(await pullAll(other))).toEqual([3, 4]);
    // It is back as soon as it takes again.
    const next = stalled.next();
    offer(makeRecord(5, makeDevice()));
    expect((await next).value.offset).toBe(5);
    expect(group.inFlight()).toBe(5);
  });

  test("a member that lets records time out gets none while there is another one, until it says something", async () => {
    const { group, offer, join, advance } = makeGroup({ acknowledgeWithinMs: 1_000 });
    const slow = join(1);
    offer(makeRecord(1, a));
    await pullAll(slow);
    group.addCredit(slow, 100);
    const good = join(10);
    advance(1_000);
    advance(200);
    offer(makeRecord(2, b), makeRecord(3, makeDevice()));
    expect(offsetsOf(await pullAll(good))).toEqual([1, 2, 3]);
    expect(await pullAll(slow)).toEqual([]);
    group.acknowledge(slow, []);
    offer(makeRecord(4, makeDevice()));
    expect(offsetsOf(await pullAll(slow))).toEqual([4]);
  });

  test("extending begins the time anew", async () => {
    const { group, offer, join, advance } = makeGroup({ acknowledgeWithinMs: 1_000 });
    const member = join();
    offer(makeRecord(1, a));
    await pullAll(member);
    advance(900);
    group.extend(member, [1]);
    advance(900);
    expect(group.inFlight()).toBe(1);
    advance(100);
    expect(group.inFlight()).toBe(0);
  });
});

describe("in vain", () => {
  test("after so many deliveries a record is to be buried, its device goes on, and the cursor waits for the burial", async () => {
    const { group, offer, join, advance, cursor, counters } = makeGroup({ deliveriesMax: 2 });
    const member = join();
    offer(makeRecord(1, a), makeRecord(2, a));
    await pullAll(member);
    group.reject(member, [1], "no");
    advance(150);
    await pullAll(member);
    group.reject(member, [1], "still no");
    expect([...group.endings.dying].map(([entry, reason]) => [entry.offset, entry.deliveries, reason])).toEqual([[1, 2, "still no"]]);
    group.acknowledge(member, [2]);
    expect(cursor()).toBe(0);
    group.buried([...group.endings.dying.keys()]);
    expect(cursor()).toBe(2);
    expect(counters.deadLetters).toBe(1);
  });

  test("a record whose members keep going away while they have it ends so as well, and those behind it do not", async () => {
    const { group, offer, join } = makeGroup({ deliveriesMax: 3 });
    offer(makeRecord(1, a), makeRecord(2, b), makeRecord(3, a));
    for (let i = 0; i < 3; i++) {
      const member = join();
      expect((await pullAll(member)).map(({ offset, attempt }) => [offset, attempt])).toEqual([
        [1, i + 1],
        [2, i + 1],
        [3, i + 1],
      ]);
      group.leave(member, true);
    }
    expect([...group.endings.dying.keys()].map((entry) => entry.offset)).toEqual([1]);
    expect(offsetsOf(await pullAll(join()))).toEqual([2, 3]);
  });

  test("given up, a record needs no further delivery", async () => {
    const { group, offer, join } = makeGroup();
    const member = join();
    offer(makeRecord(1, a));
    await pullAll(member);
    group.giveUp(member, [1], "gone for good");
    expect([...group.endings.dying.values()]).toEqual(["gone for good"]);
  });

  test("deliveries an owner before has counted are counted on", async () => {
    const { group, offer, join } = makeGroup({ deliveriesMax: 3 });
    group.known = new Map([
      [1, [1, 1]],
      [2, [3, 0]],
    ]);
    const member = join();
    offer(makeRecord(1, a), makeRecord(2, b), makeRecord(3, b));
    expect((await pullAll(member)).map(({ offset, attempt }) => [offset, attempt])).toEqual([
      [1, 3],
      [3, 1],
    ]);
    expect([...group.endings.dying.keys()].map((entry) => entry.offset)).toEqual([2]);
    group.reject(member, [1], "no");
    expect(group.endings.dying.size).toBe(2);
  });
});

describe("limits", () => {
  test(`a member has at most ${memberWindowMax} records, and reading stops soon after; acknowledged, it goes on`, async () => {
    const { group, offer, join, rooms } = makeGroup();
    const member = join();
    let offset = 0;
    while (group.accepts()) offer(makeRecord(++offset, makeDevice()));
    expect(offset).toBe(memberWindowMax + readAheadMax);
    expect(await pullAll(member)).toHaveLength(memberWindowMax);
    expect(rooms()).toBe(0);
    group.acknowledgeUpTo(member, memberWindowMax);
    expect(rooms()).toBe(1);
    expect(group.accepts()).toBe(true);
  });

  test(`one record that is not done stops the group when ${groupRecordsMax} have been read after it`, async () => {
    const { group, offer, join, rooms } = makeGroup();
    const member = join();
    let offset = 0;
    while (group.accepts()) {
      offer(makeRecord(++offset, makeDevice()));
      const pulled = offsetsOf(await pullAll(member));
      group.acknowledge(
        member,
        pulled.filter((each) => each !== 1),
      );
    }
    expect(offset).toBe(groupRecordsMax);
    group.acknowledge(member, [1]);
    expect(rooms()).toBe(1);
    expect(group.window.size).toBe(0);
  });

  test("large records stop reading long before their number does", () => {
    const { group, offer } = makeGroup();
    const body = "x".repeat(1_000_000);
    let offset = 0;
    while (group.accepts()) offer(makeRecord(++offset, a, body));
    expect(offset).toBe(68);
  });

  test("there are at most 64 members", () => {
    const { group, join } = makeGroup();
    for (let i = 0; i < 64; i++) join();
    expect(group.join(false, undefined)).toBeUndefined();
  });

  test("credit bounds what is sent, and acknowledging gives none back", async () => {
    const { group, offer, join } = makeGroup();
    const member = join(2);
    offer(makeRecord(1, a), makeRecord(2, b), makeRecord(3, a));
    expect(offsetsOf(await pullAll(member))).toEqual([1, 2]);
    group.acknowledge(member, [1, 2]);
    expect(await pullAll(member)).toEqual([]);
    group.addCredit(member, 5);
    expect(offsetsOf(await pullAll(member))).toEqual([3]);
  });

  test("what was queued and taken back before it went out costs no credit", async () => {
    const { group, offer, join, advance } = makeGroup({ acknowledgeWithinMs: 1_000 });
    const member = join(2);
    offer(makeRecord(1, a), makeRecord(2, b));
    advance(1_000);
    expect(group.inFlight()).toBe(0);
    group.onAlive(member);
    expect(offsetsOf(await pullAll(member))).toEqual([1, 2]);
  });
});

test("set to another place, members end, and nothing they say of what they were handed before counts, though it is handed out again", async () => {
  const { group, offer, join, cursor } = makeGroup();
  const before = join();
  const face = createFace(group, before, async () => undefined);
  offer(makeRecord(1, a), makeRecord(2, b), makeRecord(3, a));
  await pullAll(before);
  group.reset(0, moved("s"));
  await expect(before.next()).rejects.toMatchObject({ code: "unavailable" });
  const after = join();
  offer(makeRecord(1, a), makeRecord(2, b));
  expect((await pullAll(after)).map(({ offset, attempt }) => [offset, attempt])).toEqual([
    [1, 1],
    [2, 1],
  ]);
  face.acknowledgeUpTo(3);
  face.acknowledge([1, 2]);
  face.reject([1]);
  face.giveUp([2], "no");
  face.extend([1]);
  await face.close();
  expect(cursor()).toBe(0);
  expect([group.inFlight(), group.endings.dying.size, group.endings.failed.size]).toEqual([2, 0, 0]);
  group.acknowledgeUpTo(after, 2);
  expect(cursor()).toBe(2);
});

test("nothing goes out once the lease has run out, not even what is queued", async () => {
  const { group, offer, join } = makeGroup();
  const member = join();
  offer(makeRecord(1, a));
  group.renew(0);
  offer(makeRecord(2, b));
  const next = member.next();
  expect(await Promise.race([next, new Promise((resolve) => setImmediate(resolve, "nothing"))])).toBe("nothing");
  expect(group.inFlight()).toBe(1);
  group.renew(1);
  expect((await next).value.offset).toBe(1);
});

test("a dead letter is delivered beside the stream, once, after what its device has under way", async () => {
  const { group, offer, join, cursor } = makeGroup();
  const member = join();
  offer(makeRecord(7, a));
  group.offerReplay(makeRecord(1, a));
  group.offerReplay(makeRecord(2, b));
  group.offerReplay(makeRecord(3, b));
  group.pump();
  expect(offsetsOf(await pullAll(member))).toEqual([7, 1, 2, 3]);
  group.acknowledge(member, [1, 7]);
  group.reject(member, [2], "no");
  group.acknowledge(member, [3]);
  expect(cursor()).toBe(7);
  expect([...group.endings.replayed]).toEqual([
    [1, undefined],
    [2, "no"],
    [3, undefined],
  ]);
});
