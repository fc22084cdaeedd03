import { isJsonObject, type JsonValue } from "@mooring/contracts";
import type { Findings } from "./findings.ts";
import { pointerToken } from "./json.ts";

/** Kinds of definition of RFC 9880; each has its own table of qualities below. */
export type DefinitionKind = "thing" | "object" | "property" | "action" | "event" | "data";

/** What may stand as the value of a quality. `named` is a map of definitions, `single` one definition; both are walked by parse.ts. */
export type QualityRule =
  | { readonly form: "named"; readonly kind: DefinitionKind }
  | { readonly form: "single"; readonly kind: DefinitionKind }
  | { readonly form: "value"; readonly check: ValueCheck };

type ValueCheck = (value: JsonValue, pointer: string, findings: Findings) => void;

const named = (kind: DefinitionKind): QualityRule => ({ form: "named", kind });
const single = (kind: DefinitionKind): QualityRule => ({ form: "single", kind });

function value(what: string, holds: (value: JsonValue) => boolean): QualityRule {
  return {
    form: "value",
    check: (candidate, pointer, findings) => {
      if (!holds(candidate)) findings.error(pointer, `The value must be ${what}.`);
    },
  };
}

const isText = (candidate: JsonValue) => typeof candidate === "string";
const isCount = (candidate: JsonValue) => Number.isSafeInteger(candidate) && Number(candidate) >= 0;
const isTextList = (candidate: JsonValue) => Array.isArray(candidate) && candidate.every(isText);
const isPointerList = (candidate: JsonValue) => Array.isArray(candidate) && candidate.every((entry) => entry === true || isText(entry));

const text = value("a string", isText);
const flag = value("true or false", (candidate) => typeof candidate === "boolean");
const number = value("a number", (candidate) => typeof candidate === "number");
const count = value("a whole number, 0 or more", isCount);
const any = value("a value", () => true);

/** Types of RFC 9880 s4.7.1. */
export const dataTypes = ["number", "string", "boolean", "integer", "array", "object"] as const;

function checkEnum(candidate: JsonValue, pointer: string, findings: Findings): void {
  if (!Array.isArray(candidate) || candidate.length === 0) {
    findings.error(pointer, "An enum must be an array with at least one entry.");
    return;
  }
  // RFC 9880 s4.7.2 has strings only; numbers and booleans are common in models made from JSON Schema and are harmless.
  for (const [index, entry] of candidate.entries()) {
    if (typeof entry === "object") findings.error(`${pointer}/${index}`, "An enum's entry must be a string, a number or a boolean.");
  }
  if (new Set(candidate).size !== candidate.length) findings.error(pointer, "An enum may not list the same value twice.");
}

/** RFC 9880 s4.6. */
const common = {
  description: text,
  label: text,
  $comment: text,
  sdfRef: text,
  sdfRequired: value("an array of references, or of true", isPointerList),
} as const;

/** RFC 9880 s4.7 and appendix C. */
const data = {
  ...common,
  type: value(`one of ${dataTypes.join(", ")}`, (candidate) => dataTypes.some((type) => type === candidate)),
  sdfChoice: named("data"),
  enum: { form: "value", check: checkEnum },
  const: any,
  default: any,
  minimum: number,
  maximum: number,
  exclusiveMinimum: number,
  exclusiveMaximum: number,
  multipleOf: value("a number above 0", (candidate) => typeof candidate === "number" && candidate > 0),
  minLength: count,
  maxLength: count,
  pattern: text,
  format: text,
  minItems: count,
  maxItems: count,
  uniqueItems: flag,
  items: single("data"),
  properties: named("data"),
  required: value("an array of strings", isTextList),
  unit: text,
  nullable: flag,
  sdfType: text,
  contentFormat: text,
} as const satisfies Record<string, QualityRule>;

const affordances = {
  sdfProperty: named("property"),
  sdfAction: named("action"),
  sdfEvent: named("event"),
  sdfData: named("data"),
} as const;

const group = { ...common, ...affordances, minItems: count, maxItems: count } as const;

/** The qualities each kind of definition may have (RFC 9880 s5, s6.3). */
export const qualities: Readonly<Record<DefinitionKind, Readonly<Record<string, QualityRule>>>> = {
  thing: { ...group, sdfObject: named("object"), sdfThing: named("thing") },
  object: group,
  property: { ...data, observable: flag, readable: flag, writable: flag },
  action: { ...common, sdfInputData: single("data"), sdfOutputData: single("data"), sdfData: named("data") },
  event: { ...common, sdfOutputData: single("data"), sdfData: named("data") },
  data,
};

/** Members of the document itself that hold definitions (RFC 9880 s3). */
export const documentGroups: Readonly<Record<string, QualityRule>> = {
  ...affordances,
  sdfObject: named("object"),
  sdfThing: named("thing"),
};

const MODIFIED = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?Z)?$/;

/** A date, or a time in UTC (RFC 9880 s3.1). One that is in no calendar (RFC 3339 s5.7) misleads readers and changes nothing: a warning. */
function checkModified(candidate: JsonValue, pointer: string, findings: Findings): void {
  const [, year, month, day, hour = "0", minute = "0", second = "0"] =
    typeof candidate === "string" ? (MODIFIED.exec(candidate) ?? []) : [];
  if (year === undefined) {
    findings.error(pointer, "The value must be a date, or a UTC time ending in Z.");
    return;
  }
  // The year 0 to 99 would be taken for one of the 20th century.
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const isDay = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  if (!isDay || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60)
    findings.warning(pointer, "There is no such date or time of day.");
}

const info: Readonly<Record<string, QualityRule>> = {
  title: text,
  description: text,
  version: text,
  copyright: text,
  license: text,
  modified: { form: "value", check: checkModified },
  features: value("an array of strings", isTextList),
  $comment: text,
};

/** Checks the information block (RFC 9880 s3.1). */
export function checkInfo(block: JsonValue, findings: Findings, prefixes: ReadonlySet<string>): void {
  if (!isJsonObject(block)) {
    findings.error("/info", "The information block must be an object.");
    return;
  }
  for (const [name, entry] of Object.entries(block)) {
    const rule = Object.hasOwn(info, name) ? info[name] : undefined;
    const pointer = `/info/${pointerToken(name)}`;
    if (rule?.form === "value") rule.check(entry, pointer, findings);
    else reportUnknownQuality(name, pointer, findings, prefixes);
    if (findings.isFull) return;
  }
}

/** Prefixes of qualities that converters write and read (src/convert); they have no effect on validation, and that is known. */
const CONVERTER_QUALITY = /^(tsl|wot):[a-zA-Z$][A-Za-z$0-9]*$/;
const QUALITY_NAME = /^([a-z][a-z0-9]*:)?[a-z$][A-Za-z$0-9]*$/;

/**
 * An unknown quality is legal (RFC 9880's extension points) and ignored; saying so is how a typing error comes to light. One with a
 * declared prefix is somebody's extension and nothing to speak of (s2.3).
 */
export function reportUnknownQuality(name: string, pointer: string, findings: Findings, prefixes: ReadonlySet<string>): void {
  if (CONVERTER_QUALITY.test(name)) return;
  const prefix = QUALITY_NAME.exec(name)?.[1]?.slice(0, -1);
  if (!QUALITY_NAME.test(name)) findings.warning(pointer, "This name is not in the form RFC 9880 gives to qualities and has no effect.");
  else if (prefix === undefined) findings.warning(pointer, "This quality is not one of RFC 9880 and has no effect.");
  else if (!prefixes.has(prefix)) findings.warning(pointer, `The prefix ${prefix} is not one of those under namespace.`);
}
