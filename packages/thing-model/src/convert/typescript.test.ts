import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkModel } from "../compile.ts";
import { arbitraryModel } from "./arbitrary.test-support.ts";
import { sourceOf } from "./convert.test-support.ts";
import { sampleSources } from "./samples.test-support.ts";
import { exportTypeScript } from "./typescript.ts";

const own = JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/every-quality.sdf.json"), "utf8")) as unknown;
const compiler = join(import.meta.dirname, "../../../../node_modules/.bin/tsc");

/** What the compiler says of files, one line each; empty when it has nothing to say. */
function compile(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "mooring-types-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "preserve", "--allowImportingTsExtensions"];
    const { stdout } = spawnSync(compiler, [...options, "--types", "", ...Object.keys(files)], { cwd: folder, encoding: "utf8" });
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const nasty = {
  sdfObject: {
    O: {
      sdfProperty: {
        'a"b\\c': { type: "integer", description: "ends */ here\n\u2028 and there" },
        class: { type: "object", properties: {} },
        t: { enum: ["it's", 1, true, -1.5] },
        n: { sdfChoice: { x: { type: "number" }, y: { type: "array", nullable: true }, "`${1}": {} } },
      },
      sdfEvent: { e: {}, "e e": { sdfOutputData: { const: { a: [], b: {} } } } },
      sdfAction: { delete: { sdfInputData: { type: "array", items: { type: "string", nullable: true } } } },
    },
  },
};

test("the compiler takes the types of every model, whatever its names and texts are", () => {
  const sources = [sourceOf(own), sourceOf(nasty), ...sampleSources().map(({ source }) => source)];
  const files = Object.fromEntries(sources.map((source, index) => [`model${index}.ts`, exportTypeScript(source).document]));
  expect(compile(files)).toBe("");
});

test("the compiler takes the types of models nobody wrote", () => {
  const documents = fc.sample(arbitraryModel, { numRuns: 60, seed: 1 }).filter((document) => checkModel(JSON.stringify(document)).model);
  expect(documents.length).toBeGreaterThan(20);
  const files = documents.map((document, index) => [`model${index}.ts`, exportTypeScript(sourceOf(document)).document]);
  expect(compile(Object.fromEntries(files))).toBe("");
});

test("the compiler refuses values the model refuses, as far as types can say it", () => {
  const model = exportTypeScript(sourceOf(own)).document;
  const use = (statement: string) => `import type * as m from "./model.ts";\n${statement}\nexport {};\n`;
  const right = [
    'export const a: m.PropertyReport = { number: 1, level: "low", maybe: null, power: { value: 0, time: 5 }, point: { x: 1 } };',
    "export const b: m.Desired = { number: null };",
    "export const c: m.Events = { Changed: 1, Ping: {} };",
    "export const d: m.Services['Add'] = { input: { a: 1, b: 2 }, output: 3 };",
  ];
  const wrong = [
    'export const a: m.PropertyReport = { number: "1" };',
    'export const a: m.PropertyReport = { level: "middle" };',
    "export const a: m.PropertyReport = { number: null };",
    "export const a: m.PropertyReport = { point: { y: 1 } };",
    "export const a: m.PropertyReport = { unknown: 1 };",
    "export const a: m.PropertyReport = { boxed: { value: { value: 1 } } };",
    'export const a: m.Desired = { fact: "x" };',
    "export const a: m.Events = { Changed: 1, Ping: { a: 1 } };",
    "export const a: m.Services['Add'] = { input: { a: 1 }, output: 3 };",
  ];
  const files = Object.fromEntries(
    [...right, ...wrong].map((statement, index) => [`use${String(index).padStart(2, "0")}.ts`, use(statement)]),
  );
  const output = compile({ "model.ts": model, ...files });
  const failed = [...new Set([...output.matchAll(/^(use\d+)\.ts/gm)].map(([, name]) => name))].sort();
  expect(failed).toEqual(wrong.map((_, index) => `use${String(index + right.length).padStart(2, "0")}`));
});
