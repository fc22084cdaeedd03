import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PlatformError } from "@mooring/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkModel } from "../../compile.ts";
import { arbitraryModel } from "../arbitrary.test-support.ts";
import { sourceOf } from "../convert.test-support.ts";
import { sampleSources } from "../samples.test-support.ts";
import { type FieldNumbers, fieldNumbersMax, parseFieldNumbers } from "./field-numbers.ts";
import { exportProto } from "./proto.ts";

const own = JSON.parse(readFileSync(join(import.meta.dirname, "../../fixtures/every-quality.sdf.json"), "utf8")) as unknown;
const buf = join(import.meta.dirname, "../../../../../node_modules/.bin/buf");

interface Descriptor {
  readonly file: readonly { readonly name: string; readonly messageType?: readonly MessageDescriptor[] }[];
}
interface MessageDescriptor {
  readonly name: string;
  readonly field?: readonly { readonly name: string; readonly number: number; readonly jsonName: string; readonly type: string }[];
}

/** What buf makes of proto files; throws with what it says when it refuses one. */
function compile(texts: readonly string[]): Descriptor {
  const folder = mkdtempSync(join(tmpdir(), "mooring-proto-"));
  try {
    for (const [index, text] of texts.entries()) {
      mkdirSync(join(folder, `m${index}`));
      // Models of one name would be one package twice.
      writeFileSync(join(folder, `m${index}/model.proto`), text.replace(/^package (.*);$/m, `package $1.m${index};`));
    }
    const { stdout, stderr, status } = spawnSync(buf, ["build", "-o", "-#format=json"], { cwd: folder, encoding: "utf8", maxBuffer: 1e8 });
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as Descriptor;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const property = (definition: object) => ({ sdfObject: { O: { sdfProperty: definition } } });
const odd = property({
  "a b": { type: "number" },
  a_b: { type: "number" },
  aB: { type: "number" },
  "1": { type: "string", description: "two\nlines */ //" },
  灯: { type: "boolean" },
  'q"\\': { type: "array", items: { type: "array", items: { type: "array" } } },
  "[x]": {},
  message: { type: "object", properties: { reserved: { type: "object", properties: {} }, "": { type: "string" } } },
  list: { type: "array", items: { type: "object", properties: { b: { type: "array", items: { type: "integer", nullable: true } } } } },
}) as { sdfObject: { O: { sdfProperty: { message: { properties: Record<string, unknown> } } } } };
delete odd.sdfObject.O.sdfProperty.message.properties[""];

test("buf compiles every model, whatever its names are, and each field's JSON name is the name on the wire", () => {
  const sources = [sourceOf(own), sourceOf(odd), ...sampleSources().map(({ source }) => source)];
  const { file } = compile(sources.map((source) => exportProto(source, {}).document));
  for (const [index, source] of sources.entries()) {
    const messages = file.find(({ name }) => name === `m${index}/model.proto`)?.messageType ?? [];
    const fields = messages.find(({ name }) => name === "Properties")?.field ?? [];
    const names = source.model.properties.map(({ name }) => name).filter((name) => name !== "[x]");
    expect(
      fields
        .map(({ jsonName }) => jsonName)
        .filter((name) => name !== "x" && !name.startsWith("["))
        .sort(),
    ).toEqual(names.sort());
  }
});

test("buf compiles models nobody wrote", () => {
  const documents = fc.sample(arbitraryModel, { numRuns: 60, seed: 1 }).filter((document) => checkModel(JSON.stringify(document)).model);
  expect(documents.length).toBeGreaterThan(20);
  compile(documents.map((document) => exportProto(sourceOf(document), {}).document));
});

describe("field numbers", () => {
  test("are allotted once and never again, whatever comes, goes, moves, or changes its type", () => {
    const types = fc.constantFrom<object>(
      { type: "number" },
      { type: "string" },
      { type: "array", items: { type: "integer" } },
      {
        type: "object",
        properties: { a: { type: "number" } },
      },
    );
    const version = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "e"), types, { minKeys: 1 });
    fc.assert(
      fc.property(fc.array(version, { minLength: 1, maxLength: 6 }), (versions) => {
        let known: FieldNumbers = {};
        const meanings = new Map<number, string>();
        for (const definition of versions) {
          const { document, fieldNumbers } = exportProto(sourceOf(property(definition)), known);
          const body = document.slice(document.indexOf("message Properties"), document.indexOf("}"));
          const fields = [...body.matchAll(/^ {2}(optional |repeated |)(\S+) (\S+) = (\d+) /gm)];
          expect(fields.length).toBe(Object.keys(definition).length);
          for (const [, label, type, name, number] of fields) {
            const meaning = `${label}${type} ${name}`;
            expect(meanings.get(Number(number)) ?? meaning).toBe(meaning);
            meanings.set(Number(number), meaning);
          }
          const present = fields.map(([, , , , number]) => Number(number));
          const gone = [...meanings.keys()].filter((number) => !present.includes(number)).sort((a, b) => a - b);
          expect(body.match(/reserved (.*);/)?.[1] ?? "").toBe(gone.join(", "));
          known = parseFieldNumbers(JSON.parse(JSON.stringify(fieldNumbers)));
        }
      }),
      { numRuns: 100 },
    );
  });

  test("the same version twice is the same file and allots nothing", () => {
    const first = exportProto(sourceOf(own), {});
    const second = exportProto(sourceOf(own), first.fieldNumbers);
    expect(second).toEqual(first);
  });

  test("are bounded: a model whose versions used them up gets no further ones", () => {
    const source = sourceOf(property({ a: { type: "number" } }));
    const codeOf = (known: FieldNumbers) => {
      try {
        exportProto(source, known);
      } catch (error) {
        return (error as PlatformError).code;
      }
      return undefined;
    };
    const many = Object.fromEntries(Array.from({ length: fieldNumbersMax - 2 }, (_, index) => [`f${index}`, index + 20_000]));
    expect(codeOf({ old: many })).toBeUndefined();
    expect(codeOf({ old: { ...many, one: 1 } })).toBe("quotaExceeded");
    expect(codeOf({ properties: { "z:double": 536_870_911 } })).toBe("quotaExceeded");
  });

  test("the numbers the language keeps for itself are left out", () => {
    const { fieldNumbers } = exportProto(sourceOf(property({ a: { type: "number" } })), { properties: { "z:double": 18_999 } });
    expect(fieldNumbers["properties"]).toEqual({ "z:double": 18_999, "a:double": 20_000 });
  });

  test.each<[unknown, string]>([
    [[], ""],
    [{ m: 1 }, "/m"],
    [{ m: { a: 0 } }, "/m/a"],
    [{ m: { a: 19_500 } }, "/m/a"],
    [{ m: { a: 1, b: 1 } }, "/m/b"],
    [{ m: { a: "1" } }, "/m/a"],
  ])("%j is refused as an allotment, naming what is wrong", (value, pointer) => {
    const parse = () => parseFieldNumbers(value as never);
    expect(parse).toThrow(PlatformError);
    try {
      parse();
    } catch (error) {
      expect((error as PlatformError).details.issues?.map((issue) => issue.pointer)).toEqual([pointer]);
    }
  });
});
