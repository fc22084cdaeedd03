// Hot: `validateProperties` runs for every report. Nothing is allocated while values are fine; explaining errors may be slow.
import { deviceTimeMsMax, isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";
import { type Checker, type Checkers, createChecker } from "./check.ts";
import { describeValue, explain, type FieldError, FieldErrors } from "./explain.ts";
import { pointerToken } from "./json.ts";
import type { CompiledModel, ModelData, PropertyReport } from "./model.ts";
import type { Pattern } from "./pattern.ts";
import type { DataSchema } from "./schema.ts";
import { beginPayload, endPayload, TooMuchWork } from "./work.ts";

type Validators = Pick<
  CompiledModel,
  "validateProperties" | "unwrapProperties" | "validateEvent" | "validateServiceInput" | "validateServiceOutput" | "validateDesired"
>;

interface PropertySlot {
  readonly check: (value: unknown) => boolean;
  readonly checker: Checker;
  readonly writable: boolean;
  /** Whether `{value, time}` wraps the property's value rather than being it. */
  readonly wraps: boolean;
}

const NO_ERRORS: readonly FieldError[] = Object.freeze([]);
const tooMuchWork = new FieldErrors();
tooMuchWork.add("", "checked within bounded work", "so many long texts or items under so many patterns or alternatives");
const TOO_MUCH_WORK: readonly FieldError[] = Object.freeze(tooMuchWork.list);

/** Makes the validators of a model's data; `patterns` are its compiled patterns, `known` the checkers that were made already. */
export function createValidators(data: ModelData, patterns: ReadonlyMap<string, Pattern>, known: Checkers = new Map()): Validators {
  const slots = new Map<string, PropertySlot>();
  for (const { name, schema, writable } of data.properties) {
    const checker = createChecker(schema, patterns, known);
    slots.set(name, { check: checker.check, checker, writable, wraps: !mayHaveValueMember(schema) });
  }
  const checkerOf = (schema: DataSchema | undefined) => (schema === undefined ? undefined : createChecker(schema, patterns, known));
  const events = new Map(data.events.map((event) => [event.name, checkerOf(event.output)]));
  const inputs = new Map(data.services.map((service) => [service.name, checkerOf(service.input)]));
  const outputs = new Map(data.services.map((service) => [service.name, checkerOf(service.output)]));
  return {
    validateProperties: bounded((params) => validateProperties(slots, params)),
    unwrapProperties: (params) => unwrapProperties(slots, params),
    validateEvent: bounded((name, value) => validateNamed(events, name, value, "event")),
    validateServiceInput: bounded((name, value) => validateNamed(inputs, name, value, "service")),
    validateServiceOutput: bounded((name, value) => validateNamed(outputs, name, value, "service")),
    validateDesired: bounded((patch) => validateDesired(slots, patch)),
  };
}

/** The same, but a payload that costs too much is refused as a whole. */
function bounded<Args extends readonly [unknown, unknown?]>(
  validate: (...args: Args) => readonly FieldError[],
): (...args: Args) => readonly FieldError[] {
  return (...args) => {
    beginPayload();
    try {
      return validate(...args);
    } catch (error) {
      if (error instanceof TooMuchWork) return TOO_MUCH_WORK;
      throw error;
    } finally {
      endPayload();
    }
  };
}

function validateProperties(slots: ReadonlyMap<string, PropertySlot>, params: unknown): readonly FieldError[] {
  if (!isJsonObject(params)) return explainProperties(slots, params);
  for (const name in params) {
    const slot = slots.get(name);
    if (slot === undefined) return explainProperties(slots, params);
    const value = params[name];
    if (slot.check(value)) continue;
    if (!slot.wraps || !isWrapped(value) || !hasGoodTime(value) || !slot.check(value["value"])) return explainProperties(slots, params);
  }
  return NO_ERRORS;
}

function explainProperties(slots: ReadonlyMap<string, PropertySlot>, params: unknown): readonly FieldError[] {
  const errors = new FieldErrors();
  if (!isJsonObject(params)) {
    errors.add("", "object of properties", describeValue(params));
    return errors.list;
  }
  for (const name in params) {
    if (errors.isFull) break;
    const slot = slots.get(name);
    const value = params[name];
    const pointer = `/${pointerToken(name)}`;
    if (slot === undefined) errors.add(pointer, "a property of the model", describeValue(value));
    else if (slot.wraps && isWrapped(value)) {
      explain(slot.checker, value["value"], `${pointer}/value`, "complete", errors);
      if (!hasGoodTime(value)) errors.add(`${pointer}/time`, "integer milliseconds since 1970", describeValue(value["time"]));
    } else explain(slot.checker, value, pointer, "complete", errors);
  }
  return errors.list;
}

function unwrapProperties(slots: ReadonlyMap<string, PropertySlot>, params: JsonObject): PropertyReport {
  const values: Record<string, JsonValue> = {};
  const timesMs: Record<string, number> = {};
  for (const name of Object.keys(params)) {
    const value = params[name] ?? null;
    const wrapped = slots.get(name)?.wraps === true && isWrapped(value);
    values[name] = wrapped ? (value["value"] ?? null) : value;
    if (wrapped && typeof value["time"] === "number") timesMs[name] = value["time"];
  }
  return { values, timesMs };
}

function validateDesired(slots: ReadonlyMap<string, PropertySlot>, patch: unknown): readonly FieldError[] {
  const errors = new FieldErrors();
  if (!isJsonObject(patch)) {
    errors.add("", "object of properties", describeValue(patch));
    return errors.list;
  }
  for (const name in patch) {
    if (errors.isFull) break;
    const slot = slots.get(name);
    const value = patch[name];
    const pointer = `/${pointerToken(name)}`;
    if (value === null) continue;
    if (slot === undefined) errors.add(pointer, "a property of the model", describeValue(value));
    else if (!slot.writable) errors.add(pointer, "left alone, since the property is not writable", describeValue(value));
    else explain(slot.checker, value, pointer, "patch", errors);
  }
  return errors.list;
}

function validateNamed(
  checkers: ReadonlyMap<string, Checker | undefined>,
  name: string,
  value: unknown,
  kind: string,
): readonly FieldError[] {
  const checker = checkers.get(name);
  if (checker?.check(value) === true) return NO_ERRORS;
  const errors = new FieldErrors();
  if (checker !== undefined) explain(checker, value, "", "complete", errors);
  else if (!checkers.has(name))
    errors.add("", `data of ${kind === "event" ? "an event" : "a service"} of the model`, `${kind} ${describeValue(name)}`);
  else if (value !== undefined && value !== null && !(isJsonObject(value) && Object.keys(value).length === 0)) {
    errors.add("", "empty", describeValue(value));
  }
  return errors.list.length === 0 ? NO_ERRORS : errors.list;
}

function isWrapped(value: unknown): value is JsonObject {
  if (!isJsonObject(value) || !Object.hasOwn(value, "value")) return false;
  for (const name in value) if (name !== "value" && name !== "time") return false;
  return true;
}

function hasGoodTime(wrapped: JsonObject): boolean {
  const time = wrapped["time"];
  return time === undefined || (Number.isInteger(time) && Number(time) >= 0 && Number(time) <= deviceTimeMsMax);
}

/** Whether some value the schema allows is an object with a member `value`, so that wrapping would be ambiguous. */
export function mayHaveValueMember(schema: DataSchema): boolean {
  if (schema.type !== undefined && schema.type !== "object") return false;
  if (schema.const !== undefined) return isJsonObject(schema.const) && Object.hasOwn(schema.const, "value");
  if (schema.enum !== undefined) return false;
  if (schema.choices !== undefined) return schema.choices.some((choice) => mayHaveValueMember(choice.schema));
  return schema.properties === undefined || Object.hasOwn(schema.properties, "value");
}
