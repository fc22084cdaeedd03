import type { FieldIssue, PlatformError } from "@mooring/contracts";
import type { FastifySchemaCompiler } from "fastify";
import type { z } from "zod";
import { invalidFields, pointerSegment, shorten } from "./problem.ts";

/** What a part of a request is called in messages. */
const partNames: Readonly<Record<string, string>> = { body: "body", querystring: "query", params: "path", headers: "header" };

/** Checks a part of a request against its zod schema; what is wrong comes out as invalidArgument with every issue. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const part = partNames[httpPart ?? ""] ?? "request";
  return (data: unknown) => {
    const result = schema.safeParse(data);
    return result.success ? { value: result.data } : { error: toInvalidArgument(part, result.error, data) };
  };
};

export function toInvalidArgument(part: string, error: z.ZodError, data: unknown): PlatformError {
  return invalidFields(
    part,
    error.issues.flatMap((issue) => toFieldIssues(issue, data)),
  );
}

function toFieldIssues(issue: z.core.$ZodIssue, data: unknown): readonly FieldIssue[] {
  const pointer = issue.path.map((name) => `/${pointerSegment(String(name))}`).join("");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ pointer: `${pointer}/${pointerSegment(key)}`, message: "unknown field" }));
  }
  const value = valueAt(data, issue.path);
  const got = describeValue(value);
  if (issue.code === "invalid_type") {
    // Fastify hands null to the schema when there is no body at all.
    const missing = value === undefined || (value === null && issue.path.length === 0);
    return [
      missing
        ? { pointer, message: "is required", expected: issue.expected }
        : { pointer, message: `must be of type ${issue.expected}`, expected: issue.expected, got },
    ];
  }
  if (issue.code === "invalid_value") {
    if (value === undefined) return [{ pointer, message: "is required", expected: issue.values.join(", ") }];
    return [{ pointer, message: `must be one of ${issue.values.join(", ")}`, expected: issue.values.join(", "), got }];
  }
  return [{ pointer, message: issue.message, got }];
}

/** Of a list or an object that came as text, in a query: the text. */
function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data;
  for (const name of path) {
    if (typeof value === "string") return value;
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[name];
  }
  return value;
}

/** Small values as they are, large ones by their type. */
function describeValue(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "object" || value === undefined ? typeof value : shorten(JSON.stringify(value));
}
