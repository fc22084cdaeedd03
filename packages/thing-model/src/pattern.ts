import { limits } from "./limits.ts";
import { PatternError } from "./pattern-automaton.ts";
import { toUnicodeNotation } from "./pattern-legacy.ts";
import { notationProblem } from "./pattern-properties.ts";
import { readPattern } from "./pattern-reader.ts";
import { spend } from "./work.ts";

/**
 * Patterns in time linear in the text, whatever the pattern: the `pattern` quality comes from a tenant, and the text from a device.
 *
 * Notation and meaning are ECMA-262 regular expressions in Unicode mode, not anchored (RFC 9880 appendix C.2), without what no finite
 * automaton can do: backreferences. Lookahead, lookbehind and modifiers are supported. A backtracking engine is never asked to match
 * more than one character; the automaton's states are the regular expression's positions, and the set of states from which the rest
 * of the text matches is carried from the end of the text to its start (Thompson's construction, read backwards, so that a lookahead
 * at any position is a table made by the same walk; a lookbehind is a table made by a walk the other way).
 */
export interface Pattern {
  /** In the notation of Unicode mode, whatever it was written in. */
  readonly source: string;
  /** What compiling it costs, as states: those of the automaton, and 20 for each `\p{…}` in it. */
  readonly cost: number;
  /** Size of the automaton; the time of one match is at most some four times this times the length of the text. */
  readonly states: number;
  /**
   * True when the text contains a match. False for a text that needs more work than `limits.patternWorkMax`, in positions of the text and
   * steps between states: no text of less than that divided by four times the states does. Throws TooMuchWork; see work.ts.
   */
  matches(text: string): boolean;
}

/**
 * Throws PatternError for a pattern that is malformed, too large or not regular. One that is legal without the u flag only is read as what
 * it means there (pattern-legacy.ts): `source` then is another text than the one given.
 */
export function compilePattern(written: string): Pattern {
  if (written.length > limits.patternLengthMax)
    throw new PatternError(`A pattern may be at most ${limits.patternLengthMax} characters long.`);
  const source = unicodeSource(written);
  const automaton = readPattern(source);
  const lengthMax = Math.floor(limits.patternWorkMax / automaton.walks);
  return Object.freeze({
    source,
    states: automaton.states,
    cost: automaton.cost,
    matches(text: string) {
      if (text.length > lengthMax) return false;
      const result = automaton.match(text, limits.patternWorkMax);
      spend(limits.patternWorkMax - automaton.workLeft);
      return result === 1;
    },
  });
}

function unicodeSource(written: string): string {
  const problem = notationProblem(written);
  const source = problem === undefined ? written : toUnicodeNotation(written);
  if (source === undefined) throw new PatternError(`The pattern is not an ECMA-262 regular expression in Unicode mode: ${problem}.`);
  return source;
}
