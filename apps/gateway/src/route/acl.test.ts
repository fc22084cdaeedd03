import { parseUplinkTopic } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { isOwnTopic, mayPublish, maySubscribe } from "./acl.ts";
import { shortThing, wholeThing } from "./thing-name.ts";

const device = { productKey: "a1b2", deviceName: "dev-1" };

describe("a device hears only what is addressed to it", () => {
  test.each([
    ["/sys/a1b2/dev-1/#", true],
    ["/sys/a1b2/dev-1/+/+", true],
    ["/sys/a1b2/dev-1/rrpc/request/+", true],
    ["/sys/a1b2/dev-1/thing/event/property/post_reply", true],
    ["/a1b2/dev-1/user/get", true],
    ["/a1b2/dev-1/user/#", true],
    ["/a1b2/dev-1/#", true],
    ["#", false],
    ["/#", false],
    ["+/#", false],
    ["/+/a1b2/dev-1/#", false],
    ["/sys/#", false],
    ["/sys/a1b2/#", false],
    ["/sys/a1b2/+/#", false],
    ["/sys/+/dev-1/#", false],
    ["/sys/a1b2/dev-1", false],
    ["/sys/a1b2/dev-1/", false],
    ["/sys/a1b2/dev-10/#", false],
    ["/sys/a1b2/dev-/#", false],
    ["/sys/a1b23/dev-1/#", false],
    ["/sys/a1b2/dev-2/shadow/update/delta", false],
    ["sys/a1b2/dev-1/#", false],
    ["//a1b2/dev-1/#", false],
    ["/a1b2/dev-2/user/#", false],
    ["/a1b2/+/user/#", false],
    ["/+/dev-1/user/#", false],
    ["/ext/cert/a1b2/dev-1/renew_reply", true],
    ["/ext/cert/a1b2/dev-1/#", true],
    ["/ext/cert/a1b2/dev-2/renew_reply", false],
    ["/ext/cert/a1b2/+/renew_reply", false],
    ["/ext/cert/a1b2/dev-1", false],
    ["/ext/cert/#", false],
    ["/ext/#", false],
    ["$aws/things/a1b2.dev-1/shadow/#", true],
    ["$aws/things/a1b2.dev-1/shadow/+/accepted", true],
    ["$aws/things/a1b2.dev-1/shadow/name/+/update/delta", true],
    ["$aws/things/a1b2.dev-1", false],
    ["$aws/things/a1b2.dev-1/", false],
    ["$aws/things/a1b2.dev-10/shadow/#", false],
    ["$aws/things/a1b2.dev-2/shadow/#", false],
    ["$aws/things/a1b2/dev-1/shadow/#", false],
    ["$aws/things/+/shadow/#", false],
    ["$aws/things/#", false],
    ["$aws/#", false],
    ["$aws/events/#", false],
    ["$aws/certificates/create/json", false],
    ["/$aws/things/a1b2.dev-1/shadow/#", false],
    ["/shadow/get/a1b2/dev-1", true],
    ["/shadow/get/a1b2/dev-1/", false],
    ["/shadow/get/a1b2/dev-10", false],
    ["/shadow/get/a1b2/+", false],
    ["/shadow/get/+/dev-1", false],
    ["/shadow/get/#", false],
    ["/shadow/#", false],
    ["/shadow/update/a1b2/dev-1", false],
    ["$SYS/#", false],
    ["$share/g//sys/a1b2/dev-1/#", false],
  ])("%s: %s", (filter, granted) => {
    expect(maySubscribe(device, filter)).toBe(granted);
  });
});

describe("a device speaks only in its own name", () => {
  test.each([
    ["/sys/a1b2/dev-1/thing/event/property/post", true],
    ["/a1b2/dev-1/user/x/y", true],
    ["/sys/a1b2/dev-1/shadow/name/cfg/update", true],
    ["$aws/things/a1b2.dev-1/shadow/update", true],
    ["$aws/things/a1b2.dev-1/shadow/name/cfg/delete", true],
    ["/shadow/update/a1b2/dev-1", true],
    ["$aws/things/a1b2.dev-2/shadow/update", false],
    ["$aws/things/a1b2.dev-1.x/shadow/update", false],
    ["$aws/things/c3d4.dev-1/shadow/get", false],
    ["/shadow/update/a1b2/dev-2", false],
    ["/shadow/update/a1b2/xdev-1", false],
    ["/sys/a1b2/dev-2/thing/event/property/post", false],
    ["/sys/c3d4/dev-1/thing/event/property/post", false],
    ["/a1b2/dev-10/user/x", false],
  ])("%s: %s", (topic, granted) => {
    const meaning = parseUplinkTopic(topic);
    expect(meaning).toBeDefined();
    expect(meaning && mayPublish(device, meaning)).toBe(granted);
    expect(isOwnTopic(device, topic)).toBe(granted);
  });
});

test("the thing of a device has a short name, which is that of no other device", () => {
  const device = { productKey: "a1b2", deviceName: "dev-1" };
  expect(wholeThing(device, "$aws/things/dev-1/shadow/get")).toBe("$aws/things/a1b2.dev-1/shadow/get");
  expect(shortThing(device, "$aws/things/a1b2.dev-1/shadow/get/accepted")).toBe("$aws/things/dev-1/shadow/get/accepted");
  for (const other of ["$aws/things/dev-10/shadow/get", "$aws/things/+/shadow/get", "$aws/things/c3d4.dev-1/shadow/get", "/sys/dev-1/x"]) {
    expect(wholeThing(device, other)).toBe(other);
    expect(shortThing(device, other)).toBeUndefined();
    expect(maySubscribe(device, other)).toBe(false);
  }
  expect(maySubscribe(device, "$aws/things/dev-1/shadow/#")).toBe(true);
  // It could be product c3d4's device x.
  const dotted = { productKey: "a1b2", deviceName: "c3d4.x" };
  expect(maySubscribe(dotted, "$aws/things/c3d4.x/shadow/#")).toBe(false);
  expect(shortThing(dotted, "$aws/things/a1b2.c3d4.x/shadow/get")).toBeUndefined();
});

test("a device's name may hold dots, and the thing it names is that device and no other", () => {
  const dotted = { productKey: "a1b2", deviceName: "line.3" };
  expect(maySubscribe(dotted, "$aws/things/a1b2.line.3/shadow/#")).toBe(true);
  expect(maySubscribe({ productKey: "a1b2", deviceName: "line" }, "$aws/things/a1b2.line.3/shadow/#")).toBe(false);
});
