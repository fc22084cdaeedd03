import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type SpecName, specOf, type VersionName, type VersionSet, versionSets } from "./versions.ts";

const folder = import.meta.dirname;

/** A test of this folder, as its source names it. */
export interface TitledTest {
  /** Relative to this folder. */
  readonly file: string;
  /** As it is written, with its ids. */
  readonly title: string;
  readonly versions: readonly VersionName[];
}

/** The tests of this folder: every `conforms("title", "versions", ...)` in its test files. */
export function titledTests(): TitledTest[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".test.ts"));
  return files.sort().flatMap((file) => {
    const text = readFileSync(join(folder, file), "utf8");
    return [...text.matchAll(/^conforms\(\s*"((?:[^"\\]|\\.)*)",\s*"(\w+)"/gm)].map(([, title = "", set = ""]) => {
      const versions = versionSets[set as VersionSet];
      if (versions === undefined) throw new Error(`${file}: "${title}" is about ${set}, which is no set of versions`);
      return { file, title, versions };
    });
  });
}

/** The statements a title names, for each specification its test runs under. */
export function statementsOf({ title, versions }: TitledTest): { readonly spec: SpecName; readonly id: string }[] {
  const specs = [...new Set(versions.map(specOf))];
  return [...title.matchAll(/\[(?:([\d.]+) )?MQTT-([\d.]+-\d+)\]/g)].flatMap(([, only, id = ""]) =>
    specs.filter((spec) => only === undefined || only === spec).map((spec) => ({ spec, id })),
  );
}

/** A title without its ids. */
export function sentenceOf(title: string): string {
  return title.replaceAll(/ \[[^\]]*\]/g, "");
}
