import { canonicalJson } from "./canonical.ts";
import type { ModelData } from "./model.ts";
import type { DataSchema } from "./schema.ts";

/** Version of the compiled form; part of the hash, so that a change of meaning here changes every hash. */
const FORM_VERSION = 2;
/** Deeper than any compiled form can be: each schema level adds two levels of JSON. */
const FORM_DEPTH_MAX = 512;

/**
 * The text that is hashed. Some members of the document became lists, whose order is the document's because generated text keeps it (Avro's
 * fields, TypeScript's members). JSON gives it no meaning (RFC 8259 s4), and two documents that differ in it alone are one model: here these
 * lists are sorted by name, as canonical JSON sorts members (RFC 8785 s3.2.3).
 */
export function canonicalForm({ properties, events, services }: ModelData): string {
  const form = {
    version: FORM_VERSION,
    properties: sorted(properties.map((property) => ({ ...property, schema: withSortedChoices(property.schema) }))),
    events: sorted(events.map((event) => ({ ...event, ...sortedPart("output", event.output) }))),
    services: sorted(
      services.map((service) => ({ ...service, ...sortedPart("input", service.input), ...sortedPart("output", service.output) })),
    ),
  };
  return canonicalJson(form, FORM_DEPTH_MAX) ?? "";
}

function sorted<T extends { readonly name: string }>(entries: readonly T[]): readonly T[] {
  return entries.toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

function sortedPart(name: "input" | "output", schema: DataSchema | undefined) {
  return schema === undefined ? {} : { [name]: withSortedChoices(schema) };
}

/** The very schema given where there is nothing to sort. */
function withSortedChoices(schema: DataSchema): DataSchema {
  const { items, properties, choices } = schema;
  if (items === undefined && properties === undefined && choices === undefined) return schema;
  const members = Object.entries(properties ?? {}).map(([name, member]) => [name, withSortedChoices(member)] as const);
  return {
    ...schema,
    ...(items === undefined ? {} : { items: withSortedChoices(items) }),
    ...(properties === undefined ? {} : { properties: Object.fromEntries(members) }),
    ...(choices === undefined
      ? {}
      : { choices: sorted(choices.map((choice) => ({ ...choice, schema: withSortedChoices(choice.schema) }))) }),
  };
}
