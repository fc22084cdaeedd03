import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "mooring-model-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bin = join(import.meta.dirname, "../bin.ts");
const run = (...args: string[]) => spawnSync(process.execPath, [bin, ...args], { cwd: folder, encoding: "utf8" });
const put = (name: string, value: unknown): string => {
  writeFileSync(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
  return name;
};
const lamp = (level: object) => ({ sdfObject: { Lamp: { sdfProperty: { level: { type: "number", writable: false, ...level } } } } });
const sound = put("sound.sdf.json", lamp({ maximum: 10 }));

describe("mooring-model validate", () => {
  test("says nothing of a sound model and ends with 0", () => {
    const { status, stdout, stderr } = run("validate", sound);
    expect([status, stdout, stderr]).toEqual([0, "", ""]);
  });

  test("lists warnings and ends with 0, errors and ends with 1, each with its place", () => {
    expect(run("validate", put("old.sdf.json", lamp({ units: "Cel" })))).toMatchObject({
      status: 0,
      stdout: "old.sdf.json: warning: /sdfObject/Lamp/sdfProperty/level/units: The units of SDF 1.0 was read as unit.\n",
    });
    const { status, stdout } = run("validate", put("wrong.sdf.json", lamp({ minimum: 2, maximum: 1 })));
    expect([status, stdout]).toEqual([1, expect.stringMatching(/^wrong\.sdf\.json: error: \/sdfObject\/Lamp\/sdfProperty\/level: /)]);
    expect(run("validate", put("no.sdf.json", "{"))).toMatchObject({
      status: 1,
      stdout: expect.stringContaining("no.sdf.json: error: /: "),
    });
  });

  test("takes the documents a model refers to", () => {
    const namespace = { lib: "https://models.example/lib" };
    const lib = put("lib.sdf.json", { namespace, defaultNamespace: "lib", sdfData: { Level: { type: "number" } } });
    const user = put("user.sdf.json", { namespace, sdfProperty: { level: { sdfRef: "lib:#/sdfData/Level" } } });
    expect(run("validate", user).status).toBe(1);
    expect(run("validate", user, "--import", lib).status).toBe(0);
  });

  test("tries a payload", () => {
    expect(run("validate", sound, "--payload", put("good.json", { level: 10 })).status).toBe(0);
    expect(run("validate", sound, "--payload", put("bad.json", { level: 11 }))).toMatchObject({
      status: 1,
      stdout: "bad.json: error: /level: /level must be number <= 10, not number 11.\n",
    });
    expect(run("validate", sound, "--payload", "good.json", "--as", "event", "--member", "none").status).toBe(1);
    expect(run("validate", sound, "--payload", put("broken.json", "{")).status).toBe(1);
  });
});

describe("mooring-model diff", () => {
  test("ends with 0 when the newer version is compatible and with 1 when it is not, with the member and the reason", () => {
    const [wide, narrow] = [put("wide.sdf.json", lamp({ maximum: 20 })), put("narrow.sdf.json", lamp({ maximum: 10 }))];
    expect(run("diff", wide, narrow)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^compatible: \/sdfObject\/Lamp\/.*maximum 10/),
    });
    expect(run("diff", narrow, wide)).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^BREAKING: .*The property level has the maximum 20/),
    });
    expect(run("diff", wide, wide)).toMatchObject({ status: 0, stdout: "" });
    expect(run("diff", wide, "no.sdf.json")).toMatchObject({ status: 1, stdout: expect.stringContaining("no.sdf.json: error: ") });
  });
});

test.each([
  [["validate"], /one file/],
  [["validate", "a", "--as", "shape"], /--as must be one of/],
  [["validate", "a", "--as", "event"], /needs --member/],
  [["validate", "a", "--colour", "red"], /--colour/],
  [["diff", "a"], /two files/],
  [["nothing"], /usage: mooring-model/],
])("%j is answered with the usage and 2", (args, message) => {
  const { status, stdout, stderr } = run(...args);
  expect([status, stdout, stderr]).toEqual([2, "", expect.stringMatching(message)]);
});

test("a file that is not there is named", () => {
  expect(run("validate", "none.json")).toMatchObject({ status: 1, stderr: expect.stringMatching(/none\.json cannot be read/) });
});
