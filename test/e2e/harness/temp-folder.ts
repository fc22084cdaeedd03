import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";

/** A folder of a test's own, which is gone when the run is over. Outside of Vitest `MOORING_TEST_RUN_FOLDER` says below which one. */
export function tempFolder(name: string): string {
  return mkdtempSync(join(process.env["MOORING_TEST_RUN_FOLDER"] ?? inject("runFolder"), `${name}-`));
}
