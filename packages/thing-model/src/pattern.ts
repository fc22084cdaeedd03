import { limits } from "./limits.ts";
import { PatternError } from "./pattern-automaton.ts";
import { readPattern } from "./pattern-reader.ts";
import { spend } from "./work.ts";

/**
 * Patterns in time linear in the text, whatever the pattern: the `pattern` quality comes from a tenant, and the text from a device.
 *
 * Notation and meaning are ECMA-262 regular expressions in Unicode mode, not anchored (RFC 9880 appendix C.2), without what no finite
 * automaton can do: backreferences, lookbehind and modifiers. Lookahead is supported. A backtracking engine is never asked to match
 * more than one character; the automaton's states are the regular expression's positions, and the set of states from which the rest
 * of the text matches is carried from the end of the text to its start (Thompson's construction, read backwards, so that a lookahead
 * at any position is a table made by the same walk).
 */
export interface Pattern {
  readonly source: string;
  /** Size of the automaton; the time of one match is at most this times the length of the text. */
  readonly states: number;
  /** True when the text contains a match. False for a text longer than `limits.patternWorkMax / states`. Throws TooMuchWork; see work.ts. */
  matches(text: string): boolean;
}

/** Throws PatternError for a pattern that is malformed, too large or not regular. */
export function compilePattern(source: string): Pattern {
  if (source.length > limits.patternLengthMax)
    throw new PatternError(`A pattern may be at most ${limits.patternLengthMax} characters long.`);
  try {
    new RegExp(source, "u");
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^.*: /s, "") : "it cannot be read";
    throw new PatternError(`The pattern is not an ECMA-262 regular expression in Unicode mode: ${reason}.`);
  }
  const automaton = readPattern(source);
  const lengthMax = Math.floor(limits.patternWorkMax / automaton.states);
  return Object.freeze({
    source,
    states: automaton.states,
    matches(text: string) {
      if (text.length > lengthMax) return false;
      spend(text.length * automaton.states);
      return automaton.matches(text);
    },
  });
}
