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
    fc.tuple(fc.constantFrom("(?=", "(?!", "(?<=", "(?<!"), tie("choice")).map(([opening, body]) => `${opening}${body})`),
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
      "-",
      "B",
      "[A-C]",
    ),
    fc.tuple(fc.constantFrom("(", "(?:", "(?<n>", "(?m:", "(?s:", "(?-ms:"), tie("choice")).map(([opening, body]) => `${opening}${body})`),
  ),
})).choice;

const texts = fc
  .array(fc.constantFrom("a", "A", "b", "B", "c", "s", "1", " ", "é", "É", "😀", "\n", "\u2028", "-", "\ud83d"), { maxLength: 8 })
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
        fc.pre(source.indexOf("(?<n>") === source.lastIndexOf("(?<n>") && source.length <= limits.patternLengthMax);
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

  test.each([
    ["(?<=\\$)\\d+", "€5 $7", true],
    ["(?<=\\$)\\d+", "€5", false],
    ["(?<!-)\\b\\d+$", "a-5", false],
    ["^.*(?<!\\.)$", "a.", false],
    ["(?<=^(?:ab)+)c", "ababc", true],
    ["(?<=^(?:ab)+)c", "abac", false],
    ["(?<=a(?=b))b", "ab", true],
    ["(?i:kelvin)", "\u212Aelvin", true],
    ["(?i:é)$", "É", true],
    ["(?i:\\W)$", "ſ", false],
    ["(?i:\\b)", "ſ", true],
    ["\\b", "ſ", false],
    ["(?i:a)a", "Aa", true],
    ["(?i:a)a", "aA", false],
    ["(?i:(?-i:a)b)", "aB", true],
    ["(?i:(?-i:a)b)", "AB", false],
    ["(?m:^b$)", "a\nb\nc", true],
    ["^a(?s:.)b", "a\nb", true],
    ["^a.b", "a\nb", false],
  ])("%s on %j: %s", (source, text, matches) => {
    expect(new RegExp(source, "u").test(text)).toBe(matches);
    expect(compilePattern(source).matches(text)).toBe(matches);
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
    ["\\1", /not an ECMA-262 regular expression/],
    ["\\c1", /not an ECMA-262 regular expression/],
    ["(a)\\1", /backreferences, which are not regular/],
    ["(?<x>a)\\k<x>", /backreferences/],
    ["(?<=(a))\\1", /backreferences/],
    ["((a{100}){100}){100}", /too large/],
    ["(?:(?:){1000}){1000000}", /too large/],
  ])("%s is refused with the reason", (source, message) => {
    expect(() => compilePattern(source)).toThrow(message);
  });

  test("a pattern of more than 1,000 characters is refused", () => {
    expect(() => compilePattern("a".repeat(1_001))).toThrow(/at most 1000 characters/);
  });

  test("a text that needs too much work does not match, and costs no more than that", () => {
    const few = compilePattern("^a*$");
    expect(few.matches("a".repeat(limits.patternWorkMax / 4 / few.states))).toBe(true);
    expect(few.matches("a".repeat(limits.patternWorkMax))).toBe(false);
    const many = compilePattern("b(a?){900}a{900}$");
    expect(many.matches(`b${"a".repeat(limits.patternWorkMax / 4 / many.states)}`)).toBe(false);
    expect(many.matches(`b${"a".repeat(1_000)}`)).toBe(true);
    expect(many.matches(`b${"a".repeat(100_000)}`)).toBe(false);
  });

  test("bounds of a thousand and more are written out", () => {
    const pattern = compilePattern("^[a-z]{1,1900}$");
    expect(pattern.states).toBeGreaterThan(1_900);
    expect([0, 1, 1_000, 1_900, 1_901].map((length) => pattern.matches("a".repeat(length)))).toEqual([false, true, true, true, false]);
  });
});

describe("patterns in the notation without the u flag", () => {
  test.each([
    ["^[\\w-.]+@[\\w\\-]+\\.\\w+$", "^[\\w\\-.]+@[\\w\\-]+\\.\\w+$"],
    ["^\\-\\_\\'\\\"\\#$", "^-_'\"#$"],
    ["a{b}]", "a\\{b\\}\\]"],
    ["a{1}\\-", "a{1}-"],
    ["[\\_\\-]", "[_\\-]"],
    ["[\\w--\\d]", "[\\w\\-\\-\\d]"],
    ["[a-\\d-z]", "[a\\-\\d\\-z]"],
    ["\\p{L}\\-", "\\p{L}-"],
  ])("%s is read as %s", (written, source) => {
    const pattern = compilePattern(written);
    expect(pattern.source).toBe(source);
    expect(compilePattern(source).source).toBe(source);
  });

  const parts = ["a", "-", "_", "]", "}", "{", "{a", "{1}x", ".", "\\-", "\\_", "\\'", "\\@", "\\z", "\\d", "\\u12", "\\x1", "\\."];
  const classParts = ["a", "b", "z", "_", ".", "-", "\\-", "\\_", "\\d", "\\w", "\\B", "{", "0-9"];
  const sources = fc
    .array(
      fc.oneof(
        fc.constantFrom(...parts),
        fc.array(fc.constantFrom(...classParts), { minLength: 1, maxLength: 5 }).map((inside) => `[${inside.join("")}]`),
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map((all) => all.join(""));
  const candidates = fc.string({
    unit: fc.constantFrom("a", "b", "z", "B", "1", "x", "-", "_", "]", "{", "}", "'", "@", ".", "\\", "u", "2"),
    maxLength: 6,
  });

  test("mean what ECMA-262 annex B says, or are refused", () => {
    const counts = { read: 0, matched: 0 };
    fc.assert(
      fc.property(sources, fc.array(candidates, { minLength: 6, maxLength: 6 }), (source, texts) => {
        fc.pre(isLegal(source));
        const native = new RegExp(source);
        const pattern = compilePattern(source);
        counts.read += pattern.source === source ? 0 : 1;
        for (const text of texts) {
          counts.matched += native.test(text) ? 1 : 0;
          expect({ source, text, matches: pattern.matches(text) }).toEqual({ source, text, matches: native.test(text) });
        }
      }),
      { numRuns: 3_000 },
    );
    expect(counts.read).toBeGreaterThan(1_000);
    expect(counts.matched).toBeGreaterThan(500);
  });
});

function isLegal(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}
