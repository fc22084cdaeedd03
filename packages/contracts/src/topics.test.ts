import { describe, expect, test } from "vitest";
import { formatTopic, parseUplinkTopic, type TopicKind, topicTable } from "./topics.ts";

const device = { productKey: "a1b2", deviceName: "dev-1" };
const up = topicTable.filter((entry) => entry.direction === "up");

describe("device topics", () => {
  test.each(up.map((entry) => [entry.pattern, entry] as const))("%s: what is formatted is parsed back", (pattern, { kind, dialect }) => {
    const name = pattern.includes("*") ? "42" : "";
    const topic = formatTopic(kind as Exclude<TopicKind, "custom">, device, name, dialect);
    expect(topic).toBe(pattern.replace("{productKey}", "a1b2").replace("{deviceName}", "dev-1").replace("*", "42"));
    expect(parseUplinkTopic(topic)).toEqual({ kind, ...device, name, dialect });
  });

  test("no two entries of the table are one topic", () => {
    expect(new Set(topicTable.map(({ pattern }) => pattern)).size).toBe(topicTable.length);
  });

  test("property/post is a property report, not an event called property", () => {
    expect(parseUplinkTopic("/sys/a1b2/dev-1/thing/event/property/post")?.kind).toBe("propertyPost");
  });

  test("a custom topic keeps its rest", () => {
    expect(parseUplinkTopic("/a1b2/dev-1/user/a/b")).toEqual({ kind: "custom", ...device, name: "a/b", dialect: "native" });
  });

  test("a thing's name is cut at its first dot, since a device's name may have some", () => {
    const dotted = { productKey: "a1b2", deviceName: "line.3.dev" };
    expect(formatTopic("shadowGet", dotted, "", "aws")).toBe("$aws/things/a1b2.line.3.dev/shadow/get");
    expect(parseUplinkTopic("$aws/things/a1b2.line.3.dev/shadow/get")).toMatchObject(dotted);
  });

  test("a name is taken as it is, whatever a text replacement would make of it", () => {
    const topic = formatTopic("eventPostReply", device, "$&$1");
    expect(topic).toBe("/sys/a1b2/dev-1/thing/event/$&$1/post_reply");
  });

  test("a name chooses the named shadow, and only a shadow has two topics", () => {
    expect(formatTopic("shadowDelta", device, "cfg")).toBe("/sys/a1b2/dev-1/shadow/name/cfg/update/delta");
    expect(formatTopic("shadowDelta", device)).toBe("/sys/a1b2/dev-1/shadow/update/delta");
    expect(() => formatTopic("propertyPost", device, "", "aws")).toThrow(RangeError);
  });

  test.each([
    "",
    "/",
    "sys/a/b/shadow/get",
    "/sys/a1b2",
    "/sys/a1b2/dev-1",
    "/sys/a1b2/dev-1/",
    "/sys/a1b2/dev-1/shadow/update/delta",
    "/sys/a1b2/dev-1/shadow/get/accepted",
    "/sys/a1b2/dev-1/shadow/name/get",
    "/sys/a1b2/dev-1/shadow/name//get",
    "/sys/a1b2/dev-1/shadow/name/a b/get",
    "/sys/a1b2/dev-1/shadow/name/a/b/get",
    `/sys/a1b2/dev-1/shadow/name/${"x".repeat(65)}/get`,
    "/sys/a1b2/dev-1/rrpc/response/",
    "/sys/a1b2/dev-1/thing/event//post",
    "/sys/a1b2/dev-1/thing/event/post",
    "/sys/a1b2/dev-1/thing/event/a/b/post",
    "/sys/a1b2/dev-1/thing/service/property/set",
    "/a1b2/dev-1/user",
    "$SYS/x",
    "$aws/things/a1b2/shadow/get",
    "$aws/things/a1b2dev/shadow/name/x.y/get",
    "$aws/things/a1b2.dev-1/shadow/update/accepted",
    "$aws/things/a1b2.dev-1/thing/event/property/post",
    "$aws/things/a1b2.dev-1/jobs/get",
    "/$aws/things/a1b2.dev-1/shadow/get",
    "/shadow/get/a1b2/dev-1",
    "/shadow/update/a1b2/",
    "/shadow/update/a1b2/dev-1/x",
  ])("%j is no uplink topic", (topic) => {
    expect(parseUplinkTopic(topic)).toBeUndefined();
  });
});
