import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sourceOf } from "./convert.test-support.ts";
import { exportBytesMax, exportFormatNames, exportFormats, exportModel, importModel } from "./formats.ts";
import { lossTables } from "./losses.ts";
import { sampleSources } from "./samples.test-support.ts";

const own = JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/every-quality.sdf.json"), "utf8")) as unknown;
const sources = [{ title: "every quality", source: sourceOf(own) }, ...sampleSources()];

describe.each(exportFormatNames)("%s", (format) => {
  test("every model is written, twice the same, and each loss is one of the format's list, at a place of the model", () => {
    const sentences: readonly string[] = Object.values(lossTables[format]);
    for (const { title, source } of sources) {
      const first = exportModel(source, format);
      expect(first.text.length, title).toBeGreaterThan(10);
      expect(exportModel(source, format), title).toEqual(first);
      for (const { pointer, sentence } of first.losses) {
        expect(sentences).toContain(sentence);
        expect(pointer).toMatch(/^\/sdf(Object|Thing|Property|Action|Event)\//);
      }
    }
  });

  test("a model whose every quality is used loses something, and says so", () => {
    expect(exportModel(sourceOf(own), format).losses.length).toBeGreaterThan(0);
  });

  test("a model whose references multiply is written or refused within three seconds, and is never larger than the limit", () => {
    const level = (of: number) => ({
      n: of === 0 ? { type: "number" } : { sdfRef: `#/sdfData/l${of - 1}` },
      m: { type: "number", minimum: 2 },
    });
    const sdfData = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`l${index}`, { type: "object", properties: level(index) }]),
    );
    const sdfProperty = Object.fromEntries(Array.from({ length: 85 }, (_, index) => [`p${index}`, { sdfRef: "#/sdfData/l39" }]));
    const source = sourceOf({ sdfData, sdfObject: { O: { sdfProperty } } });
    const start = process.cpuUsage();
    let length = 0;
    try {
      length = Buffer.byteLength(exportModel(source, format).text);
    } catch (error) {
      expect(error).toMatchObject({ code: "invalidArgument", message: expect.stringMatching(/bytes/) });
    }
    const { user, system } = process.cpuUsage(start);
    expect(length).toBeLessThanOrEqual(exportBytesMax);
    expect((user + system) / 1e6).toBeLessThan(3);
  });

  test("a model the size of the largest is written within three seconds", () => {
    const properties = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, index) => [`a ${index}`, { type: "object", properties: { x: { type: "number", minimum: 1 } } }]),
    );
    const source = sourceOf({ sdfObject: { O: { sdfProperty: properties } } });
    const start = process.cpuUsage();
    const { text, losses } = exportModel(source, format);
    const { user, system } = process.cpuUsage(start);
    expect(text.length).toBeGreaterThan(10_000);
    expect(losses.length).toBeLessThanOrEqual(500);
    expect((user + system) / 1e6).toBeLessThan(3);
  });
});

test("a format there is not is refused with those there are", () => {
  expect(() => exportModel(sourceOf(own), "xml")).toThrow(/tsl, json-schema/);
  expect(() => exportModel(sourceOf(own), "constructor")).toThrow(/must be one of/);
  expect(() => importModel("{}", "toString")).toThrow(/must be one of/);
  expect(new Set(Object.values(exportFormats).map(({ extension }) => extension)).size).toBe(exportFormatNames.length);
});

test.each(["tsl", "wot-tm"])("what is written as %s is read again, with every property, event and service", (format) => {
  const names = ({ model }: (typeof sources)[number]["source"]) =>
    [model.properties, model.events, model.services].map((entries) => entries.map(({ name }) => name));
  for (const { title, source } of sources) {
    const again = sourceOf(importModel(exportModel(source, format).text, format).document);
    expect(names(again), title).toEqual(names(source));
  }
});

test("a model that came from TSL goes out in every format", () => {
  const tsl = { properties: [{ identifier: "on", dataType: { type: "bool", specs: { 0: "off", 1: "on" } } }] };
  const source = sourceOf(importModel(JSON.stringify(tsl), "tsl").document);
  for (const format of exportFormatNames) expect(exportModel(source, format).text).toMatch(/\bon\b/);
});
