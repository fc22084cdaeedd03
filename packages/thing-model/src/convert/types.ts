import { isJsonObject, type JsonValue } from "@mooring/contracts";
import type { DataSchema, DataType } from "../schema.ts";

/** The one type all values of a schema have, be it written, or that of its constants or choices; undefined where there is none. */
export function typeOfValues(schema: DataSchema): DataType | undefined {
  if (schema.type !== undefined) return schema.type;
  if (schema.const !== undefined) return typeOfValue(schema.const);
  if (schema.enum !== undefined) return commonType(schema.enum.map(typeOfValue));
  return schema.choices === undefined ? undefined : commonType(schema.choices.map((choice) => typeOfValues(choice.schema)));
}

/** Integers are numbers where both occur. */
function commonType(types: readonly (DataType | undefined)[]): DataType | undefined {
  const [first] = types;
  if (types.every((type) => type === first)) return first;
  return types.every((type) => type === "integer" || type === "number") ? "number" : undefined;
}

function typeOfValue(value: JsonValue): DataType | undefined {
  if (Array.isArray(value)) return "array";
  if (isJsonObject(value)) return "object";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value === "string" ? "string" : typeof value === "boolean" ? "boolean" : undefined;
}

/** Whether some alternative has members, items or a null of its own, so that the type alone does not describe it. */
export function hasMixedShape(schema: DataSchema): boolean {
  return (schema.choices ?? []).some(
    ({ schema: choice }) =>
      choice.properties !== undefined ||
      choice.items !== undefined ||
      choice.nullable === true ||
      hasMixedShape(choice) ||
      isStructured(choice),
  );
}

function isStructured({ const: value }: DataSchema): boolean {
  return typeof value === "object" && value !== null;
}
