import { PlatformError, type ShadowSnapshot } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { controlMessage, failureOf, failureReply, parseAlibaba } from "./alibaba.ts";

const parse = (body: unknown) => parseAlibaba(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)));
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, i]));
const report = { reported: { a: 1 } };

describe("the codes of this dialect", () => {
  test.each<[string, unknown, string]>([
    ["invalid JSON", "{", "400"],
    ["JSON that is no object", "[1]", "400"],
    ["nothing", "", "407"],
    ["an empty object", {}, "407"],
    ["no method", { state: report, version: 1 }, "401"],
    ["a method that is none", { method: "set", state: report }, "406"],
    ["no state", { method: "update", version: 1 }, "402"],
    ["a version that is no number", { method: "update", state: report, version: "1" }, "403"],
    ["a version with a fraction", { method: "update", state: report, version: 1.5 }, "403"],
    ["no reported", { method: "update", state: {}, version: 1 }, "404"],
    ["nothing to delete", { method: "delete", state: { desired: "null" }, version: 1 }, "404"],
    ["reported without content", { method: "update", state: { reported: {} }, version: 1 }, "405"],
    ["129 attributes", { method: "update", state: { reported: many(129) }, version: 1 }, "408"],
    ["a delete that gives a value", { method: "delete", state: { reported: { a: 1 } }, version: 1 }, "400"],
    ["a section that is a number", { method: "update", state: { reported: 1 }, version: 1 }, "400"],
  ])("%s: %j is %s", (_what, body, code) => {
    expect(parse(body)).toMatchObject({ failure: { errorcode: code, errormessage: expect.any(String) } });
  });

  test("a failure is a reply with status error, and its code is text", () => {
    expect(JSON.parse(failureReply({ errorcode: "409", errormessage: "no" }, 1_469_564_576_999))).toEqual({
      method: "reply",
      payload: { status: "error", content: { errorcode: "409", errormessage: "no" } },
      timestamp: 1_469_564_576,
    });
    const codes = (["versionConflict", "invalidArgument", "payloadTooLarge", "unavailable", "internal"] as const).map(
      (code) => failureOf(new PlatformError(code, "x")).errorcode,
    );
    expect(codes).toEqual(["409", "400", "400", "500", "500"]);
  });
});

describe("requests", () => {
  test('"null" is null, for a section and for an attribute at every level, and an array is a value', () => {
    const state = { reported: { a: "null", b: { c: "null", d: ["null"] } }, desired: "null" };
    expect(parse({ method: "update", state, version: 3 })).toEqual({
      method: "update",
      reported: { a: null, b: { c: null, d: ["null"] } },
      desired: null,
      nextVersion: 3,
    });
  });

  test("delete is a patch of nulls, or of a whole section", () => {
    expect(parse({ method: "delete", state: { reported: { a: "null" } }, version: 2 })).toEqual({
      method: "update",
      reported: { a: null },
      nextVersion: 2,
    });
    expect(parse({ method: "delete", state: { reported: "null" }, version: 2 })).toMatchObject({ reported: null });
  });

  test("without a version, or with -1, none is asked for; 128 attributes are taken", () => {
    expect(parse({ method: "update", state: report })).toEqual({ method: "update", ...report });
    expect(parse({ method: "update", state: report, version: -1 })).toEqual({ method: "update", ...report });
    expect(parse({ method: "update", state: { reported: many(128) }, version: 0 })).toMatchObject({ nextVersion: 0 });
    expect(parse({ method: "get" })).toEqual({ method: "get" });
  });
});

describe("control", () => {
  const snapshot = (desired: Record<string, number>, timestamp: number): ShadowSnapshot => ({
    state: { desired, reported: { r: 1 } },
    metadata: { desired: Object.fromEntries(Object.keys(desired).map((name) => [name, { timestamp }])), reported: { r: { timestamp: 1 } } },
    version: timestamp,
  });
  const control = (previous: ShadowSnapshot, current: ShadowSnapshot): boolean =>
    controlMessage({ previous, current, version: 1, timestamp: 1 }) !== undefined;

  test("is sent when what is desired changed, also when it was said once more; not for reports, and not when nothing is desired", () => {
    expect(control(snapshot({}, 1), snapshot({ a: 1 }, 2))).toBe(true);
    expect(control(snapshot({ a: 1 }, 1), snapshot({ a: 2 }, 2))).toBe(true);
    expect(control(snapshot({ a: 1 }, 1), snapshot({ a: 1 }, 2))).toBe(true);
    expect(control(snapshot({ a: 1, b: 1 }, 1), snapshot({ a: 1 }, 1))).toBe(true);
    expect(control(snapshot({ a: 1 }, 1), snapshot({ a: 1 }, 1))).toBe(false);
    expect(control(snapshot({ a: 1 }, 1), snapshot({}, 2))).toBe(false);
  });
});
