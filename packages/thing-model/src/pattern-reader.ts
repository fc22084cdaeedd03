import { Automaton, type CodePointTest, type Condition, PatternError } from "./pattern-automaton.ts";
import { countProperties } from "./pattern-properties.ts";

/** Making one `\p{…}` takes about as long as making so many states. */
const PROPERTY_COST = 20;

/** A piece of pattern: given the state that follows it, adds its states and returns its first one. */
type Piece = (automaton: Automaton, follow: number) => number;

/** Makes the automaton of a pattern that `new RegExp(source, "u")` has accepted. Throws PatternError. */
export function readPattern(source: string): Automaton {
  const automaton = new Automaton();
  const accept = automaton.addAccept();
  const reader = new PatternReader(source);
  const piece = reader.readChoice();
  automaton.addCost(PROPERTY_COST * countProperties(reader.atoms));
  const start = piece(automaton, accept);
  automaton.finish(start, accept);
  return automaton;
}

const isWordCodePoint: CodePointTest = (code) =>
  (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || (code >= 0x61 && code <= 0x7a);
const isLineEnd: CodePointTest = (code) => code === 0x0a || code === 0x0d || code === 0x2028 || code === 0x2029;

/** What `(?ims-ims:…)` sets, for what is inside. */
interface Modes {
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
}

const atStart: Condition = (_text, at) => at === 0;
const atEnd: Condition = (text, at) => at === text.count;
const atLineStart: Condition = (text, at) => at === 0 || isLineEnd(text.codePoints[at - 1] ?? 0);
const atLineEnd: Condition = (text, at) => at === text.count || isLineEnd(text.codePoints[at] ?? 0);

function wordBoundary(isWord: CodePointTest, wanted: boolean): Condition {
  return (text, at) => {
    const before = at > 0 && isWord(text.codePoints[at - 1] ?? 0);
    const after = at < text.count && isWord(text.codePoints[at] ?? 0);
    return (before !== after) === wanted;
  };
}

function testPiece(test: CodePointTest): Piece {
  return (automaton, follow) => automaton.addTest(follow, test);
}

function assertPiece(condition: Condition): Piece {
  return (automaton, follow) => automaton.addAssertion(follow, condition);
}

function lookaroundPiece(body: Piece, isBehind: boolean, wanted: boolean): Piece {
  return (automaton, follow) => {
    const accept = automaton.addAccept();
    const index = automaton.addLookaround(body(automaton, accept), accept, isBehind);
    return automaton.addAssertion(follow, (text, at) => (text.holds[index]?.[at] === 1) === wanted);
  };
}

function sequencePiece(pieces: readonly Piece[]): Piece {
  return (automaton, follow) => pieces.reduceRight((next, piece) => piece(automaton, next), follow);
}

function choicePiece(pieces: readonly Piece[]): Piece {
  return (automaton, follow) => {
    const starts = pieces.map((piece) => piece(automaton, follow));
    return starts.reduceRight((other, next) => automaton.addSplit(next, other));
  };
}

function repeatPiece(body: Piece, min: number, max: number): Piece {
  return (automaton, follow) => {
    let next = follow;
    if (max === Number.POSITIVE_INFINITY) {
      next = automaton.addSplit(follow, follow);
      automaton.closeLoop(next, body(automaton, next));
    }
    for (let count = min; count < max && max !== Number.POSITIVE_INFINITY; count += 1) {
      automaton.countRepetition();
      next = automaton.addSplit(body(automaton, next), follow);
    }
    for (let count = 0; count < min; count += 1) {
      automaton.countRepetition();
      next = body(automaton, next);
    }
    return next;
  };
}

/** A test of one code point by the native engine, for classes and escapes, made when it is first needed; ASCII answers are kept. */
function nativeTest(atom: string, { ignoreCase, dotAll }: Modes): CodePointTest {
  let expression: RegExp | undefined;
  const test = (text: string) => {
    expression ??= new RegExp(`^${atom}$`, `u${ignoreCase ? "i" : ""}${dotAll ? "s" : ""}`);
    return expression.test(text);
  };
  const ascii = new Uint8Array(128);
  return (codePoint) => {
    if (codePoint >= 128) return test(String.fromCodePoint(codePoint));
    if (ascii[codePoint] === 0) ascii[codePoint] = test(String.fromCharCode(codePoint)) ? 1 : 2;
    return ascii[codePoint] === 1;
  };
}

const QUANTIFIER = /(?:([*+?])|\{([0-9]+)(,([0-9]*))?\})\??/y;
const ESCAPE =
  /\\(?:u\{[0-9a-fA-F]+\}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z]|[pP]\{[^}]*\}|.)/suy;
const CLASS = /\[(?:\\.|[^\]\\])*\]/suy;
const GROUP = /\(\?(?:[:=!]|<=|<!|<[^>]*>|([ims]*)(?:-([ims]*))?:)/y;

/** Reads the pattern by recursive descent. It may trust the notation, which the native engine has checked. */
class PatternReader {
  readonly #source: string;
  #at = 0;
  readonly #tests = new Map<string, CodePointTest>();
  #modes: Modes = { ignoreCase: false, multiline: false, dotAll: false };

  constructor(source: string) {
    this.#source = source;
  }

  /** Classes and escapes of the pattern, each once for each way its case and line ends are read. */
  get atoms(): Iterable<string> {
    return this.#tests.keys();
  }

  readChoice(): Piece {
    const choices = [this.#readSequence()];
    while (this.#source[this.#at] === "|") {
      this.#at += 1;
      choices.push(this.#readSequence());
    }
    return choicePiece(choices);
  }

  #readSequence(): Piece {
    const pieces: Piece[] = [];
    while (this.#at < this.#source.length && this.#source[this.#at] !== "|" && this.#source[this.#at] !== ")") {
      pieces.push(this.#readQuantifier(this.#readTerm()));
    }
    return sequencePiece(pieces);
  }

  #readQuantifier(piece: Piece): Piece {
    const match = this.#take(QUANTIFIER);
    if (match === undefined) return piece;
    const [, symbol, least, comma, most] = match;
    if (symbol === "?") return repeatPiece(piece, 0, 1);
    if (symbol !== undefined) return repeatPiece(piece, symbol === "+" ? 1 : 0, Number.POSITIVE_INFINITY);
    const min = Number(least);
    if (comma === undefined) return repeatPiece(piece, min, min);
    return repeatPiece(piece, min, most === "" ? Number.POSITIVE_INFINITY : Number(most));
  }

  #readTerm(): Piece {
    switch (this.#source[this.#at]) {
      case "^":
        this.#at += 1;
        return assertPiece(this.#modes.multiline ? atLineStart : atStart);
      case "$":
        this.#at += 1;
        return assertPiece(this.#modes.multiline ? atLineEnd : atEnd);
      case "(":
        return this.#readGroup();
      case "[":
        return testPiece(this.#nativeTest(this.#take(CLASS)?.[0] ?? ""));
      case ".":
        this.#at += 1;
        return testPiece(this.#nativeTest("."));
      case "\\":
        return this.#readEscape();
      default: {
        const literal = this.#source.codePointAt(this.#at) ?? 0;
        this.#at += literal > 0xffff ? 2 : 1;
        if (this.#modes.ignoreCase) return testPiece(this.#nativeTest(`\\u{${literal.toString(16)}}`));
        return testPiece((codePoint) => codePoint === literal);
      }
    }
  }

  #readGroup(): Piece {
    const [opening, added, removed] = this.#take(GROUP) ?? [];
    if (opening === undefined) this.#at += 1;
    const outer = this.#modes;
    if (added !== undefined) this.#modes = changeModes(outer, added, removed ?? "");
    const body = this.readChoice();
    this.#modes = outer;
    this.#at += 1;
    const isBehind = opening === "(?<=" || opening === "(?<!";
    const isLookaround = isBehind || opening === "(?=" || opening === "(?!";
    return isLookaround ? lookaroundPiece(body, isBehind, opening.endsWith("=")) : body;
  }

  #readEscape(): Piece {
    const text = this.#take(ESCAPE)?.[0] ?? "";
    if (text === "\\b" || text === "\\B") {
      const isWord = this.#modes.ignoreCase ? this.#nativeTest("\\w") : isWordCodePoint;
      return assertPiece(wordBoundary(isWord, text === "\\b"));
    }
    if (/^\\[1-9k]$/.test(text))
      throw new PatternError("The pattern uses backreferences, which are not regular and cannot be matched in bounded time.");
    return testPiece(this.#nativeTest(text));
  }

  #nativeTest(atom: string): CodePointTest {
    const key = `${this.#modes.ignoreCase ? "i" : ""}${this.#modes.dotAll ? "s" : ""}:${atom}`;
    const test = this.#tests.get(key) ?? nativeTest(atom, this.#modes);
    this.#tests.set(key, test);
    return test;
  }

  #take(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#at;
    const match = expression.exec(this.#source);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match;
  }
}

function changeModes(outer: Modes, added: string, removed: string): Modes {
  const mode = (letter: string, before: boolean) => added.includes(letter) || (before && !removed.includes(letter));
  return { ignoreCase: mode("i", outer.ignoreCase), multiline: mode("m", outer.multiline), dotAll: mode("s", outer.dotAll) };
}
