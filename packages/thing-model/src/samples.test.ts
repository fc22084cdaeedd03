import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, type JsonValue } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { checkModel } from "./compile.ts";
import { hasErrors } from "./findings.ts";

// Models written by others are not part of this repository; where they are at hand, all of them must work.
const root = process.env["MOORING_TEST_SAMPLES_DIR"] ?? join(import.meta.dirname, "../../../../shared/sdf-samples");

/** The tests of one folder of samples, or one that says loudly why there are none. */
function describeSamples(folder: string, tests: (names: readonly string[], read: (name: string) => string) => void): void {
  const path = join(root, folder);
  describe(`the samples in ${folder}`, () => {
    if (!existsSync(path)) {
      console.warn(`SKIPPED: no models in ${path}; set MOORING_TEST_SAMPLES_DIR to a folder that has ${folder}.`);
      test.skip("are not at hand", () => expect(existsSync(path)).toBe(true));
      return;
    }
    const names = readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) => /\.json/.test(name));
    test("are there", () => expect(names.length).toBeGreaterThan(0));
    tests(names, (name) => readFileSync(join(path, name), "utf8"));
  });
}

describeSamples("playground", (names, read) => {
  test.each(names)("%s is read as it is, compiles, and refuses a wrong value", (name) => {
    const { model, findings, changes } = checkModel(read(name));
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(changes).toEqual([]);
    expect(model?.properties.length).toBeGreaterThan(0);
    expect(model?.validateProperties({ "no such property": 1 })).toHaveLength(1);
  });
});

describeSamples("playground", (names, read) => {
  // Whatever RE2 lacks is legal ECMA-262: these models use lookahead.
  const withLookahead = names.filter((name) => /"pattern".*\(\?[=!]/.test(read(name)));

  test("has models with lookahead", () => expect(withLookahead.length).toBeGreaterThan(0));

  test.each(withLookahead)("%s: a pattern with lookahead means what ECMA-262 says, in bounded time", (name) => {
    const { model } = checkModel(read(name));
    const patterned = model?.properties.filter(({ schema }) => schema.pattern !== undefined) ?? [];
    expect(patterned.length).toBeGreaterThan(0);
    for (const { name: property, schema } of patterned) {
      const native = new RegExp(schema.pattern ?? "", "u");
      const texts = ["P", "PT", "PT5M", "P1Y2M3DT4H5M6S", "P3W", "P1D", "P1DT", "PT5", "", "x", "P1YT3"];
      for (const text of texts)
        expect([text, model?.validateProperties({ [property]: text }).length === 0]).toEqual([text, native.test(text)]);
      const before = process.cpuUsage();
      expect(model?.validateProperties({ [property]: `P${"1".repeat(100_000)}` })).toHaveLength(1);
      expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
    }
  });
});

/** Every member with its pointer, but for what is about the document and for texts. */
function leaves(value: JsonValue, pointer = ""): [string, JsonValue][] {
  if (!isJsonObject(value)) return [[pointer, value]];
  return Object.entries(value).flatMap(([name, member]) =>
    ["info", "namespace", "defaultNamespace", "description", "label"].includes(name) ? [] : leaves(member, `${pointer}/${name}`),
  );
}

describeSamples("legacy-sdf-1.0", (names, read) => {
  // What the authors changed beside the spelling: names set right, ranges in other steps, parameters added.
  const rewritten = new Set([
    "sdfobject-genericdefaulttransitiontime.sdf.json",
    "sdfobject-genericonoff.sdf.json",
    "sdfobject-onoff.sdf.json",
  ]);
  test.each(names)("%s upgrades to nearly its twin in the playground, and lists the changes", (name) => {
    const { document, model, findings, changes } = checkModel(read(name));
    const twin = new Map(
      leaves(JSON.parse(readFileSync(join(root, "playground", name), "utf8")) as JsonValue).map(([at, value]) => [
        at,
        JSON.stringify(value),
      ]),
    );
    expect(changes.length).toBeGreaterThan(0);
    const different = leaves(document ?? {}).filter(([at, value]) => twin.get(at) !== JSON.stringify(value));
    expect(model).toBeDefined();
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    // What is stored is the upgraded document: it must mean the same when it is read again.
    expect(checkModel(JSON.stringify(document))).toMatchObject({ model: { contentHash: model?.contentHash }, changes: [] });
    // Its authors had left out a definition that it refers to, which cannot be made up.
    if (name === "sdfobject-genericdefaulttransitiontime.sdf.json") {
      expect(changes.at(-1)).toMatchObject({
        pointer: expect.stringMatching(/DefaultTransitionTime\/sdfRef$/),
        message: expect.stringMatching(/left out/),
      });
    }
    if (rewritten.has(name)) return;
    expect(different.map(([at]) => at)).toEqual(
      name.includes("actuation") ? ["/sdfObject/Actuation/sdfProperty/Muti-state_Output/type"] : [],
    );
  });
});

describeSamples("exploratory", (names, read) => {
  test.each(names.filter((name) => name.endsWith("-proposal")))("%s is no JSON and is refused with the place", (name) => {
    const { model, findings } = checkModel(read(name));
    expect(model).toBeUndefined();
    expect(findings).toEqual([{ severity: "error", pointer: expect.any(String), message: expect.stringMatching(/line \d+, column \d+/) }]);
  });

  test.each([
    ["CAP/sdfobject-oven-mode.sdf.json", ["CAP/sdfdata-ovenModeData.sdf.json"]],
    ["IPSO/sdfobject-genericSensor.sdf.json", ["IPSO/sdfproperty-generic.sdf.json", "IPSO/sdfaction-generic.sdf.json"]],
  ])("%s compiles with the documents it refers to, and says what is missing without them", (name, imports) => {
    expect(checkModel(read(name), imports.map(read)).model).toBeDefined();
    expect(checkModel(read(name)).findings[0]).toMatchObject({ severity: "error", message: expect.stringMatching(/names nothing/) });
  });

  test.each(names.filter((name) => name.endsWith(".json")))("%s gets a model or errors that name the place", (name) => {
    const { model, findings } = checkModel(read(name));
    expect(hasErrors(findings)).toBe(model === undefined);
  });
});

describeSamples("rfc9880-examples", (names, read) => {
  test.each(names.filter((name) => !/fragments|example-08/.test(name)))("%s compiles", (name) => {
    expect(checkModel(read(name)).model).toBeDefined();
  });

  test("a null in a patch removes what the reference brought, which JSON Schema cannot express", () => {
    const base = { namespace: { cap: "https://example.com/capability/cap" }, defaultNamespace: "cap" };
    const Switch = { sdfAction: { on: {}, toggle: {} } };
    const { model } = checkModel(read("example-08-sdfref.sdf.json"), [JSON.stringify({ ...base, sdfObject: { Switch } })]);
    expect(model?.services.map((service) => service.name)).toEqual(["on"]);
  });
});
