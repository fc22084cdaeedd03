import { type FieldIssue, isJsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import { pointerToken } from "../../json.ts";
import { limits } from "../../limits.ts";

/**
 * Field numbers of a model's messages: message to field to number. A field is its name and type, so that one whose type changes gets a
 * new number, as binary readers need. An entry is never taken back: a number stands for one meaning in every version of the model,
 * those to come included. Under the name `""` the messages themselves are numbered, to tell apart names that would be spelled alike.
 */
export type FieldNumbers = Readonly<Record<string, Readonly<Record<string, number>>>>;

const numberMax = 536_870_911;
/** Kept free for implementations by the protocol buffers language. */
const [reservedFrom, reservedTo] = [19_000, 19_999];
/** Fields and messages of all versions of a model together. */
export const fieldNumbersMax = 100_000;

/** Gives out numbers, those already allotted first. */
export class NumberAllotment {
  readonly #messages = new Map<string, Map<string, number>>();
  readonly #last = new Map<string, number>();
  #count = 0;

  constructor(known: FieldNumbers) {
    for (const [message, fields] of Object.entries(known)) {
      this.#messages.set(message, new Map(Object.entries(fields)));
      const numbers = Object.values(fields);
      this.#last.set(
        message,
        numbers.reduce((max, number) => Math.max(max, number), 0),
      );
      this.#count += numbers.length;
    }
  }

  /** Throws `quotaExceeded` when there is no number left. */
  numberOf(message: string, field: string): number {
    const fields = this.#messages.get(message) ?? new Map<string, number>();
    this.#messages.set(message, fields);
    const known = fields.get(field);
    if (known !== undefined) return known;
    const next = (this.#last.get(message) ?? 0) + 1;
    const number = next >= reservedFrom && next <= reservedTo ? reservedTo + 1 : next;
    this.#count += 1;
    if (this.#count > fieldNumbersMax || number > numberMax) {
      throw new PlatformError(
        "quotaExceeded",
        `a model's versions together have at most ${fieldNumbersMax} field numbers, up to ${numberMax}`,
      );
    }
    fields.set(field, number);
    this.#last.set(message, number);
    return number;
  }

  /** The numbers of a message that none of `used` has. */
  unused(message: string, used: ReadonlySet<number>): readonly number[] {
    return [...(this.#messages.get(message)?.values() ?? [])].filter((number) => !used.has(number)).sort((a, b) => a - b);
  }

  toJson(): FieldNumbers {
    return Object.fromEntries([...this.#messages].map(([message, fields]) => [message, Object.fromEntries(fields)]));
  }
}

/** Reads an allotment somebody kept. Throws `invalidArgument` naming what is wrong. */
export function parseFieldNumbers(value: JsonValue): FieldNumbers {
  const issues: FieldIssue[] = [];
  const add = (pointer: string, message: string) => {
    if (issues.length < limits.findingsMax) issues.push({ pointer, message });
  };
  const result: Record<string, Record<string, number>> = {};
  let left = fieldNumbersMax;
  if (!isJsonObject(value)) add("", "must be an object of messages");
  for (const [message, fields] of isJsonObject(value) ? Object.entries(value) : []) {
    const pointer = `/${pointerToken(message)}`;
    const numbers: Record<string, number> = {};
    const seen = new Set<number>();
    if (!isJsonObject(fields)) add(pointer, "must be an object of fields and numbers");
    for (const [field, number] of isJsonObject(fields) ? Object.entries(fields) : []) {
      const at = `${pointer}/${pointerToken(field)}`;
      if (left-- === 0) add("", `may hold at most ${fieldNumbersMax} numbers`);
      if (!isFieldNumber(number)) add(at, `must be a field number: 1 to ${numberMax}, not ${reservedFrom} to ${reservedTo}`);
      else if (seen.has(number)) add(at, `is allotted twice: ${number}`);
      else {
        seen.add(number);
        numbers[field] = number;
      }
    }
    result[message] = numbers;
  }
  const [first] = issues;
  if (first === undefined) return result;
  throw new PlatformError("invalidArgument", `the field numbers are not valid: ${first.pointer || "/"}: ${first.message}`, { issues });
}

function isFieldNumber(value: JsonValue): value is number {
  if (typeof value !== "number" || !Number.isInteger(value)) return false;
  return value >= 1 && value <= numberMax && (value < reservedFrom || value > reservedTo);
}
