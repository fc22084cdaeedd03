import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SubscriptionTrie } from "./subscription-trie.ts";
import { filterMatches } from "./topic.ts";

const name = fc.constantFrom("a", "b", "c", "", "$s");
const filter = fc
  .tuple(
    fc.array(fc.oneof({ weight: 3, arbitrary: name }, { weight: 1, arbitrary: fc.constant("+") }), { minLength: 1, maxLength: 4 }),
    fc.boolean(),
  )
  .map(([levels, isOpen]) => (isOpen ? [...levels, "#"] : levels).join("/") || "a");
const topic = fc.array(name, { minLength: 1, maxLength: 5 }).map((levels) => levels.join("/") || "a");
const step = fc.oneof(
  fc.record({ does: fc.constant("add" as const), filter, key: fc.integer({ min: 0, max: 40 }), value: fc.nat() }),
  fc.record({ does: fc.constant("remove" as const), filter, key: fc.integer({ min: 0, max: 40 }) }),
  fc.record({ does: fc.constant("match" as const), topic }),
);

/** Subscriptions as a flat list: what the trie must agree with. */
class Model {
  readonly entries = new Map<string, { filter: string; value: number }>();

  match(of: string): number[] {
    const values: number[] = [];
    for (const entry of this.entries.values()) if (filterMatches(entry.filter, of)) values.push(entry.value);
    return values.sort((a, b) => a - b);
  }
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

describe("SubscriptionTrie", () => {
  test.each([0, 400, 1 << 20])("agrees with a list of subscriptions whatever comes and goes (cache of %i bytes)", (cacheBytesMax) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
        const trie = new SubscriptionTrie<number, number>(cacheBytesMax);
        const model = new Model();
        for (const one of steps) {
          if (one.does === "match") expect(sorted(trie.match(one.topic))).toEqual(model.match(one.topic));
          else {
            const key = `${one.key} ${one.filter}`;
            const before = model.entries.get(key)?.value;
            if (one.does === "add") {
              expect(trie.add(one.filter, one.key, one.value)).toBe(before);
              model.entries.set(key, { filter: one.filter, value: one.value });
            } else expect(trie.remove(one.filter, one.key)).toBe(model.entries.delete(key));
          }
          expect(trie.size).toBe(model.entries.size);
        }
        for (const [key, entry] of model.entries) expect(trie.remove(entry.filter, Number(key.split(" ")[0]))).toBe(true);
        expect(trie.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test("a wildcard in the first level does not match a topic that begins with $ [MQTT-4.7.2-1]", () => {
    const trie = new SubscriptionTrie<string, string>();
    for (const each of ["#", "+/a", "+/#", "$SYS/+", "$SYS/#", "$SYS/a"]) trie.add(each, "k", each);
    expect(trie.match("$SYS/a").toSorted()).toEqual(["$SYS/#", "$SYS/+", "$SYS/a"]);
    expect(trie.match("x/a").toSorted()).toEqual(["#", "+/#", "+/a"]);
  });

  test("subscribing again replaces the subscription [MQTT-3.8.4-3]", () => {
    const trie = new SubscriptionTrie<string, number>();
    for (const each of ["a/b", "a/+"]) {
      expect(trie.add(each, "k", 0)).toBeUndefined();
      expect(trie.add(each, "k", 1)).toBe(0);
    }
    expect(trie.match("a/b")).toEqual([1, 1]);
    expect(trie.size).toBe(2);
  });

  test("many subscribers of one filter come and go", () => {
    const trie = new SubscriptionTrie<number, number>();
    for (const each of ["t", "t/#"]) for (let key = 0; key < 1000; key++) trie.add(each, key, key);
    expect(trie.match("t")).toHaveLength(2000);
    for (let key = 0; key < 1000; key += 2) trie.remove("t", key);
    expect(trie.match("t")).toHaveLength(1500);
    expect(trie.remove("t", 0)).toBe(false);
  });

  test("an array of matches stays as it was while subscriptions change", () => {
    const trie = new SubscriptionTrie<string, number>();
    trie.add("a", "k", 1);
    const before = trie.match("a");
    trie.add("a", "l", 2);
    trie.remove("a", "k");
    expect(before).toEqual([1]);
    expect(trie.match("a")).toEqual([2]);
  });

  test("the cache is bounded whatever topics are asked for", () => {
    const trie = new SubscriptionTrie<string, number>(10_000);
    trie.match("topic");
    expect(trie.cachedTopics).toBe(0); // Nobody subscribes to anything.
    trie.add("a", "k", 1);
    for (let at = 0; at < 5000; at++) {
      trie.match(`topic/${at}`);
      expect(trie.cachedTopics).toBeLessThanOrEqual(10_000 / 72);
    }
    trie.match("x".repeat(60_000));
    expect(trie.cachedTopics).toBeGreaterThan(0);
    trie.add("#", "k", 1);
    expect(trie.cachedTopics).toBe(0);
  });

  test("a filter deeper than the trie allows is refused, and removing one is harmless", () => {
    const trie = new SubscriptionTrie<string, number>();
    expect(() => trie.add(`${"a/".repeat(256)}#`, "k", 1)).toThrow(RangeError);
    expect(trie.remove(`${"a/".repeat(30_000)}#`, "k")).toBe(false);
    expect(trie.match("a/".repeat(30_000))).toEqual([]);
  });
});
