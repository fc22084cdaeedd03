import type { SessionAck, SessionFrame, SessionOp } from "@mooring/contracts";
import { sessionLimitsDefault } from "@mooring/contracts";
import { errorOf, until } from "@mooring/testkit";
import { expect, test } from "vitest";
import { gateway, newTenant, queueOp } from "./conformance/support.ts";
import { GroupCommit } from "./group-commit.ts";
import { type SessionReader, type SessionWriter, UnstorableOps } from "./ports.ts";
import { createSessionService } from "./service.ts";
import { writeStream } from "./write-stream.ts";

/** A store whose commits the test lets happen, or fail, one by one. */
function createStepWriter() {
  const commits: { readonly ops: readonly SessionOp[]; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  const writer: SessionWriter = { apply: (ops) => new Promise((resolve, reject) => void commits.push({ ops, resolve, reject })) };
  /** The commit with this number, from 0, once it is asked for: groups begin a little apart. */
  const commit = (number: number) => until(`commit ${number}`, () => commits[number]);
  return { writer, commits, commit };
}

/** A stream that the test feeds, and what it has said so far. */
function openStream(commits: GroupCommit) {
  const waiting: SessionFrame[] = [];
  let wake = (): void => undefined;
  let isEnded = false;
  async function* frames(): AsyncGenerator<SessionFrame> {
    for (;;) {
      const frame = waiting.shift();
      if (frame !== undefined) yield frame;
      else if (isEnded) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  const acks: SessionAck[] = [];
  const stream = writeStream(commits, sessionLimitsDefault, frames());
  const ended = (async () => {
    for await (const ack of stream) acks.push(ack);
  })();
  ended.catch(() => undefined);
  return {
    acks,
    ended,
    leave: () => stream.return?.(),
    send(...more: SessionFrame[]): void {
      waiting.push(...more);
      wake();
    },
    end(): void {
      isEnded = true;
      wake();
    },
  };
}

const { session, message } = newTenant();
const frame = (sequence: number, op: SessionOp = session({ clientId: `c${sequence}` })): SessionFrame => ({ sequence, ops: [op] });
const names = (ops: readonly SessionOp[]) => ops.map((op) => (op.op === "putSession" ? op.clientId : op.op));
const bad = (sequence: number): SessionFrame => frame(sequence, { op: "dequeue", sessionId: "no", seqs: [] });
/** After everything that can happen without a commit has happened. */
const quiet = () => new Promise((resolve) => setTimeout(resolve, 10));

test("nothing is acknowledged before its commit; what comes meanwhile shares the next one and one acknowledgement", async () => {
  const { writer, commit } = createStepWriter();
  const stream = openStream(new GroupCommit(writer, () => undefined));
  stream.send(frame(1));
  const first = await commit(0);
  stream.send(frame(2), frame(3));
  await quiet();
  expect(stream.acks).toEqual([]);
  first.resolve();
  const second = await commit(1);
  expect([names(first.ops), names(second.ops), stream.acks]).toEqual([["c1"], ["c2", "c3"], [{ sequence: 1 }]]);
  second.resolve();
  stream.end();
  await stream.ended;
  expect(stream.acks).toEqual([{ sequence: 1 }, { sequence: 3 }]);
});

test("a refused frame is told of in its turn, not before those ahead of it", async () => {
  const { writer, commit } = createStepWriter();
  const stream = openStream(new GroupCommit(writer, () => undefined));
  stream.send(frame(1), bad(2), frame(3), bad(4));
  const first = await commit(0);
  await quiet();
  expect(stream.acks).toEqual([]);
  first.resolve();
  (await commit(1)).resolve();
  stream.end();
  await stream.ended;
  expect(stream.acks.map(({ sequence, error }) => [sequence, error?.code])).toEqual([
    [1, undefined],
    [2, "invalidArgument"],
    [3, undefined],
    [4, "invalidArgument"],
  ]);
});

test("after a failed commit no later frame of that stream is stored; other streams go on", async () => {
  const { writer, commits, commit } = createStepWriter();
  const group = new GroupCommit(writer, () => undefined);
  const [one, other] = [openStream(group), openStream(group)];
  one.send(frame(1));
  const first = await commit(0);
  one.send(frame(2));
  await quiet();
  other.send(frame(7));
  await quiet();
  first.reject(new Error("connection lost"));
  const second = await commit(1);
  expect(names(second.ops)).toEqual(["c7"]);
  second.resolve();
  await expect(one.ended).rejects.toThrow("connection lost");
  other.end();
  await other.ended;
  expect([one.acks, other.acks, commits.length]).toEqual([[], [{ sequence: 7 }], 2]);
});

test("what the store refuses for what it is harms its own frame only", async () => {
  const { writer, commit } = createStepWriter();
  const stream = openStream(new GroupCommit(writer, () => undefined));
  stream.send(frame(1));
  const first = await commit(0);
  stream.send(frame(2), frame(3));
  await quiet();
  first.resolve();
  (await commit(1)).reject(new UnstorableOps("cannot be stored"));
  (await commit(2)).reject(new UnstorableOps("cannot be stored"));
  const last = await commit(3);
  expect(names(last.ops)).toEqual(["c3"]);
  last.resolve();
  stream.end();
  await stream.ended;
  expect(stream.acks).toEqual([
    { sequence: 1 },
    { sequence: 2, error: { code: "invalidArgument", message: "cannot be stored" } },
    { sequence: 3 },
  ]);
});

test("what waits of a stream that was left is not stored any more", async () => {
  const { writer, commits, commit } = createStepWriter();
  const group = new GroupCommit(writer, () => undefined);
  const left = openStream(group);
  left.send(frame(1));
  const first = await commit(0);
  left.send(frame(2), frame(3));
  await quiet();
  void left.leave();
  first.resolve();
  await quiet();
  const next = openStream(group);
  next.send(frame(9));
  const second = await commit(1);
  expect(names(second.ops)).toEqual(["c9"]);
  second.resolve();
  expect(commits).toHaveLength(2);
});

test("whoever waits for what waits now hears when it is settled, and not of what comes later", async () => {
  const { writer, commit } = createStepWriter();
  const group = new GroupCommit(writer, () => undefined);
  await group.settled();
  const stream = openStream(group);
  stream.send(frame(1));
  const first = await commit(0);
  stream.send(frame(2));
  await quiet();
  let isSettled = false;
  const settled = group.settled().then(() => {
    isSettled = true;
  });
  first.resolve();
  const second = await commit(1);
  stream.send(frame(3));
  await quiet();
  expect(isSettled).toBe(false);
  second.resolve();
  await settled;
  (await commit(2)).resolve();
  stream.end();
  await stream.ended;
});

test("a gateway that lists its sessions hears of what its streams before have left here", async () => {
  const { writer, commit } = createStepWriter();
  const listed: string[] = [];
  const reader = {
    sessions: async () => {
      listed.push("read");
      return { items: [], next: undefined };
    },
  } satisfies Partial<SessionReader> as unknown as SessionReader;
  const service = createSessionService({ writer, reader, limits: sessionLimitsDefault });
  async function* frames(): AsyncGenerator<SessionFrame> {
    yield frame(1);
  }
  const acks = service.write(gateway, frames())[Symbol.asyncIterator]();
  const first = acks.next();
  const stored = await commit(0);
  const listing = service.listSessions(gateway, {});
  await quiet();
  expect(listed).toEqual([]);
  stored.resolve();
  await Promise.all([first, listing]);
  expect(listed).toEqual(["read"]);
});

test("a stream has at most 64 frames under way: beyond it, it is not read", async () => {
  const { writer, commits, commit } = createStepWriter();
  const group = new GroupCommit(writer, () => undefined);
  const stream = openStream(group);
  stream.send(...Array.from({ length: 100 }, (_, i) => frame(i + 1)));
  const first = await commit(0);
  await quiet();
  expect(group.waitingRows).toBe(63 * 2);
  first.resolve();
  stream.end();
  await until("the last acknowledgement", () => {
    for (const { resolve } of commits) resolve();
    return stream.acks.at(-1)?.sequence === 100;
  });
});

test("at 64 MB waiting, over all streams, the next frame ends its stream with `unavailable`, and nothing that waits is lost", async () => {
  const { writer, commit } = createStepWriter();
  const group = new GroupCommit(writer, () => undefined);
  const payload = Buffer.alloc(1_000_000);
  const large = (sequence: number) => frame(sequence, queueOp(message("", { payload }), [session().sessionId, 1]));
  const [one, two] = [openStream(group), openStream(group)];
  one.send(frame(1));
  const first = await commit(0);
  one.send(...Array.from({ length: 62 }, (_, i) => large(i + 2)));
  await quiet();
  two.send(large(1), large(2), large(3), large(4), large(5), large(6));
  await expect.poll(() => group.waitingBytes).toBeGreaterThan(66_000_000);
  first.resolve();
  // Groups of 8 MB.
  for (let number = 1; number <= 8; number++) (await commit(number)).resolve();
  await expect.poll(() => one.acks.at(-1)?.sequence).toBe(63);
  expect((await errorOf(two.ended)).code).toBe("unavailable");
});
