import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseJson } from "./json.ts";

const refused: readonly (readonly [title: string, text: string, pointer: string, message: RegExp])[] = [
  ["a name that stands twice", '{"a":{"b":1,"b":2}}', "/a/b", /twice/],
  ["a name that stands twice, once escaped", '{"a":1,"\\u0061":2}', "/a", /twice/],
  ["__proto__", '{"a":{"__proto__":{"x":1}}}', "/a/__proto__", /not allowed/],
  ["constructor", '{"constructor":1}', "/constructor", /not allowed/],
  ["prototype", '{"prototype":1}', "/prototype", /not allowed/],
  ["half of a surrogate pair, escaped", '["\\ud800"]', "/0", /surrogate/],
  ["half of a surrogate pair, plain", '["\ud800"]', "/0", /surrogate/],
  ["a number beyond doubles", '{"a/b":1e400}', "/a~1b", /too large/],
  ["nesting beyond 64", "[".repeat(65) + "]".repeat(65), "/0".repeat(64), /64 levels/],
  ["text after the end", "{} {}", "", /follows.*line 1, column 4/],
  ["an empty text", "", "", /ends too early/],
  ["an unfinished string", '{"a":"b', "/a", /ends inside a string/],
  ["a leading zero", "[01]", "", /comma/],
  ["a trailing comma", '{"a":1,}', "", /name in double quotes/],
  ["a control character in a string", '["\n"]', "/0", /control character/],
  ["an escape JSON does not have", '["\\x41"]', "/0", /escape/],
  ["a comment", "// hi\n{}", "", /value is expected/],
  ["NaN", "[NaN]", "/0", /value is expected/],
  ["a byte order mark", "\ufeff{}", "", /value is expected/],
];

describe("parseJson", () => {
  test.each(refused)("refuses %s and says where [RFC 8259]", (_title, text, pointer, message) => {
    const result = parseJson(text);
    expect(result).toMatchObject({ problem: { pointer, message: expect.stringMatching(message) } });
  });

  test("counts lines and columns from 1", () => {
    expect(parseJson('{\n  "a": ?\n}')).toMatchObject({ problem: { message: "A value is expected here (line 2, column 8)." } });
  });

  test("accepts nesting of exactly 64", () => {
    expect(parseJson("[".repeat(64) + "]".repeat(64))).toHaveProperty("value");
  });

  test("reads every JSON value as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, "\t"), (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        const result = parseJson(text);
        if ("problem" in result) expect(result.problem.message).toMatch(/is not allowed/);
        else expect(result.value).toEqual(JSON.parse(text));
      }),
    );
  });

  test("accepts no text that JSON.parse refuses", () => {
    const piece = fc.constantFrom("{", "}", "[", "]", ",", ":", '"', '"a"', "1", "-", ".5", "e9", "true", "nul", " ", "\\", "\\u00e9", "0");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join("");
        const result = parseJson(text);
        if ("value" in result) expect(JSON.parse(text)).toEqual(result.value);
      }),
      { numRuns: 3_000 },
    );
  });
});
