import { PlatformError, type RefusedReport } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { afterEach, describe, expect, test } from "vitest";
import { Applied } from "./applied.ts";

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});

/** A shadow service whose answers are given by hand. */
function setUp(giveUpMs = 10_000) {
  const asked: {
    readonly offset: number;
    readonly answer: (offset: number, refused?: readonly RefusedReport[]) => void;
    readonly fail: () => void;
  }[] = [];
  const waitApplied = (_caller: unknown, { offset }: { readonly offset: number }) =>
    new Promise<{ readonly offset: number; readonly refused?: readonly RefusedReport[] }>((resolve, reject) => {
      asked.push({
        offset,
        answer: (applied, refused = []) => resolve({ offset: applied, refused }),
        fail: () => reject(new PlatformError("unavailable", "down")),
      });
    });
  const applied = new Applied({ shadow: { waitApplied }, log: silentLog, giveUpMs });
  running.push(applied.start());
  const told: string[] = [];
  const wait = (name: string, offset: number): void => {
    const onUnfit = (code: string, reason: string) => told.push(`${name} ${code}: ${reason}`);
    const outcomes = { onApplied: () => told.push(name), onUnfit, onNotApplied: () => told.push(`${name} not`) };
    applied.wait({ ...outcomes, recordIds: [name, `${name}.2`] }, offset);
  };
  return { asked, applied, told, wait };
}

describe("waiting for the shadow", () => {
  test("one question for all, for the highest offset; told in order, as far as it is", async () => {
    const { asked, told, wait, applied } = setUp();
    wait("a", 5);
    wait("b", 9);
    await expect.poll(() => asked.length).toBe(1);
    for (let i = 0; i < 1_000; i++) wait(`c${i}`, 10 + i);
    expect(asked).toHaveLength(1);
    asked[0]?.answer(7);
    await expect.poll(() => told).toEqual(["a"]);
    await expect.poll(() => asked.map(({ offset }) => offset)).toEqual([asked[0]?.offset, 1_009]);
    asked[1]?.answer(2_000);
    await expect.poll(() => applied.waiting).toBe(0);
    expect(told).toEqual(["a", "b", ...Array.from({ length: 1_000 }, (_, i) => `c${i}`)]);
    expect(asked).toHaveLength(2);
  });

  test("what the shadow refused is told so, also when it is one of several records; what it was not asked for waits for the next answer", async () => {
    const { asked, told, wait } = setUp();
    for (const name of ["a", "b", "c"]) wait(name, 5);
    await expect.poll(() => asked.length).toBe(1);
    asked[0]?.answer(4);
    await expect.poll(() => asked.length).toBe(2);
    wait("late", 5);
    asked[1]?.answer(5, [{ messageId: "b.2", code: "payloadTooLarge", reason: "full" }]);
    await expect.poll(() => asked.length).toBe(3);
    expect(told).toEqual(["a", "b payloadTooLarge: full", "c"]);
    asked[2]?.answer(5, [{ messageId: "late", code: "invalidArgument", reason: "null" }]);
    await expect.poll(() => told.at(-1)).toBe("late invalidArgument: null");
  });

  test("what came first is told first, though its offset is higher: a message stored before has an old one", async () => {
    const { asked, told, wait } = setUp();
    wait("a", 9);
    wait("again", 3);
    await expect.poll(() => asked.length).toBe(1);
    asked[0]?.answer(5);
    await expect.poll(() => asked.length).toBe(2);
    expect(told).toEqual([]);
    asked[1]?.answer(9);
    await expect.poll(() => told).toEqual(["a", "again"]);
  });

  test("a question that fails is asked again", async () => {
    const { asked, told, wait } = setUp();
    wait("a", 1);
    await expect.poll(() => asked.length).toBe(1);
    asked[0]?.fail();
    await expect.poll(() => asked.length).toBe(2);
    asked[1]?.answer(1);
    await expect.poll(() => told).toEqual(["a"]);
  });

  test("a shadow that never answers is given up, and what comes later is asked for all the same", async () => {
    const { asked, told, wait } = setUp(300);
    wait("lost", 1);
    await expect.poll(() => told).toEqual(["lost not"]);
    wait("next", 2);
    await expect.poll(() => asked.at(-1)?.offset).toBe(2);
    asked.at(-1)?.answer(2);
    await expect.poll(() => told).toEqual(["lost not", "next"]);
  });

  test("what the log gave no offset for cannot be waited for", () => {
    const { told, wait } = setUp();
    wait("a", -1);
    expect(told).toEqual(["a not"]);
  });

  test("it holds 100,000 and no more, and stopping tells all of them", async () => {
    const { applied, told, wait } = setUp();
    for (let i = 0; i < 100_001; i++) wait("x", 1);
    expect([applied.waiting, told]).toEqual([100_000, ["x not"]]);
    await running.pop()?.stop();
    expect([applied.waiting, told.length]).toEqual([0, 100_001]);
  });
});
