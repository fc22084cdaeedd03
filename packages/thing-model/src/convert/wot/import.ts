import { type FieldIssue, isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import { checkModel } from "../../compile.ts";
import { parseJson, pointerToken } from "../../json.ts";
import { limits } from "../../limits.ts";
import type { SdfDocument } from "../../parse.ts";
import { type Conversion, Losses } from "../conversion.ts";
import { lossTables } from "../losses.ts";
import { infoTerms, sameTerms } from "./terms.ts";

/**
 * Reads a W3C Thing Model (TD 1.1 s10) as an SDF document. `tm:ref` may lead to the model's own `schemaDefinitions`; what SDF has no
 * words for (forms, security, links, …) is kept in `wot:members`, from which `exportWotTm` gives it again. Throws `invalidArgument`
 * with an issue for each member that cannot be read: references into other documents and placeholders among them.
 */
export function importWotTm(text: string): Conversion<SdfDocument> {
  const result = parseJson(text);
  if ("problem" in result) throw refusal([result.problem]);
  const reader = new WotReader();
  const document = reader.readModel(result.value);
  if (reader.issues.length > 0) throw refusal(reader.issues);
  const { findings } = checkModel(JSON.stringify(document));
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw refusal(errors.map(({ pointer, message }) => ({ pointer, message: `of the SDF form: ${message}` })));
  return { document, losses: reader.losses.list };
}

function refusal(issues: readonly FieldIssue[]): PlatformError {
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return new PlatformError("invalidArgument", `the Thing Model is not valid: ${first?.pointer || "/"}: ${first?.message}${more}`, {
    issues,
  });
}

const tmMembers = [
  "@context",
  "@type",
  "title",
  "description",
  "version",
  "properties",
  "actions",
  "events",
  "schemaDefinitions",
  "tm:optional",
];
const sdfMembers = ["sdf:objectKey", "sdf:thingKey", ...infoTerms.map((name) => `sdf:${name}`)];
const propertyMembers = ["readOnly", "writeOnly", "observable"];
const schemaMembers = [
  ...sameTerms,
  ..."type title description readOnly writeOnly contentMediaType items properties oneOf tm:ref".split(" "),
  ..."sdf:sdfType sdf:uniqueItems sdf:nullable sdf:choiceName".split(" "),
];
const REFERENCE = /^#\/schemaDefinitions\/([^/]+)$/;

class WotReader {
  readonly issues: FieldIssue[] = [];
  readonly losses = new Losses(lossTables["wot-tm-import"]);

  readModel(value: JsonValue): SdfDocument {
    const tm = this.#object(value, "");
    const types = [tm["@type"]].flat();
    if (!types.includes("tm:ThingModel")) this.#issue("/@type", "must be tm:ThingModel");
    const title = this.#text(tm["title"], "/title");
    const version = isJsonObject(tm["version"]) ? tm["version"]["model"] : undefined;
    const required = this.#required(tm);
    const group = defined({
      label: title,
      description: this.#text(tm["description"], "/description"),
      "wot:members": this.#keptOfModel(tm, types),
      sdfProperty: this.#group(tm, "properties", required, (entry, at) => this.#property(entry, at)),
      sdfAction: this.#group(tm, "actions", required, (entry, at) => this.#action(entry, at)),
      sdfEvent: this.#group(tm, "events", required, (entry, at) => this.#event(entry, at)),
    });
    const info = defined({
      title: tm["sdf:title"] ?? title ?? "Thing Model",
      version: typeof version === "string" ? version : undefined,
      copyright: tm["sdf:copyright"],
      license: tm["sdf:license"],
    });
    const definitions = this.#named(tm["schemaDefinitions"], "/schemaDefinitions", (entry, at) => this.#schema(entry, at));
    const thingKey = tm["sdf:thingKey"];
    const [kind, name] = typeof thingKey === "string" ? ["sdfThing", thingKey] : ["sdfObject", tm["sdf:objectKey"] ?? "Thing"];
    return defined({ info, sdfData: definitions, [kind]: { [String(name)]: group } });
  }

  /** With the types beside tm:ThingModel and what stands beside the version of the model, such as an instance's. */
  #keptOfModel(tm: JsonObject, types: readonly unknown[]): JsonObject | undefined {
    const version = isJsonObject(tm["version"]) ? this.#others(tm["version"], ["model"]) : tm["version"];
    const kept = defined({
      ...this.#others(tm, [...tmMembers, ...sdfMembers]),
      "@type": types.length > 1 ? tm["@type"] : undefined,
      version,
    });
    return Object.keys(kept).length === 0 ? undefined : kept;
  }

  #issue(pointer: string, message: string): void {
    if (this.issues.length < limits.findingsMax) this.issues.push({ pointer, message });
  }

  #object(value: JsonValue | undefined, pointer: string): JsonObject {
    if (isJsonObject(value)) return value;
    this.#issue(pointer, "must be an object");
    return {};
  }

  #text(value: JsonValue | undefined, pointer: string): string | undefined {
    if (value === undefined || typeof value === "string") return value;
    this.#issue(pointer, "must be a text");
    return undefined;
  }

  #flag(value: JsonValue | undefined, pointer: string): boolean {
    if (value !== undefined && typeof value !== "boolean") this.#issue(pointer, "must be true or false");
    return value === true;
  }

  #others(value: JsonObject, known: readonly string[]): JsonObject | undefined {
    const entries = Object.entries(value).filter(([name]) => !known.includes(name));
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }

  /** Pointers of affordances that need not be there; everything else is required. */
  #required(tm: JsonObject): (pointer: string) => boolean {
    const optional = tm["tm:optional"] ?? [];
    if (!Array.isArray(optional)) this.#issue("/tm:optional", "must be a list");
    const pointers = new Set<JsonValue>(Array.isArray(optional) ? optional : []);
    return (pointer) => !pointers.has(pointer);
  }

  #named(value: JsonValue | undefined, pointer: string, read: (entry: JsonObject, at: string) => JsonObject): JsonObject | undefined {
    if (value === undefined) return undefined;
    const entries = Object.entries(this.#object(value, pointer));
    const at = (name: string) => `${pointer}/${pointerToken(name)}`;
    return Object.fromEntries(entries.map(([name, entry]) => [name, read(this.#object(entry, at(name)), at(name))]));
  }

  #group(
    tm: JsonObject,
    name: string,
    required: (pointer: string) => boolean,
    read: (entry: JsonObject, at: string) => JsonObject,
  ): JsonObject | undefined {
    return this.#named(tm[name], `/${name}`, (entry, at) => ({ ...read(entry, at), ...(required(at) ? { sdfRequired: [true] } : {}) }));
  }

  #property(entry: JsonObject, pointer: string): JsonObject {
    const { "wot:members": _, ...schema } = this.#schema(entry, pointer);
    return defined({
      ...schema,
      writable: this.#flag(entry["readOnly"], `${pointer}/readOnly`) ? false : undefined,
      readable: this.#flag(entry["writeOnly"], `${pointer}/writeOnly`) ? false : undefined,
      // Not observable unless it says so (TD 1.1 s5.4); SDF has it the other way round.
      observable: this.#flag(entry["observable"], `${pointer}/observable`) ? undefined : false,
      "wot:members": this.#others(entry, [...schemaMembers, ...propertyMembers]),
    });
  }

  #action(entry: JsonObject, pointer: string): JsonObject {
    return defined({
      ...this.#texts(entry, pointer),
      sdfInputData: this.#data(entry["input"], `${pointer}/input`),
      sdfOutputData: this.#data(entry["output"], `${pointer}/output`),
      "wot:members": this.#others(entry, ["title", "description", "input", "output"]),
    });
  }

  #event(entry: JsonObject, pointer: string): JsonObject {
    return defined({
      ...this.#texts(entry, pointer),
      sdfOutputData: this.#data(entry["data"], `${pointer}/data`),
      "wot:members": this.#others(entry, ["title", "description", "data"]),
    });
  }

  #texts(entry: JsonObject, pointer: string): JsonObject {
    const label = this.#text(entry["title"], `${pointer}/title`);
    return defined({ label, description: this.#text(entry["description"], `${pointer}/description`) });
  }

  #data(value: JsonValue | undefined, pointer: string): JsonObject | undefined {
    return value === undefined ? undefined : this.#schema(this.#object(value, pointer), pointer);
  }

  #schema(schema: JsonObject, pointer: string): JsonObject {
    const { items, properties, type } = schema;
    const kept = this.#others(schema, [...schemaMembers, ...propertyMembers]);
    if (kept !== undefined) this.losses.add("members", pointer);
    for (const [name, value] of Object.entries(schema)) {
      if (typeof value === "string" && value.includes("{{"))
        this.#issue(`${pointer}/${pointerToken(name)}`, "is a placeholder, which must be filled first");
    }
    if (Array.isArray(items)) this.#issue(`${pointer}/items`, "must be one schema for all items");
    if (isJsonObject(properties)) this.losses.add("closed", pointer);
    const alternatives = this.#alternatives(schema, pointer);
    return defined({
      ...alternatives,
      ...this.#texts(schema, pointer),
      ...this.#reference(schema["tm:ref"], `${pointer}/tm:ref`),
      ...(type === "null" ? { const: null } : { type: type ?? alternatives["type"] }),
      ...Object.fromEntries(sameTerms.flatMap((name) => (schema[name] === undefined ? [] : [[name, schema[name]]]))),
      contentFormat: schema["contentMediaType"] ?? alternatives["contentFormat"],
      sdfType: schema["sdf:sdfType"] ?? alternatives["sdfType"],
      uniqueItems: schema["sdf:uniqueItems"] ?? alternatives["uniqueItems"],
      items: isJsonObject(items) ? this.#schema(items, `${pointer}/items`) : alternatives["items"],
      properties: this.#named(properties, `${pointer}/properties`, (entry, at) => this.#schema(entry, at)) ?? alternatives["properties"],
      nullable: schema["sdf:nullable"] === true || alternatives["nullable"] === true ? true : undefined,
    });
  }

  #reference(reference: JsonValue | undefined, pointer: string): JsonObject {
    if (reference === undefined) return {};
    const [, name] = (typeof reference === "string" && REFERENCE.exec(reference)) || [];
    if (name === undefined) {
      this.#issue(pointer, "must lead to the model's own schemaDefinitions, such as #/schemaDefinitions/temperature");
      return {};
    }
    return { sdfRef: `#/sdfData/${name}` };
  }

  /** A choice; one between a schema and null is that schema, nullable. */
  #alternatives(schema: JsonObject, pointer: string): JsonObject {
    const list = schema["oneOf"];
    if (list === undefined) return {};
    if (!Array.isArray(list)) this.#issue(`${pointer}/oneOf`, "must be a list");
    const entries = (Array.isArray(list) ? list : []).map((entry: JsonValue, index: number) => {
      const at = `${pointer}/oneOf/${index}`;
      return { at, index, entry: this.#object(entry, at) };
    });
    const some = entries.filter(({ entry }) => entry["type"] !== "null");
    const nullable = some.length < entries.length ? { nullable: true } : {};
    const [only] = some;
    if (only !== undefined && some.length === 1 && only.entry["sdf:choiceName"] === undefined)
      return { ...withPlainChoices(this.#schema(only.entry, only.at)), ...nullable };
    if (only === undefined) return {};
    this.losses.add("choices", pointer);
    const choices: Record<string, JsonValue> = {};
    for (const { at, index, entry } of some) {
      const wanted = [entry["sdf:choiceName"], entry["title"]].find((name) => typeof name === "string" && /^[^\p{Cc}]{1,128}$/u.test(name));
      const name = typeof wanted === "string" && !Object.hasOwn(choices, wanted) ? wanted : `choice${index + 1}`;
      if (["__proto__", "constructor", "prototype"].includes(name)) this.#issue(at, "has a name that cannot be used");
      else choices[name] = this.#schema(entry, at);
    }
    return { sdfChoice: choices, ...nullable };
  }
}

/** Beside a choice nullable is common to the alternatives (RFC 9880 s4.7.2), of which those not said to be nullable are not. */
function withPlainChoices(schema: JsonObject): JsonObject {
  const { sdfChoice } = schema;
  if (!isJsonObject(sdfChoice)) return schema;
  const choices = Object.entries(sdfChoice).map(([name, choice]) => [name, { nullable: false, ...(choice as JsonObject) }]);
  return { ...schema, sdfChoice: Object.fromEntries(choices) };
}

function defined(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined));
}
