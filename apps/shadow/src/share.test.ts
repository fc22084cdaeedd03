import { describe, expect, test } from "vitest";
import { createSharedLookup } from "./share.ts";

/** Lookups that end when the test says so. */
function createLookups() {
  const share = createSharedLookup<string>();
  const begun: PromiseWithResolvers<string>[] = [];
  const ask = (key = "k"): Promise<string> =>
    share(key, () => {
      begun.push(Promise.withResolvers());
      return (begun.at(-1) as PromiseWithResolvers<string>).promise;
    });
  return { ask, begun };
}

describe("who asks for the same at the same time", () => {
  test("shares a lookup that began after all of them had asked, and no answer that may be older than the question", async () => {
    const { ask, begun } = createLookups();
    const first = ask();
    const others = [ask(), ask(), ask()];
    expect(begun).toHaveLength(1);
    begun[0]?.resolve("there");
    expect(await first).toBe("there");
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toHaveLength(2);
    const late = ask();
    begun[1]?.resolve("gone");
    expect(await Promise.all(others)).toEqual(["gone", "gone", "gone"]);
    await new Promise((resolve) => setImmediate(resolve));
    begun[2]?.resolve("back");
    expect(await late).toBe("back");
  });

  test("a lookup that fails fails those who share it, and the next is tried all the same", async () => {
    const { ask, begun } = createLookups();
    const [first, second] = [ask(), ask()];
    begun[0]?.reject(new Error("no"));
    await expect(first).rejects.toThrow("no");
    await new Promise((resolve) => setImmediate(resolve));
    begun[1]?.resolve("yes");
    expect(await second).toBe("yes");
  });

  test("of different things share nothing", () => {
    const { ask, begun } = createLookups();
    void ask("a");
    void ask("b");
    expect(begun).toHaveLength(2);
  });
});
