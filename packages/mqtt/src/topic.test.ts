import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { filterMatches, isValidTopicFilter, isValidTopicName, parseSharedFilter } from "./topic.ts";

/** The matching rule as the spec tells it, level by level. */
function matchesByLevels(filter: string, topic: string): boolean {
  const levels = filter.split("/");
  const names = topic.split("/");
  if (topic.startsWith("$") && (levels[0] === "+" || levels[0] === "#")) return false;
  for (let at = 0; at < levels.length; at++) {
    if (levels[at] === "#") return true;
    if (at >= names.length || (levels[at] !== "+" && levels[at] !== names[at])) return false;
  }
  return levels.length === names.length;
}

describe("filterMatches", () => {
  test.each([
    ["sport/tennis/player1/#", "sport/tennis/player1", true],
    ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true],
    ["sport/#", "sport", true],
    ["sport/#", "sports", false],
    ["#", "a/b", true],
    ["#", "$SYS/monitor", false],
    ["+/monitor/Clients", "$SYS/monitor/Clients", false],
    ["+/#", "$SYS", false],
    ["$SYS/#", "$SYS/monitor", true],
    ["$SYS/#", "$SYS", true],
    ["$SYS/monitor/+", "$SYS/monitor/Clients", true],
    ["sport/tennis/+", "sport/tennis/player1/ranking", false],
    ["sport/+", "sport", false],
    ["sport/+", "sport/", true],
    ["+/+", "/finance", true],
    ["/+", "/finance", true],
    ["+", "/finance", false],
    ["a//b", "a//b", true],
    ["a/+/b", "a//b", true],
    ["a/", "a", false],
    ["a", "a/", false],
    ["A", "a", false],
    ["/#", "/", true],
    ["a/b", "a/bc", false],
    ["a/bc", "a/b", false],
  ])("%s on %s: %s (MQTT 5 s4.7)", (filter, topic, expected) => {
    expect(filterMatches(filter, topic)).toBe(expected);
    expect(matchesByLevels(filter, topic)).toBe(expected);
  });

  test("agrees with the rule level by level", () => {
    const name = fc.constantFrom("a", "b", "ab", "", "$x", "é");
    const levels = fc.array(fc.oneof(name, fc.constant("+")), { minLength: 1, maxLength: 5 });
    const filters = fc.tuple(levels, fc.boolean()).map(([list, isOpen]) => (isOpen ? [...list, "#"] : list).join("/"));
    const topics = fc.array(name, { minLength: 1, maxLength: 6 }).map((list) => list.join("/"));
    fc.assert(
      fc.property(
        filters.filter(Boolean),
        topics.filter(Boolean),
        (filter, topic) => filterMatches(filter, topic) === matchesByLevels(filter, topic),
      ),
      { numRuns: 20_000 },
    );
  });
});

describe("what may be published to and subscribed to", () => {
  test.each([
    ["a", true],
    ["/", true],
    ["a b/é/😀", true],
    ["", false], // [MQTT-4.7.3-1]
    ["a/+", false], // [MQTT-4.7.0-1]
    ["a#", false],
    ["a\0b", false], // [MQTT-4.7.3-2]
    ["a\ud800", false],
    ["a".repeat(65_536), false], // [MQTT-4.7.3-3]
    ["é".repeat(32_768), false],
    ["/".repeat(128), false],
    ["/".repeat(127), true],
  ])("topic name %j: %s", (topic, expected) => {
    expect(isValidTopicName(topic)).toBe(expected);
  });

  test.each([
    ["#", true],
    ["+", true],
    ["a/#", true],
    ["+/a/+/#", true],
    ["/+", true],
    ["a/#/b", false], // [MQTT-4.7.1-1]
    ["a#", false],
    ["##", false],
    ["#/", false],
    ["a+", false], // [MQTT-4.7.1-2]
    ["+a/b", false],
    ["a/++/b", false],
    ["a/+#", false],
    ["", false],
    ["$share/g/a/+", true],
    ["$share/g//", true],
    ["$share/g/#", true],
    ["$share/g", false],
    ["$share/g/", false], // [MQTT-4.7.3-1] for the filter within
    ["$share//a", false], // [MQTT-4.8.2-1]
    ["$share/+/a", false], // [MQTT-4.8.2-2]
    ["$share/g#/a", false],
    ["$share/g/a#", false],
    ["$share", true], // An ordinary name: only "$share/" begins a shared subscription.
    ["$shared/x", true],
  ])("topic filter %j: %s", (filter, expected) => {
    expect(isValidTopicFilter(filter)).toBe(expected);
  });

  test("limits of bytes and levels are the caller's", () => {
    expect([isValidTopicName("abcd", 4), isValidTopicName("abcde", 4), isValidTopicName("éé", 4), isValidTopicName("ééé", 4)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect([isValidTopicFilter("a/b/#", 99, 3), isValidTopicFilter("a/b/c/#", 99, 3)]).toEqual([true, false]);
  });

  test("a shared filter has a group and a filter (MQTT 5 s4.8.2)", () => {
    expect(parseSharedFilter("$share/g/a/+/#")).toEqual({ group: "g", filter: "a/+/#" });
    expect(parseSharedFilter("$share/g//a")).toEqual({ group: "g", filter: "/a" });
    for (const filter of ["a/b", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/g/a#", "$share"])
      expect(parseSharedFilter(filter)).toBeNull();
  });
});
