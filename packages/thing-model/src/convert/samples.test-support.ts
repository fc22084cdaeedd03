import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ConversionSource, readSource } from "./source.ts";

/** Models written by others, which are not part of this repository; empty, and saying so loudly, where they are not at hand. */
export function sampleSources(): readonly { readonly title: string; readonly source: ConversionSource }[] {
  const folder = join(
    process.env["MOORING_TEST_SAMPLES_DIR"] ?? join(import.meta.dirname, "../../../../../shared/sdf-samples"),
    "playground",
  );
  if (!existsSync(folder)) {
    console.warn(`SKIPPED: no models in ${folder}; set MOORING_TEST_SAMPLES_DIR to a folder that has playground/*.sdf.json.`);
    return [];
  }
  const names = readdirSync(folder).filter((name) => name.endsWith(".sdf.json"));
  return names.map((name) => ({
    title: name,
    source: readSource(readFileSync(join(folder, name), "utf8"), { name: name.replace(/\.sdf\.json$/, ""), version: "1.0.0" }),
  }));
}
