import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ToldKind, ToldShadows } from "./told.ts";

const kinds: Readonly<Record<string, ToldKind>> = {
  a: "shadowAccepted",
  x: "shadowDeleted",
  d: "shadowDocuments",
  D: "shadowDelta",
};

/** Messages as `a5 d5 D5`, in the order in which they come; those that are told are returned. */
function tell(told: ToldShadows, messages: string, shadowName = "", deviceId = "one"): string {
  const passed = messages.split(" ").filter((message) => {
    const kind = kinds[message[0] ?? ""] ?? "shadowDelta";
    return told.take(deviceId, shadowName, kind, Number(message.slice(1)));
  });
  return passed.join(" ");
}

describe("what a device is told of a shadow", () => {
  test.each<[string, string, string]>([
    ["in order passes, with gaps where reports were applied", "a1 d1 D1 a2 d2 a9 d9 D9 x10 d10", "a1 d1 D1 a2 d2 a9 d9 D9 x10 d10"],
    ["of an earlier change is dropped, all of it", "a6 d6 D6 a5 d5 D5 a7 d7", "a6 d6 D6 a7 d7"],
    ["the delta of an earlier change is dropped also when the later one left none", "a6 d6 D5", "a6 d6"],
    ["accepted does not come after documents", "d5 a5 a6", "d5 a6"],
    ["comes once, a delta as often as it is asked for", "a5 a5 d5 d5 D5 D5 D4", "a5 d5 D5 D5"],
    ["an open delta that is newer than the changes under way keeps none of them back", "D7 a6 d6 D6 a7 d7 D7", "D7 a6 d6 a7 d7 D7"],
  ])("%s: %s", (_what, messages, expected) => {
    expect(tell(new ToldShadows({ now: () => 0 }), messages)).toBe(expected);
  });

  test("passes at the highest versions there can be, each once", () => {
    const told = new ToldShadows({ now: () => 0 });
    for (let version = 2 ** 52 - 1; version <= 2 ** 52 + 4; version++) {
      const messages = `a${version} d${version} D${version}`;
      expect(tell(told, messages)).toBe(messages);
      expect(tell(told, `a${version} d${version}`)).toBe("");
    }
  });

  test("is of one shadow of one device", () => {
    const told = new ToldShadows({ now: () => 0 });
    expect(tell(told, "a5 d5")).toBe("a5 d5");
    expect(tell(told, "a1 d1", "config")).toBe("a1 d1");
    expect(tell(told, "a1 d1", "", "two")).toBe("a1 d1");
    expect(tell(told, "a5 a1")).toBe("");
  });

  test("by two processes at the same time, in whatever order their requests come: versions never go back, and the newest is told", () => {
    // Who made each version, whether it left a delta, and which of the two senders' next request comes first.
    const version = fc.record({ sender: fc.integer({ min: 0, max: 1 }), hasDelta: fc.boolean() });
    const story = fc.record({ versions: fc.array(version, { minLength: 1, maxLength: 12 }), first: fc.infiniteStream(fc.boolean()) });
    fc.assert(
      fc.property(story, ({ versions, first }) => {
        const requests = versions.map(({ hasDelta }, i) => `a${i + 1} d${i + 1}${hasDelta ? ` D${i + 1}` : ""}`);
        const queues = [0, 1].map((sender) => requests.filter((_, i) => versions[i]?.sender === sender));
        const told = new ToldShadows({ now: () => 0 });
        const heard: string[] = [];
        while (queues.some((queue) => queue.length > 0)) {
          const order = first.next().value === true ? [0, 1] : [1, 0];
          const queue = order.map((sender) => queues[sender]).find((one) => (one?.length ?? 0) > 0);
          const passed = tell(told, queue?.shift() ?? "");
          if (passed !== "") heard.push(...passed.split(" "));
        }
        const places = heard.map((message) => Number(message.slice(1)) * 3 + "adD".indexOf(message[0] ?? ""));
        expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
        expect(heard.slice(-3).join(" ")).toContain(requests.at(-1));
      }),
    );
  });

  test("is remembered for a minute at least and for two at most, also when the clock goes back", () => {
    let nowMs = 0;
    const told = new ToldShadows({ now: () => nowMs });
    tell(told, "a5");
    nowMs = 59_999;
    expect(tell(told, "a5")).toBe("");
    nowMs = 60_000;
    expect(tell(told, "a5")).toBe("");
    nowMs = 180_000;
    expect(tell(told, "a5")).toBe("a5");
    nowMs = 0;
    expect(tell(told, "a5")).toBe("");
  });

  test("of 100,000 shadows is remembered, not of more", () => {
    const told = new ToldShadows({ now: () => 0 });
    tell(told, "a5");
    for (let n = 0; n < 99_999; n++) tell(told, "a5", "", `device ${n}`);
    expect(tell(told, "a5", "", "device 99998")).toBe("");
    expect(tell(told, "a5")).toBe("a5");
  });
});
