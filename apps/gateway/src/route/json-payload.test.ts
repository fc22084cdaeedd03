import { describe, expect, test } from "vitest";
import { parsePayload, payloadBytesMax } from "./json-payload.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "utf8");

describe("what cannot be kept is refused, with its place", () => {
  test.each([
    ["", "", "is not JSON"],
    ["{", "", "is not JSON"],
    ['{"a":1}x', "", "is not JSON"],
    ["\ufeff{}", "", "is not JSON"],
    ['{"a":1e400}', "/a", "beyond what a double holds"],
    ['{"a":[0,-1e999]}', "/a/1", "beyond what a double holds"],
    ['{"a":{"__proto__":{"x":1}}}', "/a/__proto__", "may be used"],
    ['{"\\u005f_proto__":1}', "/__proto__", "may be used"],
    ['{"a":"\\u0000"}', "/a", "U+0000"],
    ['{"a/b~c":"\\ud800"}', "/a~1b~0c", "half a surrogate"],
    ['{"a":{"\\udc00":1}}', "/a", "a name in /a"],
    [`${"[".repeat(33)}${"]".repeat(33)}`, "", "32 deep"],
    [`{"a":"\\\\",${'"b":['.repeat(1)}${"[".repeat(200_000)}`, "", "32 deep"],
  ])("%.40s", (text, pointer, message) => {
    const { issue } = parsePayload(bytes(text), 32);
    expect(issue?.pointer).toBe(pointer);
    expect(issue?.message).toContain(message);
  });

  test("bytes that are not UTF-8", () => {
    expect(parsePayload(Buffer.from([0x22, 0xc3, 0x28, 0x22]), 32).issue?.message).toBe("the payload is not UTF-8");
  });

  test("more than 256 KB", () => {
    expect(parsePayload(Buffer.alloc(payloadBytesMax + 1, 0x20), 32).issue?.message).toContain("more than 262144");
  });
});

test.each(['{"a":"[[[[\\"]{\\\\","b":[1,2.5,-0,null,true,"é😀\\ud83d\\ude00"]}', "[]", '"x"', "0", `${"[".repeat(32)}${"]".repeat(32)}`])(
  "%.60s is taken as it is",
  (text) => {
    expect(parsePayload(bytes(text), 32)).toEqual({ value: JSON.parse(text), issue: undefined });
  },
);
