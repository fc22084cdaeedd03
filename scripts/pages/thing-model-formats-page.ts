import { exportFormatNames, exportFormats, importFormats, lossTables } from "@mooring/thing-model";

/** How SDF and each format map, in words; what is lost comes from the converters' own tables. */
const mappings: Readonly<Record<keyof typeof exportFormats, readonly (readonly [string, string])[]>> = {
  tsl: [
    ["`sdfProperty`, `sdfEvent`, `sdfAction`", "`properties`, `events`, `services`, in their order; names are the names on the wire"],
    ["`label`, `description`", "`name` (the identifier where there is no label), `desc`"],
    ["`writable`, `readable`", "`accessMode` r, w, rw"],
    ["`sdfRequired`", "`required`"],
    ["`integer`, `number`", "`int`, `double`; `tsl:type` keeps `float`"],
    [
      "`minimum`, `maximum`, `multipleOf`, `unit`",
      "`specs` `min`, `max`, `step` (where it counts from 0), `unit` (where the text clearly is a SenML unit), as strings",
    ],
    ["`string` with `maxLength`", "`text` with `length`"],
    ["`string` of 1 to 16 digits with `tsl:type` date", "`date`, milliseconds in a string"],
    [
      "`integer` with `sdfChoice` of constants, `enum` of whole numbers",
      "`enum`, or with `tsl:type` bool `bool` of 0 and 1; labels are the choices' names",
    ],
    ["`object`, `array` with `maxItems`", "`struct`, `array` with `size`"],
    [
      "—",
      "event `post`, services `set` and `get` are made from the properties, unless the imported TSL had none. In a TSL they are known by their methods, or by an identifier that stands alone; others of these names are the owner's and stay",
    ],
    [
      "`tsl:…`",
      'what SDF lacks: `tsl:eventType`, `tsl:callType`, `tsl:method`, `tsl:specs` (spellings such as "0.50", `unitName`), `tsl:more` (members of others\' making), `tsl:absent` (members left out), `tsl:order`, `tsl:model`',
    ],
  ],
  "json-schema": [
    ["the model", "a schema of a whole property report: each property plain or as `{value, time}`"],
    ["a property, an event, an input, an output", "`$defs` `property:name`, `event:name`, `input:name`, `output:name`"],
    ["`sdfChoice`", "`anyOf`, each alternative titled with its name"],
    ["`nullable`", "`anyOf` with `null`; without it no value is null, also where there is no `type`"],
    ["`properties`", "`properties` with `additionalProperties: false`"],
    [
      "`label`, `unit`, `contentFormat`, `writable: false`, `readable: false`",
      "`title`, `unit`, `contentMediaType`, `readOnly`, `writeOnly`",
    ],
  ],
  "wot-tm": [
    [
      "`sdfProperty`, `sdfAction`, `sdfEvent`",
      "`properties`, `actions`, `events` of one Thing Model for the whole device, by names on the wire",
    ],
    ["what is not in `sdfRequired`", "`tm:optional`"],
    ["`label`, `info.version`", "`title`, `version.model`"],
    ["`sdfChoice`", "`oneOf` with `sdf:choiceName`"],
    ["`nullable`", "`oneOf` with `null`, and `sdf:nullable`"],
    ["`sdfData` and `sdfRef`", "read from `schemaDefinitions` and `tm:ref`; written out when written"],
    ["`wot:members`", "forms, security, links and whatever else SDF has no words for, on the model and its affordances"],
  ],
  openapi: [
    ["the model", "`components.schemas`, no paths: `PropertyReport`, and `property.name`, `event.name`, `input.name`, `output.name`"],
    ["a value", "as in JSON Schema, which OpenAPI 3.1 takes as it is"],
    ["a name", "`x-sdf-name`, where component names have fewer letters"],
  ],
  avro: [
    ["the model", "a union of records: `Properties`, `Event_…`, `Input_…`, `Output_…`; values, without the times of a report"],
    ["`integer`, `number`, `string`, `boolean`", "`long`, `double`, `string`, `boolean`"],
    ["texts to choose from that are names", "`enum`"],
    ["`object`, `array`", "record, array; a list whose items would take no bytes is refused"],
    ["a member that need not be there", "union with `null`, default null"],
    ["any other value", "`string` with `sdfEncoding: json`"],
    ["a name", "`sdfName`, where Avro's names have fewer letters"],
  ],
  proto: [
    ["the model", "messages `Properties`, `Event…`, `Input…`, `Output…`; values, without the times of a report"],
    ["`integer`, `number`, `string`, `boolean`", "`int64`, `double`, `string`, `bool`, all `optional`"],
    ["`object`, `array`", "message, `repeated`; `Struct` and `ListValue` where the parts are open"],
    ["any other value", "`google.protobuf.Value`"],
    ["a name", "`json_name`"],
    [
      "a field",
      "a number allotted once for all versions of the model, by name and type; what is gone is `reserved`. The registry keeps the numbers, `mooring-model convert --field-numbers` in a file",
    ],
  ],
  typescript: [
    ["the model", "interfaces `Properties`, `PropertyReport`, `Desired`, `Events`, `Services`"],
    ["`enum`, `const`, `sdfChoice`", "unions of literals and types"],
    ["`nullable`", "`| null`"],
  ],
  dtdl: [
    ["`sdfProperty`, `sdfEvent`, `sdfAction`", "Property, Telemetry, Command with `request` and `response`"],
    ["`integer`, `number`, `string`, `boolean`", "`long`, `double`, `string`, `boolean`"],
    ["texts or whole numbers to choose from", "Enum"],
    ["`object`, `array`", "Object, Array, five levels deep"],
    [
      "name and version of the model",
      "`dtmi:mooring:name;major.minor`, or `;major` for a minor version of 0, which DTDL cannot write. Patches share their minor version's. A version below 1.0.0 has none, as DTDL cannot write a major version of 0 either",
    ],
  ],
};

/** The qualities a loss is about are named in its sentence; this is how they come to be in the table of the page. */
function lossList(losses: Readonly<Record<string, string>>): string {
  return [...new Set(Object.values(losses))].map((sentence) => `- ${sentence}`).join("\n");
}

function section(name: keyof typeof exportFormats): string {
  const { title, mediaType } = exportFormats[name];
  const rows = mappings[name].map(([sdf, other]) => `| ${sdf} | ${other} |`).join("\n");
  const isRead = Object.hasOwn(importFormats, name);
  const read = isRead ? `\n\nLost when it is read:\n\n${lossList(lossTables[`${name}-import` as keyof typeof lossTables])}` : "";
  return `## ${title}

\`${name}\`, \`${mediaType}\`; ${isRead ? "written and read" : "written"}.

| SDF | ${title} |
|---|---|
${rows}

Lost when it is written:

${lossList(lossTables[name])}${read}
`;
}

export function thingModelFormatsPage(): string {
  const reads = Object.entries(importFormats).map(([name, { mediaType }]) => `\`${mediaType}\` (${name})`);
  return `# Thing model formats

Made from \`packages/thing-model/src/convert/\` by \`npm run generate\`. Thing models are SDF (RFC 9880); this page says how they map to other formats and what
each of those has no words for. Nothing is lost that is not listed here: a conversion answers its document and its losses, each with a JSON pointer into the
SDF and one of the sentences below, and \`src/convert/formats.test.ts\` holds the converters to them.

- \`GET /v1/thing-models/{name}/versions/{version}/export?format=…\` writes a published version; \`&view=losses\` says what is lost.
- \`PUT /v1/thing-models/{name}/versions/{version}\` publishes ${reads.join(" and ")} as the SDF it means; losses are among the findings, as warnings.
- \`ThingModelService\` over gRPC: \`Export\`, and \`Publish\` with \`format\`.
- For files: \`npx mooring-model convert lamp.tsl.json --to sdf\`.

${exportFormatNames.map(section).join("\n")}`;
}
