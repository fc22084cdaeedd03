import type { JsonObject, JsonValue } from "@mooring/contracts";
import { limits } from "./limits.ts";

/** Where and why a text is not the JSON accepted here. `pointer` names the value being read (RFC 6901). */
export interface JsonProblem {
  readonly pointer: string;
  readonly message: string;
}

export type JsonResult = { readonly value: JsonValue } | { readonly problem: JsonProblem };

/** One reference token of a JSON pointer, escaped (RFC 6901 s3), cut where a hostile name would flood the message. */
export function pointerToken(name: string | number): string {
  const text = String(name).slice(0, limits.nameLengthMax);
  if (!text.includes("~") && !text.includes("/")) return text;
  return text.replaceAll("~", "~0").replaceAll("/", "~1");
}

/**
 * Reads strict JSON (RFC 8259): duplicate names, lone surrogates, numbers beyond IEEE 754 doubles, and the names `__proto__`,
 * `constructor` and `prototype` are refused, because they mean different things to different readers. Never throws.
 * Bounds: `documentBytesMax`, `depthMax` and `documentValuesMax` of `limits`; the time is linear in the text.
 */
export function parseJson(text: string): JsonResult {
  if (text.length > limits.documentBytesMax || Buffer.byteLength(text) > limits.documentBytesMax) {
    return { problem: { pointer: "", message: `The document is larger than ${limits.documentBytesMax} bytes.` } };
  }
  const reader = new JsonReader(text);
  try {
    return { value: reader.readDocument() };
  } catch (error) {
    if (error instanceof JsonSyntaxError) return { problem: { pointer: reader.pointer(), message: error.message } };
    throw error;
  }
}

class JsonSyntaxError extends Error {}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const HEX4 = /[0-9a-fA-F]{4}/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const REFUSED_NAMES: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

class JsonReader {
  readonly #text: string;
  #at = 0;
  #values = 0;
  readonly #path: (string | number)[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  pointer(): string {
    return this.#path.map((token) => `/${pointerToken(token)}`).join("");
  }

  readDocument(): JsonValue {
    const value = this.#readValue();
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail("Something follows the end of the document");
    return value;
  }

  #fail(what: string): never {
    const before = this.#text.slice(0, this.#at);
    const line = before.split("\n").length;
    throw new JsonSyntaxError(`${what} (line ${line}, column ${this.#at - before.lastIndexOf("\n")}).`);
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #readValue(): JsonValue {
    this.#skipSpace();
    this.#values += 1;
    if (this.#values > limits.documentValuesMax) this.#fail(`The document holds more than ${limits.documentValuesMax} values`);
    switch (this.#text[this.#at]) {
      case "{":
        return this.#readObject();
      case "[":
        return this.#readArray();
      case '"':
        return this.#readString();
      case "t":
        return this.#readWord("true", true);
      case "f":
        return this.#readWord("false", false);
      case "n":
        return this.#readWord("null", null);
      default:
        return this.#readNumber();
    }
  }

  #readWord<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail("A value is expected here");
    this.#at += word.length;
    return value;
  }

  #readNumber(): number {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) this.#fail(this.#at < this.#text.length ? "A value is expected here" : "The document ends too early");
    const value = Number(match[0]);
    if (!Number.isFinite(value)) this.#fail("The number is too large for a double");
    this.#at += match[0].length;
    return value;
  }

  #readString(): string {
    this.#at += 1;
    const start = this.#at;
    let result = "";
    let from = start;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x22) break;
      if (Number.isNaN(code)) this.#fail("The document ends inside a string");
      if (code < 0x20) this.#fail("A control character stands unescaped in a string");
      if (code === 0x5c) {
        result += this.#text.slice(from, this.#at) + this.#readEscape();
        from = this.#at;
      } else this.#at += 1;
    }
    result += this.#text.slice(from, this.#at);
    if (!result.isWellFormed()) this.#fail("A string holds half of a surrogate pair");
    this.#at += 1;
    return result;
  }

  #readEscape(): string {
    const letter = this.#text[this.#at + 1] ?? "";
    if (letter === "u") {
      HEX4.lastIndex = this.#at + 2;
      const match = HEX4.exec(this.#text);
      if (match === null) this.#fail("\\u needs four hexadecimal digits");
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(match[0], 16));
    }
    const character = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (character === undefined) this.#fail("This escape is not one of JSON's");
    this.#at += 2;
    return character;
  }

  #enter(): void {
    if (this.#path.length >= limits.depthMax) this.#fail(`The document is nested more than ${limits.depthMax} levels deep`);
    this.#at += 1;
    this.#skipSpace();
  }

  #readArray(): JsonValue[] {
    this.#enter();
    const items: JsonValue[] = [];
    if (this.#text[this.#at] === "]") {
      this.#at += 1;
      return items;
    }
    for (;;) {
      this.#path.push(items.length);
      items.push(this.#readValue());
      this.#path.pop();
      if (this.#endsList("]")) return items;
    }
  }

  #readObject(): JsonObject {
    this.#enter();
    const members: Record<string, JsonValue> = {};
    if (this.#text[this.#at] === "}") {
      this.#at += 1;
      return members;
    }
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') this.#fail("A name in double quotes is expected here");
      const name = this.#readString();
      this.#path.push(name);
      if (REFUSED_NAMES.has(name)) this.#fail(`The name "${name}" is not allowed`);
      if (Object.hasOwn(members, name)) this.#fail("The same name stands twice in one object");
      this.#skipSpace();
      if (this.#text[this.#at] !== ":") this.#fail("A colon is expected here");
      this.#at += 1;
      members[name] = this.#readValue();
      this.#path.pop();
      if (this.#endsList("}")) return members;
    }
  }

  #endsList(close: "]" | "}"): boolean {
    this.#skipSpace();
    const character = this.#text[this.#at];
    if (character !== close && character !== ",") this.#fail(`A comma or ${close} is expected here`);
    this.#at += 1;
    return character === close;
  }
}
