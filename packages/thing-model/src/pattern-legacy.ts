// Patterns written for the notation of ECMA-262 without the u flag (annex B.1.2), which most writers know: `\-`, `\_`, `a{`, `[\w-.]`.

import { notationProblem } from "./pattern-properties.ts";

/** Escapes that mean something, or are legal, in Unicode mode; everything else that follows a backslash stands for itself in annex B. */
const ESCAPE =
  /\\(?:[dDwWsStnvfrbB]|[\^$\\.*+?()[\]{}|/]|0(?![0-9])|[0-9]+|c[A-Za-z]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]+\}|[pP]\{[^}]*\}|k<[^>]*>)/y;
const CLASS_OF_MANY = /^\\[dDwWsSpP]/;
const QUANTIFIER = /\{[0-9]+(?:,[0-9]*)?\}/y;

/**
 * The same pattern in the notation of Unicode mode, where it is one without the u flag and the two differ in escapes and braces only; else
 * undefined. It is matched by code points then, and `\p{…}` keeps the meaning it has in Unicode mode: whoever writes it means that.
 */
export function toUnicodeNotation(source: string): string | undefined {
  if (!isLegal(source)) return undefined;
  const translated = new Translator(source).translate();
  return notationProblem(translated) === undefined ? translated : undefined;
}

function isLegal(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}

class Translator {
  readonly #source: string;
  #at = 0;
  #result = "";

  constructor(source: string) {
    this.#source = source;
  }

  translate(): string {
    while (this.#at < this.#source.length) {
      const character = this.#source[this.#at] ?? "";
      if (character === "\\") this.#put(this.#readEscape(false));
      else if (character === "[") this.#translateClass();
      else if (character === "{") this.#put(this.#take(QUANTIFIER) ?? this.#escapeNext());
      else if (character === "}" || character === "]") this.#put(this.#escapeNext());
      else this.#put(this.#next());
    }
    return this.#result;
  }

  /** In a class a hyphen beside `\w` and its like is itself: no range begins or ends there. */
  #translateClass(): void {
    this.#put(this.#next());
    if (this.#source[this.#at] === "^") this.#put(this.#next());
    let before = "";
    while (this.#at < this.#source.length && this.#source[this.#at] !== "]") {
      const isRange = this.#source[this.#at] === "-" && before !== "" && this.#source[this.#at + 1] !== "]";
      if (!isRange) {
        before = this.#readClassAtom();
        this.#put(before);
        continue;
      }
      this.#at += 1;
      const after = this.#readClassAtom();
      const isOfMany = CLASS_OF_MANY.test(before) || CLASS_OF_MANY.test(after);
      this.#put(`${isOfMany ? "\\-" : "-"}${after}`);
      before = "";
    }
    if (this.#at < this.#source.length) this.#put(this.#next());
  }

  #readClassAtom(): string {
    if (this.#source[this.#at] === "\\") return this.#readEscape(true);
    return this.#source[this.#at] === "-" ? this.#escapeNext() : this.#next();
  }

  #readEscape(isInClass: boolean): string {
    const legal = this.#take(ESCAPE);
    if (legal !== undefined && !(isInClass && /^\\[Bk]/.test(legal))) return legal;
    if (legal !== undefined) this.#at -= legal.length;
    // Where no letter follows, annex B has the backslash for itself: left as it is, which Unicode mode refuses.
    if (this.#source[this.#at + 1] === "c") return this.#next();
    this.#at += 1;
    const character = this.#next();
    return character === "-" && isInClass ? "\\-" : character;
  }

  #next(): string {
    const character = String.fromCodePoint(this.#source.codePointAt(this.#at) ?? 0);
    this.#at += character.length;
    return character;
  }

  #escapeNext(): string {
    return `\\${this.#next()}`;
  }

  #take(expression: RegExp): string | undefined {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#source)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #put(text: string): void {
    this.#result += text;
  }
}
