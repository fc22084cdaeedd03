import { asDeviceId, asDeviceName, asProductKey, asTenantId, type NewRecord } from "@mooring/contracts";
import { until } from "@mooring/testkit";
import { expect, test } from "vitest";
import { GroupCommit } from "./group-commit.ts";
import { type EventLog, UnstorableRecord } from "./ports.ts";

const device = { tenantId: asTenantId("t"), deviceId: asDeviceId("d"), productKey: asProductKey("p"), deviceName: asDeviceName("n") };
const record = (messageId: string): NewRecord => ({ messageId, device, kind: "message", receivedAtMs: 0, body: "{}" });

/** A log whose commits the test lets happen, or fail, one by one. */
function createStepLog() {
  const commits: {
    readonly ids: readonly string[];
    readonly resolve: (lastOffset: number) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  const log: EventLog = {
    append: (records) => new Promise((resolve, reject) => void commits.push({ ids: records.map((one) => one.messageId), resolve, reject })),
    read: async () => [],
    first: async () => 1,
    end: async () => 0,
    offsetAt: async () => 0,
  };
  /** The commit with this number, from 0, once it is asked for: groups begin a little apart. */
  const commit = (number: number) => until(`commit ${number}`, () => commits[number]);
  return { log, commits, commit };
}

const settled = async (promise: Promise<unknown>): Promise<string> =>
  Promise.race([
    promise.then(
      () => "stored",
      () => "failed",
    ),
    new Promise<string>((resolve) => setImmediate(() => resolve("waiting"))),
  ]);

test("nothing resolves before its commit, and what arrives meanwhile shares the next one", async () => {
  const { log, commits, commit } = createStepLog();
  const group = new GroupCommit(log, () => undefined);
  const first = group.append({ failed: false }, [record("a")]);
  const second = group.append({ failed: false }, [record("b")]);
  const third = group.append({ failed: false }, [record("c"), record("d")]);
  expect(commits.map((commit) => commit.ids)).toEqual([["a"]]);
  expect(await settled(first)).toBe("waiting");
  commits[0]?.resolve(0);
  await first;
  const next = await commit(1);
  expect(await settled(second)).toBe("waiting");
  expect(next.ids).toEqual(["b", "c", "d"]);
  next.resolve(0);
  await Promise.all([second, third]);
  expect(group.waitingRecords).toBe(0);
});

test("after a failed commit no later frame of that stream is stored before it is sent again; other streams go on", async () => {
  const { log, commits, commit } = createStepLog();
  const group = new GroupCommit(log, () => undefined);
  const stream = { failed: false };
  const first = group.append(stream, [record("a")]);
  const second = group.append(stream, [record("b")]);
  const other = group.append({ failed: false }, [record("x")]);
  commits[0]?.reject(new Error("connection lost"));
  expect(await settled(first)).toBe("failed");
  await expect(second).rejects.toMatchObject({ code: "unavailable" });
  const next = await commit(1);
  expect(next.ids).toEqual(["x"]);
  next.resolve(0);
  await other;
});

/** A log that refuses what is called so, and remembers in which order it stored the rest. */
function createChoosyLog() {
  const stored: string[] = [];
  let statements = 0;
  const { log } = createStepLog();
  const append: EventLog["append"] = async (records) => {
    statements++;
    const bad = records.find(({ messageId }) => messageId.startsWith("bad"));
    if (bad !== undefined) throw new UnstorableRecord(`${bad.messageId} cannot be stored`);
    stored.push(...records.map(({ messageId }) => messageId));
    return stored.length;
  };
  return { log: { ...log, append }, stored, statements: () => statements };
}

test("a record that cannot be stored is refused alone, with its reason; the others of its frame and group are stored in order", async () => {
  const { log, stored } = createChoosyLog();
  const group = new GroupCommit(log, () => undefined);
  const streams = [{ failed: false }, { failed: false }, { failed: false }] as const;
  const head = group.append(streams[0], [record("head")]);
  const mixed = group.append(streams[0], ["a", "bad 1", "b", "c", "bad 2"].map(record));
  const good = group.append(streams[1], ["d", "e"].map(record));
  const bad = group.append(streams[2], [record("bad 3")]);
  expect(await Promise.all([head, mixed, good, bad])).toEqual([
    { lastOffset: 1, refused: [] },
    {
      lastOffset: 6,
      refused: [
        { index: 1, reason: "bad 1 cannot be stored" },
        { index: 4, reason: "bad 2 cannot be stored" },
      ],
    },
    { lastOffset: 6, refused: [] },
    { lastOffset: undefined, refused: [{ index: 0, reason: "bad 3 cannot be stored" }] },
  ]);
  expect(stored).toEqual(["head", "a", "b", "c", "d", "e"]);
  expect(streams.map(({ failed }) => failed)).toEqual([false, false, false]);
  expect(group.refusedRecords).toBe(3);
});

test("one such record among 2,000 costs two dozen statements; 2,000 of them less than two each", async () => {
  const one = createChoosyLog();
  const names = Array.from({ length: 2_000 }, (_, i) => (i === 1_234 ? "bad" : `m${i}`));
  await new GroupCommit(one.log, () => undefined).append({ failed: false }, names.map(record));
  expect(one.stored).toEqual(names.filter((name) => name !== "bad"));
  expect(one.statements()).toBeLessThanOrEqual(24);
  const all = createChoosyLog();
  await new GroupCommit(all.log, () => undefined).append(
    { failed: false },
    names.map((name) => record(`bad ${name}`)),
  );
  expect(all.statements()).toBeLessThan(4_000);
});

test("a failure that may pass while such a record is looked for fails the frames, so that they are sent again", async () => {
  const { log, commits, commit } = createStepLog();
  const group = new GroupCommit(log, () => undefined);
  const stream = { failed: false };
  const frame = group.append(stream, ["a", "bad"].map(record));
  commits[0]?.reject(new UnstorableRecord("no"));
  (await commit(1)).resolve(1);
  (await commit(2)).reject(new Error("connection lost"));
  await expect(frame).rejects.toThrow("connection lost");
  expect(stream.failed).toBe(true);
});

test("a statement holds at most 16 M characters of bodies, whatever the number of records, and 256 M may wait", async () => {
  const { log, commits, commit } = createStepLog();
  const group = new GroupCommit(log, () => undefined);
  const body = "x".repeat(6 * 1024 * 1024);
  const large = (messageId: string): NewRecord => ({ ...record(messageId), body });
  void group.append({ failed: false }, [record("head")]);
  const rest = ["a", "b", "c"].map((id) => group.append({ failed: false }, [large(id)]));
  commits[0]?.resolve(1);
  (await commit(1)).resolve(2);
  (await commit(2)).resolve(3);
  await Promise.all(rest);
  expect(commits.map(({ ids }) => ids)).toEqual([["head"], ["a", "b"], ["c"]]);
  const many = Array.from({ length: 42 }, (_, i) => large(String(i)));
  void group.append({ failed: false }, many).catch(() => undefined);
  void group.append({ failed: false }, many).catch(() => undefined);
  await expect(group.append({ failed: false }, [large("x")])).rejects.toMatchObject({ code: "unavailable" });
});

test("more waiting records than the limit are refused at once, by name", async () => {
  const { log } = createStepLog();
  const group = new GroupCommit(log, () => undefined);
  const many = Array.from({ length: 25_000 }, (_, i) => record(String(i)));
  void group.append({ failed: false }, many).catch(() => undefined);
  void group.append({ failed: false }, many).catch(() => undefined);
  void group.append({ failed: false }, many).catch(() => undefined);
  await expect(group.append({ failed: false }, many)).rejects.toMatchObject({ code: "unavailable" });
});

test("all frames of a group hear the last offset of the group", async () => {
  const { log, commits, commit } = createStepLog();
  const group = new GroupCommit(log, () => undefined);
  const first = group.append({ failed: false }, [record("a")]);
  const rest = [["b"], ["c", "d"]].map((ids) => group.append({ failed: false }, ids.map(record)));
  commits[0]?.resolve(7);
  expect(await first).toEqual({ lastOffset: 7, refused: [] });
  expect(await settled(Promise.all(rest))).toBe("waiting");
  (await commit(1)).resolve(10);
  expect((await Promise.all(rest)).map(({ lastOffset }) => lastOffset)).toEqual([10, 10]);
});

test("close upon another group a frame waits a few milliseconds for company, after silence for nothing", async () => {
  const begun: number[] = [];
  const { log } = createStepLog();
  const group = new GroupCommit({ ...log, append: async () => begun.push(performance.now()) }, () => undefined);
  const frames = Array.from({ length: 20 }, (_, number) => String(number));
  for (const frame of frames) await group.append({ failed: false }, [record(frame)]);
  const gaps = begun.slice(1).map((at, before) => at - (begun[before] ?? 0));
  // The shortest of twenty: 3 to 4 ms on an idle machine, and a busy one is not late with all of them.
  const shortestMs = Math.min(...gaps);
  expect(shortestMs).toBeGreaterThan(2);
  expect(shortestMs).toBeLessThan(50);
  await expect.poll(() => performance.now() - (begun.at(-1) ?? 0)).toBeGreaterThan(10);
  const count = begun.length;
  void group.append({ failed: false }, [record("lone")]);
  expect(begun.length).toBe(count + 1);
});
