import type { JsonObject } from "@mooring/contracts";
import fc from "fast-check";

/** Any TSL: every type, members left out, specs spelled in odd ways, members of others' making. */
const identifier = fc
  .oneof(fc.stringMatching(/^[A-Za-z0-9_]{1,8}$/), fc.constantFrom("1", "22", "0", "value", "time", "set", "get", "post", "灯"))
  .filter(isName);

function isName(name: string): boolean {
  return !["__proto__", "constructor", "prototype", "property"].includes(name);
}

const text = fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom("", "开关", "a:b", "0", "1"));
const more = {
  extra: fc.jsonValue({ maxDepth: 1 }).filter((value) => !/__proto__|constructor|prototype/.test(JSON.stringify(value))),
  custom: fc.boolean(),
};
const naming = { name: text, desc: text, ...more };

function spelled(value: fc.Arbitrary<number>): fc.Arbitrary<string | number> {
  return fc.tuple(value, fc.nat(4)).map(([number, how]) => {
    if (how === 0) return number;
    if (how === 1) return `${number}${Number.isInteger(number) && Math.abs(number) < 1e15 ? ".0" : ""}`;
    return String(number);
  });
}

const numberSpecs = fc
  .record(
    {
      min: fc.oneof(spelled(fc.integer({ min: -1000, max: 0 })), fc.constant("")),
      max: fc.oneof(spelled(fc.integer({ min: 1, max: 1000 })), fc.constant("")),
      step: fc.oneof(spelled(fc.constantFrom(1, 2, 0.1, 0.5, 0, 3)), fc.constant("")),
      unit: fc.constantFrom("", "°C", "℃", "%", "m", "圈", "V"),
      unitName: text,
    },
    { requiredKeys: [] },
  )
  .map((specs) => specs as JsonObject);

const labels = (keys: readonly string[]) => fc.dictionary(fc.constantFrom(...keys), text, { maxKeys: 4 });
const wholeKeys = ["0", "1", "2", "-3", "100"];

function optionalSpecs(type: string, specs: fc.Arbitrary<unknown>): fc.Arbitrary<JsonObject> {
  return fc
    .record({ type: fc.constant(type), specs: fc.oneof({ arbitrary: specs, weight: 9 }, fc.constant(null)) }, { requiredKeys: ["type"] })
    .map((value) => ({ ...value }) as JsonObject);
}

const scalarType = fc.oneof(
  ...["int", "float", "double"].map((type) => optionalSpecs(type, numberSpecs)),
  optionalSpecs("text", fc.record({ length: spelled(fc.nat(2048)), note: text }, { requiredKeys: [] })),
  optionalSpecs("date", fc.record({ note: text }, { requiredKeys: [] })),
  optionalSpecs("bool", labels(["0", "1"])),
  optionalSpecs("enum", fc.oneof(labels(wholeKeys), labels(["low", "high", "0"]))),
);

const { dataType } = fc.letrec<{ dataType: JsonObject }>((tie) => ({
  dataType: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalarType,
    optionalSpecs("struct", fc.array(memberOf(tie("dataType")), { maxLength: 4 }).map(unique)),
    optionalSpecs("array", fc.record({ size: spelled(fc.nat(512)), item: tie("dataType") }, { requiredKeys: [] })),
  ),
}));

function memberOf(type: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> {
  return fc
    .record({ identifier, dataType: type, ...naming }, { requiredKeys: ["identifier", "dataType"] })
    .map((member) => member as JsonObject);
}

function unique(members: readonly JsonObject[]): readonly JsonObject[] {
  return members.filter((member, index) => members.findIndex((other) => other["identifier"] === member["identifier"]) === index);
}

const members = fc.array(memberOf(dataType), { maxLength: 4 }).map(unique);

const property = fc
  .record(
    { identifier, dataType, accessMode: fc.constantFrom("r", "w", "rw"), required: fc.boolean(), ...naming },
    { requiredKeys: ["identifier", "dataType"] },
  )
  .map((value) => value as JsonObject);

const event = fc
  .record(
    {
      identifier,
      type: fc.constantFrom("info", "alert", "error"),
      required: fc.boolean(),
      method: fc.constantFrom("thing.event.x.post", "thing.event.0.post"),
      outputData: members,
      ...naming,
    },
    { requiredKeys: ["identifier"] },
  )
  .map((value) => value as JsonObject);

const service = fc
  .record(
    {
      identifier,
      callType: fc.constantFrom("sync", "async"),
      required: fc.boolean(),
      method: fc.constantFrom("thing.service.x", "thing.service.0"),
      inputData: members,
      outputData: members,
      ...naming,
    },
    { requiredKeys: ["identifier"] },
  )
  .map((value) => value as JsonObject);

const list = (entry: fc.Arbitrary<JsonObject>) => fc.array(entry, { maxLength: 5 }).map(unique);
/** An identifier and nothing else, of those the platform has, is what the platform makes. */
const owned = (entry: fc.Arbitrary<JsonObject>, made: readonly string[]) =>
  entry.filter((value) => Object.keys(value).length > 1 || !made.includes(String(value["identifier"])));

export const arbitraryTsl: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      schema: fc.webUrl(),
      profile: fc.record({ productKey: fc.stringMatching(/^[A-Za-z0-9]{1,12}$/), version: text }, { requiredKeys: ["productKey"] }),
      link: text,
      functionBlockId: text,
      functionBlockName: text,
      properties: list(property),
      events: list(owned(event, ["post"])),
      services: list(owned(service, ["set", "get"])),
    },
    { requiredKeys: ["properties"] },
  )
  // As a text has it: JSON writes no -0.
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
