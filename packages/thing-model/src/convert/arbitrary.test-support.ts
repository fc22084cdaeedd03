import type { JsonObject } from "@mooring/contracts";
import fc from "fast-check";

/** Any model: every quality, alone and with others, nested, under names of all scripts. */
const names = fc.constantFrom(
  "a",
  "b",
  "aB",
  "a_b",
  "a b",
  "a/b",
  "a~b",
  "1",
  "灯",
  "value",
  "time",
  "class",
  "x:y",
  "{}",
  '"',
  "toString",
);
const texts = { label: fc.constantFrom("", "A label", "*/"), description: fc.constantFrom("", "Some\ntext", '"quoted" \\') };
const flags = { nullable: fc.boolean(), ...texts };

const number = fc.record(
  {
    type: fc.constantFrom("number", "integer"),
    minimum: fc.constantFrom(-10, 0, 0.5),
    maximum: fc.constantFrom(1, 10, 99.5),
    exclusiveMinimum: fc.constantFrom(-10, 0),
    exclusiveMaximum: fc.constantFrom(2, 10),
    multipleOf: fc.constantFrom(0.5, 1, 2, 0.1),
    unit: fc.constantFrom("Cel", "m"),
    default: fc.constantFrom(1, 0),
    ...flags,
  },
  { requiredKeys: ["type"] },
);
const text = fc.record(
  {
    type: fc.constant("string"),
    minLength: fc.nat(2),
    maxLength: fc.integer({ min: 2, max: 5 }),
    pattern: fc.constantFrom("^a", "[0-9]+", "^(?!x)"),
    format: fc.constantFrom("date", "uuid", "made-up"),
    sdfType: fc.constant("byte-string"),
    contentFormat: fc.constant("text/plain"),
    ...flags,
  },
  { requiredKeys: ["type"] },
);
const values = fc.uniqueArray(fc.constantFrom<string | number | boolean>("a", "b", "a b", "", 1, 0, -1.5, true, false), {
  minLength: 1,
  maxLength: 3,
});
const fixed = fc.oneof(
  values.map((list) => ({ enum: list })),
  fc.constantFrom<JsonObject>(
    { const: 5 },
    { const: "x" },
    { const: { a: [1, "2"] } },
    { const: null },
    { type: "integer", enum: [1, 2] },
    { type: "string", enum: ["on", "off"] },
    { type: "boolean" },
    { type: "array" },
    { type: "object" },
    {},
  ),
);

const { data } = fc.letrec<{ data: JsonObject }>((tie) => ({
  data: fc.oneof(
    { maxDepth: 3 },
    number as fc.Arbitrary<JsonObject>,
    text as fc.Arbitrary<JsonObject>,
    fixed as fc.Arbitrary<JsonObject>,
    fc.record(
      {
        type: fc.constant("array"),
        items: tie("data"),
        minItems: fc.nat(1),
        maxItems: fc.integer({ min: 1, max: 3 }),
        uniqueItems: fc.boolean(),
        ...flags,
      },
      { requiredKeys: ["type"] },
    ) as fc.Arbitrary<JsonObject>,
    fc.tuple(fc.dictionary(names, tie("data"), { maxKeys: 3 }), fc.boolean(), fc.boolean()).map(([properties, isRequired, isNullable]) => ({
      type: "object",
      properties,
      ...(isRequired ? { required: Object.keys(properties).slice(0, 1) } : {}),
      ...(isNullable ? { nullable: true } : {}),
    })),
    fc
      .tuple(fc.dictionary(names, tie("data"), { minKeys: 1, maxKeys: 3 }), fc.constantFrom({}, { nullable: true }))
      .map(([sdfChoice, more]) => ({ sdfChoice, ...more })),
  ),
}));

const property = fc
  .tuple(
    data,
    fc.record(
      { writable: fc.boolean(), readable: fc.boolean(), observable: fc.boolean(), sdfRequired: fc.constant([true]) },
      { requiredKeys: [] },
    ),
  )
  .map(([schema, more]) => ({ ...schema, ...more }));
const own = fc.record({ ...texts, sdfRequired: fc.constant([true]) }, { requiredKeys: [] });
const event = fc.tuple(own, fc.record({ sdfOutputData: data }, { requiredKeys: [] })).map(([more, parts]) => ({ ...more, ...parts }));
const action = fc
  .tuple(own, fc.record({ sdfInputData: data, sdfOutputData: data }, { requiredKeys: [] }))
  .map(([more, parts]) => ({ ...more, ...parts }));
const topicNames = names.filter((name) => !name.includes("/"));

export const arbitraryModel: fc.Arbitrary<JsonObject> = fc
  .record({
    sdfProperty: fc.dictionary(names, property, { maxKeys: 5 }),
    sdfEvent: fc.dictionary(topicNames, event, { maxKeys: 2 }),
    sdfAction: fc.dictionary(topicNames, action, { maxKeys: 2 }),
  })
  .map((group) => JSON.parse(JSON.stringify({ info: { title: "Any" }, sdfObject: { Any: group } })) as JsonObject);
