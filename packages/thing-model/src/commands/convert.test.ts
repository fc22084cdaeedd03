import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "mooring-model-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bin = join(import.meta.dirname, "../bin.ts");
const tsl = {
  profile: { productKey: "lamp" },
  properties: [{ identifier: "on", dataType: { type: "bool", specs: { 0: "off", 1: "on" } } }],
};

function run(...args: string[]) {
  return spawnSync(process.execPath, [bin, ...args], { cwd: folder, encoding: "utf8" });
}

function put(name: string, value: unknown): string {
  writeFileSync(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
  return name;
}

describe("mooring-model convert", () => {
  test("converts a file to stdout or to a file, and back", () => {
    const file = put("lamp.tsl.json", tsl);
    const { status, stdout, stderr } = run("convert", file, "--to", "sdf");
    expect([status, stderr]).toEqual([0, ""]);
    put("lamp.sdf.json", stdout);
    expect(run("convert", "lamp.sdf.json", "--to", "tsl", "--out", "back.json").status).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, "back.json"), "utf8"))).toEqual(tsl);
  });

  test("says what is lost on stderr, so that stdout is the model", () => {
    const file = put("range.sdf.json", { sdfObject: { O: { sdfProperty: { a: { type: "number", minimum: 1 } } } } });
    const { status, stdout, stderr } = run("convert", file, "--to", "typescript");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\/\/ Types of the thing model range 1\.0\.0/);
    expect(stderr).toBe("lost: /sdfObject/O/sdfProperty/a: TypeScript has no bounds: they are dropped.\n");
    expect(run("convert", file, "--to", "json-schema").stderr).toBe("");
  });

  test("takes the documents a model refers to", () => {
    const namespace = { lib: "https://models.example/lib" };
    const lib = put("lib.sdf.json", { namespace, defaultNamespace: "lib", sdfData: { Level: { type: "number", maximum: 5 } } });
    const user = put("user.sdf.json", { namespace, sdfProperty: { level: { sdfRef: "lib:#/sdfData/Level" } } });
    expect(run("convert", user, "--to", "json-schema").status).toBe(1);
    const { status, stdout } = run("convert", user, "--to", "json-schema", "--import", lib);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/"maximum": ?5\b/)]);
  });

  test("keeps field numbers in a file between versions", () => {
    const version = (name: string) => put(`${name}.sdf.json`, { sdfObject: { O: { sdfProperty: { [name]: { type: "number" } } } } });
    const convert = (name: string) => run("convert", version(name), "--to", "proto", "--field-numbers", "numbers.json").stdout;
    expect(convert("a")).toMatch(/ a = 1 /);
    expect(convert("b")).toMatch(/reserved 1;\n.* b = 2 /);
    expect(convert("a")).toMatch(/reserved 2;\n.* a = 1 /);
    put("numbers.json", { properties: { "a:double": 0 } });
    expect(run("convert", "a.sdf.json", "--to", "proto", "--field-numbers", "numbers.json")).toMatchObject({ status: 1 });
  });

  test.each<[string, readonly string[], number, RegExp]>([
    ["no subcommand", [], 2, /usage: mooring-model/],
    ["one there is not", ["toString"], 2, /usage: mooring-model/],
    ["no file", ["convert", "--to", "sdf"], 2, /one file/],
    ["an option there is not", ["convert", "x", "--fast"], 2, /--fast/],
    ["a format there is not", ["convert", "x", "--to", "xml"], 2, /--to must be one of sdf, tsl/],
    ["a file there is not", ["convert", "nowhere", "--to", "tsl"], 1, /nowhere cannot be read/],
    ["a model that is wrong", ["convert", "wrong.tsl.json", "--to", "sdf"], 1, /\/properties\/0\/dataType\/type: must be one of/],
  ])("%s ends with a sentence and no stack", (_title, args, status, message) => {
    put("wrong.tsl.json", { properties: [{ identifier: "a", dataType: { type: "long" } }] });
    const result = run(...args);
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(result.stdout).toBe("");
  });

  test("a version that is none is refused, with the option's name", () => {
    const file = put("lamp.tsl.json", tsl);
    for (const version of ["abc", "1.0", "01.0.0", ""]) {
      const { status, stdout, stderr } = run("convert", file, "--to", "typescript", "--version", version);
      expect([status, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/^--version must be/);
    }
    expect(run("convert", file, "--to", "typescript", "--version", "2.0.0-rc.1+b").status).toBe(0);
  });
});
