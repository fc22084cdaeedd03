import { describe, expect, test } from "vitest";
import { batchMax, gather } from "./gather.ts";

/** A store that answers when it is told to. */
function setUp() {
  const asked: { readonly keys: readonly string[]; answer(): void; fail(error: Error): void }[] = [];
  const find = gather<string>(
    (keys) =>
      new Promise((resolve, reject) => {
        const answer = (): void => resolve(new Map(keys.filter((key) => key !== "none").map((key) => [key, `${key}!`])));
        asked.push({ keys, answer, fail: reject });
      }),
  );
  return { asked, find };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("gathering questions", () => {
  test("those of one turn are one statement, each key in it once, and each hears its own answer", async () => {
    const { asked, find } = setUp();
    const answers = Promise.all([find("a"), find("b"), find("a"), find("none")]);
    await turn();
    expect(asked.map(({ keys }) => keys)).toEqual([["a", "b", "none"]]);
    asked[0]?.answer();
    expect(await answers).toEqual(["a!", "b!", "a!", undefined]);
  });

  test("a question asked after a statement left is answered by a later one: what was read before it came does not count", async () => {
    const { asked, find } = setUp();
    const early = find("a");
    await turn();
    const late = find("a");
    await turn();
    expect(asked.length).toBe(2);
    asked[0]?.answer();
    expect(await early).toBe("a!");
    expect(await Promise.race([late, turn().then(() => "waiting")])).toBe("waiting");
    asked[1]?.answer();
    expect(await late).toBe("a!");
  });

  test("two statements are under way at most; who comes meanwhile goes together, a batch at a time", async () => {
    const { asked, find } = setUp();
    const all: Promise<unknown>[] = [];
    for (const key of ["x", "y"]) {
      all.push(find(key));
      await turn();
    }
    for (let i = 0; i < batchMax + 10; i++) all.push(find(`k${i}`));
    await turn();
    expect(asked.length).toBe(2);
    asked[0]?.answer();
    await turn();
    expect(asked[2]?.keys.length).toBe(batchMax);
    asked[1]?.answer();
    await turn();
    expect(asked[3]?.keys.length).toBe(10);
    for (const statement of asked) statement.answer();
    expect((await Promise.all(all)).length).toBe(batchMax + 12);
  });

  test("a statement that fails is told to all in it, and the next one is asked", async () => {
    const { asked, find } = setUp();
    const failed = Promise.allSettled([find("a"), find("b")]);
    await turn();
    asked[0]?.fail(new Error("down"));
    expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const next = find("a");
    await turn();
    asked[1]?.answer();
    expect(await next).toBe("a!");
  });
});
