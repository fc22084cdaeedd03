import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "mooring-model-package-"));
const elsewhere = join(folder, "elsewhere");
afterAll(() => rmSync(folder, { recursive: true }));

function run(command: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  return { status, stdout, stderr };
}

const npm = (args: readonly string[], cwd: string) => {
  const result = run("npm", args, cwd);
  if (result.status !== 0) throw new Error(`npm ${args.join(" ")}: ${result.stderr}`);
  return result.stdout;
};
const model = (...args: string[]) => run(join(elsewhere, "node_modules/.bin/mooring-model"), args, elsewhere);
const put = (name: string, level: object) => {
  const property = { type: "number", writable: false, ...level };
  writeFileSync(join(elsewhere, name), JSON.stringify({ sdfObject: { Lamp: { sdfProperty: { level: property } } } }));
  return name;
};

// The tarball that would be published, in an empty folder without a registry.
beforeAll(() => {
  npm(["pack", "--pack-destination", folder], join(import.meta.dirname, ".."));
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, "package.json"), "{}");
  npm(["install", "--offline", "--no-audit", "--no-fund", join(folder, "mooring-model-0.1.0.tgz")], elsewhere);
}, 60_000);

describe("the published package", () => {
  test("holds the command in one file, with nothing to install beside it", () => {
    const manifest = JSON.parse(readFileSync(join(elsewhere, "node_modules/mooring-model/package.json"), "utf8")) as object;
    expect(manifest).not.toHaveProperty("dependencies");
    expect(manifest).not.toHaveProperty("private");
    const files = npm(["pack", "--dry-run", "--ignore-scripts", "--json"], join(elsewhere, "node_modules/mooring-model"));
    expect([...files.matchAll(/"path": "(.*)"/g)].map(([, path]) => path)).toEqual(["README.md", "bin.js", "dist/bin.js", "package.json"]);
  });

  test("validates", () => {
    expect(model("validate", put("sound.sdf.json", { maximum: 10 }))).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(model("validate", put("wrong.sdf.json", { minimum: 2, maximum: 1 }))).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^wrong\.sdf\.json: error: \/sdfObject\/Lamp\/sdfProperty\/level: No number/),
    });
  });

  test("converts", () => {
    const { status, stdout } = model("convert", put("lamp.sdf.json", { maximum: 10 }), "--to", "json-schema");
    expect([status, stdout]).toEqual([0, expect.stringMatching(/"maximum": 10\b/)]);
    expect(model("convert", "lamp.sdf.json", "--to", "xml")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("--to must be one of"),
    });
  });

  test("compares", () => {
    expect(model("diff", put("old.sdf.json", { maximum: 10 }), put("new.sdf.json", { maximum: 20 }))).toMatchObject({
      status: 1,
      stdout: expect.stringContaining("BREAKING"),
    });
  });
});
