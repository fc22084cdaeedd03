// Hot: `matches` runs for every text a device sends to a property with a pattern.
import { limits } from "./limits.ts";

/*
 * A state is an index into the arrays of Program. `next` is where it leads:
 *
 *   TEST    consumes one code point that passes its test      x ──test──▶ next
 *   SPLIT   leads to two states, consuming nothing            x ──▶ next, x ──▶ other
 *   ASSERT  leads on where its condition holds                x ──if──▶ next
 *   ACCEPT  the end of the pattern or of a lookaround's body
 *
 * States are made from the pattern's end to its start, because `next` must exist before the state that leads to it.
 */
const TEST = 0;
const SPLIT = 1;
const ASSERT = 2;
const ACCEPT = 3;

const NONE: readonly number[] = [];
const TOO_LARGE = "The pattern is too large once its repetitions are written out.";

export type CodePointTest = (codePoint: number) => boolean;
export type Condition = (text: Positions, at: number) => boolean;

/** The pattern needs more than a finite automaton, or more states than allowed; the message is for the model's writer. */
export class PatternError extends Error {
  override readonly name = "PatternError";
}

/** The text by code points, and for each lookaround already worked out, the positions where its body matches. */
export class Positions {
  readonly codePoints: Uint32Array;
  readonly count: number;
  readonly holds: Uint8Array[] = [];

  constructor(text: string) {
    this.codePoints = new Uint32Array(text.length);
    let count = 0;
    for (let at = 0; at < text.length; at += 1) {
      const codePoint = text.codePointAt(at) ?? 0;
      this.codePoints[count] = codePoint;
      count += 1;
      if (codePoint > 0xffff) at += 1;
    }
    this.count = count;
  }
}

/** Built by pattern-reader.ts: states are added, then `finish` names the first one, then it may match, any number of times. */
export class Automaton {
  readonly #kind: number[] = [];
  readonly #next: number[] = [];
  /** Second way out of a SPLIT. */
  readonly #other: number[] = [];
  readonly #tests: (CodePointTest | undefined)[] = [];
  readonly #conditions: (Condition | undefined)[] = [];
  readonly #lookarounds: { readonly start: number; readonly accept: number; readonly isBehind: boolean }[] = [];
  /** For each state, those that lead to it by a test, and those that lead to it without consuming. */
  readonly #testsInto: number[][] = [];
  readonly #emptyInto: number[][] = [];
  #start = 0;
  #accept = 0;
  #repetitions = 0;
  /** The set of states at the position being worked on and at the one after it, and for each state the round it was last entered in. */
  #now: Uint16Array = new Uint16Array(0);
  #later: Uint16Array = new Uint16Array(0);
  #enteredIn: Float64Array = new Float64Array(0);
  #nowCount = 0;
  #round = 0;
  #workLeft = 0;
  #extraCost = 0;

  get states(): number {
    return this.#kind.length;
  }

  /** States, and what the tests cost to make beside them. */
  get cost(): number {
    return this.states + this.#extraCost;
  }

  /** Counts the cost of a test towards the pattern's size. */
  addCost(states: number): void {
    this.#extraCost += states;
    if (this.#extraCost > limits.patternStatesMax) throw new PatternError("The pattern has too many \\p{…}.");
  }

  /** Times the text is walked over: once for each lookaround and once for the pattern. */
  get walks(): number {
    return this.#lookarounds.length + 1;
  }

  addAccept(): number {
    return this.#add(ACCEPT, 0);
  }

  addTest(next: number, test: CodePointTest): number {
    const state = this.#add(TEST, next);
    this.#tests[state] = test;
    return state;
  }

  addAssertion(next: number, condition: Condition): number {
    const state = this.#add(ASSERT, next);
    this.#conditions[state] = condition;
    return state;
  }

  addSplit(next: number, other: number): number {
    const state = this.#add(SPLIT, next);
    this.#other[state] = other;
    return state;
  }

  /** A loop leads back to a SPLIT that had to exist first. */
  closeLoop(split: number, body: number): void {
    this.#other[split] = body;
  }

  /** Adds a lookaround's body; the number is its index in `Positions.holds`. Inner lookarounds must be added before outer ones. */
  addLookaround(start: number, accept: number, isBehind: boolean): number {
    return this.#lookarounds.push({ start, accept, isBehind }) - 1;
  }

  /** Counts one written-out repetition, so that repeating nothing a million times ends too. */
  countRepetition(): void {
    this.#repetitions += 1;
    if (this.#repetitions > limits.patternStatesMax) throw new PatternError(TOO_LARGE);
  }

  finish(start: number, accept: number): void {
    this.#start = start;
    this.#accept = accept;
    this.#now = new Uint16Array(this.states);
    this.#later = new Uint16Array(this.states);
    this.#enteredIn = new Float64Array(this.states);
    for (let state = 0; state < this.states; state += 1) {
      this.#testsInto.push([]);
      this.#emptyInto.push([]);
    }
    for (let state = 0; state < this.states; state += 1) {
      const kind = this.#kind[state];
      if (kind === ACCEPT) continue;
      (kind === TEST ? this.#testsInto : this.#emptyInto)[this.#next[state] ?? 0]?.push(state);
      if (kind === SPLIT) this.#emptyInto[this.#other[state] ?? 0]?.push(state);
    }
  }

  /**
   * Whether the pattern matches somewhere in the text: 1 or 0, or -1 where that is more work than `workMax`. The work that was done, in
   * positions and steps between states, is `workMax - workLeft`.
   */
  match(text: string, workMax: number): number {
    this.#workLeft = workMax;
    const positions = new Positions(text);
    for (const { start, accept, isBehind } of this.#lookarounds) {
      const holds = new Uint8Array(positions.count + 1);
      if (isBehind) this.#walkForward(positions, start, accept, holds);
      else this.#walkBack(positions, start, accept, holds);
      if (this.#workLeft < 0) return -1;
      positions.holds.push(holds);
    }
    const matches = this.#walkBack(positions, this.#start, this.#accept, undefined);
    if (this.#workLeft < 0) return -1;
    return matches ? 1 : 0;
  }

  get workLeft(): number {
    return this.#workLeft;
  }

  #add(kind: number, next: number): number {
    if (this.states >= limits.patternStatesMax) throw new PatternError(TOO_LARGE);
    this.#kind.push(kind);
    this.#next.push(next);
    this.#other.push(0);
    this.#tests.push(undefined);
    this.#conditions.push(undefined);
    return this.states - 1;
  }

  /**
   * Goes from the end of the text to its start with the set of states from which `accept` can be reached; marks in `holds` the
   * positions where `start` is among them, or without `holds` returns true at the first one. Stops where the work is used up.
   */
  #walkBack(positions: Positions, start: number, accept: number, holds: Uint8Array | undefined): boolean {
    this.#nowCount = 0;
    for (let at = positions.count; at >= 0 && this.#workLeft >= 0; at -= 1) {
      const laterCount = this.#beginPosition();
      this.#enter(accept);
      for (let index = 0; index < laterCount; index += 1) this.#stepBackOverTests(this.#later[index] ?? 0, positions.codePoints[at] ?? 0);
      // The set grows while it is walked, until nothing more leads into it without consuming.
      for (let index = 0; index < this.#nowCount; index += 1) this.#stepBackOverEmpty(this.#now[index] ?? 0, positions, at);
      if (this.#enteredIn[start] === this.#round) {
        if (holds === undefined) return true;
        holds[at] = 1;
      }
    }
    return false;
  }

  /**
   * Goes from the start of the text to its end with the set of states that can be reached from `start`, which is entered anew everywhere;
   * marks in `holds` the positions where `accept` is among them: where a match of the body ends, wherever it began.
   */
  #walkForward(positions: Positions, start: number, accept: number, holds: Uint8Array): void {
    this.#nowCount = 0;
    for (let at = 0; at <= positions.count && this.#workLeft >= 0; at += 1) {
      const beforeCount = this.#beginPosition();
      const codePoint = at === 0 ? 0 : (positions.codePoints[at - 1] ?? 0);
      this.#enter(start);
      for (let index = 0; index < beforeCount; index += 1) this.#stepOverTest(this.#later[index] ?? 0, codePoint);
      for (let index = 0; index < this.#nowCount; index += 1) this.#stepOverEmpty(this.#now[index] ?? 0, positions, at);
      if (this.#enteredIn[accept] === this.#round) holds[at] = 1;
    }
  }

  /** The set of the position before becomes `#later`; returns its size. */
  #beginPosition(): number {
    const before = this.#now;
    const count = this.#nowCount;
    this.#now = this.#later;
    this.#later = before;
    this.#nowCount = 0;
    this.#round += 1;
    this.#workLeft -= 1;
    return count;
  }

  #stepBackOverTests(state: number, codePoint: number): void {
    const froms = this.#testsInto[state] ?? NONE;
    this.#workLeft -= froms.length;
    for (let index = 0; index < froms.length; index += 1) {
      const from = froms[index] ?? 0;
      if (this.#enteredIn[from] !== this.#round && this.#tests[from]?.(codePoint) === true) this.#enter(from);
    }
  }

  #stepBackOverEmpty(state: number, positions: Positions, at: number): void {
    const froms = this.#emptyInto[state] ?? NONE;
    this.#workLeft -= froms.length;
    for (let index = 0; index < froms.length; index += 1) {
      const from = froms[index] ?? 0;
      if (this.#enteredIn[from] !== this.#round && this.#conditions[from]?.(positions, at) !== false) this.#enter(from);
    }
  }

  #stepOverTest(state: number, codePoint: number): void {
    this.#workLeft -= 1;
    if (this.#kind[state] !== TEST) return;
    const next = this.#next[state] ?? 0;
    if (this.#enteredIn[next] !== this.#round && this.#tests[state]?.(codePoint) === true) this.#enter(next);
  }

  #stepOverEmpty(state: number, positions: Positions, at: number): void {
    this.#workLeft -= 1;
    const kind = this.#kind[state];
    if (kind === TEST || kind === ACCEPT || this.#conditions[state]?.(positions, at) === false) return;
    const next = this.#next[state] ?? 0;
    if (this.#enteredIn[next] !== this.#round) this.#enter(next);
    const other = this.#other[state] ?? 0;
    if (kind === SPLIT && this.#enteredIn[other] !== this.#round) this.#enter(other);
  }

  #enter(state: number): void {
    this.#enteredIn[state] = this.#round;
    this.#now[this.#nowCount] = state;
    this.#nowCount += 1;
  }
}
