import { expect, test } from "vitest";
import { parseJsonBody } from "./json-body.ts";
import { limits } from "./limits.ts";

const parse = (text: string): unknown => parseJsonBody(Buffer.from(text));
const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

test("no bytes are no body", () => {
  expect(parse("")).toBeUndefined();
});

test("a name that is only like a dangerous one is taken", () => {
  expect(parse('{"constructor": {"a": 1}, "prototype": 2}')).toEqual({ constructor: { a: 1 }, prototype: 2 });
});

test("JSON is taken down to the deepest level and no deeper", () => {
  expect(parse(nested(limits.jsonDepthMax))).toBeDefined();
  expect(() => parse(nested(limits.jsonDepthMax + 1))).toThrow(`is nested deeper than ${limits.jsonDepthMax} levels`);
});

test.each([
  ['{"a": {"__proto__": 1}}', "/a/__proto__"],
  ['{"constructor": {"prototype": {}}}', "/constructor"],
  ['{"a": [1, 1e400]}', "/a/1"],
  ['{"a": "\\ud800"}', "/a"],
  ['{"a/b~": "\\udc00x"}', "/a~1b~0"],
])("%s is refused with a pointer to it (RFC 6901 §3)", (text, pointer) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ details: { issues: [expect.objectContaining({ pointer })] } }));
});

test.each(["{", "nul", "\ufeff{}", "{'a':1}", '{"a":1,}', "NaN"])("%j is not JSON (RFC 8259)", (text) => {
  expect(() => parse(text)).toThrow("the body is not valid JSON");
});
