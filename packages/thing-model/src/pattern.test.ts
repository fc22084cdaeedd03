import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "./limits.ts";
import { compilePattern } from "./pattern.ts";

/** Patterns of every supported construct over a small alphabet, so that texts of the same alphabet often match. */
const patterns = fc.letrec<{ choice: string; sequence: string; term: string; atom: string }>((tie) => ({
  choice: fc.array(tie("sequence"), { minLength: 1, maxLength: 3 }).map((parts) => parts.join("|")),
  sequence: fc.array(tie("term"), { maxLength: 4 }).map((parts) => parts.join("")),
  term: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    tie("atom"),
    fc.constantFrom("^", "$", "\\b", "\\B"),
    fc
      .tuple(tie("atom"), fc.constantFrom("*", "+", "?", "*?", "{2}", "{1,}", "{0,2}", "{0}"))
      .map(([atom, quantifier]) => atom + quantifier),
    fc.tuple(fc.constantFrom("(?=", "(?!"), tie("choice")).map(([opening, body]) => `${opening}${body})`),
  ),
  atom: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(
      "a",
      "b",
      "1",
      "é",
      "😀",
      ".",
      "\\d",
      "\\W",
      "\\s",
      "[ab]",
      "[^a]",
      "[a-c1]",
      "\\u0061",
      "\\u{1F600}",
      "\\x62",
      "\\p{L}",
      "\\-".slice(1),
    ),
    fc.tuple(fc.constantFrom("(", "(?:", "(?<n>"), tie("choice")).map(([opening, body]) => `${opening}${body})`),
  ),
})).choice;

const texts = fc
  .array(fc.constantFrom("a", "b", "c", "1", " ", "é", "😀", "\n", "\ud83d"), { maxLength: 8 })
  .map((parts) => parts.join(""));

/** ECMA-262's own search, which starts at whole code points only; V8 also starts `\\B` inside a surrogate pair. */
function nativeMatches(source: string, text: string): boolean {
  const native = new RegExp(source, "uy");
  const starts = Array.from({ length: text.length + 1 }, (_, at) => at).filter(
    (at) => at === 0 || (text.codePointAt(at - 1) ?? 0) <= 0xffff,
  );
  return starts.some((start) => {
    native.lastIndex = start;
    return native.test(text);
  });
}

describe("patterns", () => {
  test("match exactly what ECMA-262 in Unicode mode matches [RFC 9880 appendix C.2]", () => {
    let matched = 0;
    fc.assert(
      fc.property(patterns, fc.array(texts, { minLength: 4, maxLength: 4 }), (source, candidates) => {
        // Group names may stand once only; such patterns are malformed and not what this is about.
        fc.pre(source.indexOf("(?<n>") === source.lastIndexOf("(?<n>"));
        const pattern = compilePattern(source);
        for (const text of candidates) {
          const matches = nativeMatches(source, text);
          matched += matches ? 1 : 0;
          expect({ source, text, matches: pattern.matches(text) }).toEqual({ source, text, matches });
        }
      }),
      { numRuns: 2_000 },
    );
    expect(matched).toBeGreaterThan(500);
  });

  const duration = "^(P(?!$)([0-9]+Y)?([0-9]+M)?([0-9]+D)?(T(?=[0-9]+[HMS])([0-9]+H)?([0-9]+M)?([0-9]+S)?)?)$";
  test.each([
    ["P1Y2M", true],
    ["PT5M", true],
    ["P", false],
    ["P1DT", false],
    ["1Y", false],
  ])("lookahead decides about the duration %s", (text, matches) => {
    expect(compilePattern(duration).matches(text)).toBe(matches);
  });

  test.each([
    ["a(", /not an ECMA-262 regular expression/],
    ["\\-", /not an ECMA-262 regular expression/],
    ["(a)\\1", /backreferences/],
    ["(?<x>a)\\k<x>", /backreferences/],
    ["(?<=a)b", /lookbehind/],
    ["(?<!a)b", /lookbehind/],
    ["(?i:a)", /modifiers/],
    ["((a{100}){100}){100}", /too large/],
    ["(?:(?:){1000}){1000000}", /too large/],
  ])("%s is refused with the reason", (source, message) => {
    expect(() => compilePattern(source)).toThrow(message);
  });

  test("a pattern of more than 1,000 characters is refused", () => {
    expect(() => compilePattern("a".repeat(1_001))).toThrow(/at most 1000 characters/);
  });

  test("a text too long for the pattern's size does not match", () => {
    const pattern = compilePattern("^a*$");
    const lengthMax = Math.floor(limits.patternWorkMax / pattern.states);
    expect(pattern.matches("a".repeat(lengthMax))).toBe(true);
    expect(pattern.matches("a".repeat(lengthMax + 1))).toBe(false);
  });
});
