// Makes everything that is made from something else: gRPC stubs, the Prisma client, the reference pages in docs/.
// With --check: makes it all anew and fails when that changed a file, so that what is committed is what the sources say.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { configPage } from "./pages/config-page.ts";
import { errorsPage } from "./pages/errors-page.ts";
import { mqttConformancePage } from "./pages/mqtt-conformance-page.ts";
import { openApiPage } from "./pages/openapi-page.ts";
import { thingModelFormatsPage } from "./pages/thing-model-formats-page.ts";
import { topicsPage } from "./pages/topics-page.ts";

const root = dirname(import.meta.dirname);
const generated = [
  "packages/rpc/src/gen",
  "packages/db/src/gen",
  "docs/config.md",
  "docs/errors.md",
  "docs/topics.md",
  "docs/openapi.json",
  "docs/thing-model-formats.md",
  "docs/mqtt-conformance.md",
];

function run(command: string, ...args: string[]): void {
  const result = spawnSync(join(root, "node_modules/.bin", command), args, { cwd: root, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${command} ${args.join(" ")} failed:\n${result.stdout}${result.stderr}`);
}

/** Relative path to content hash of every file below a path. */
function fingerprints(path: string): [string, string][] {
  const full = join(root, path);
  const stat = statSync(full, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (stat.isDirectory()) return readdirSync(full).flatMap((name) => fingerprints(join(path, name)));
  return [[path, createHash("sha256").update(readFileSync(full)).digest("hex")]];
}

const before = new Map(generated.flatMap(fingerprints));
run("buf", "generate");
run("prisma", "generate");
mkdirSync(join(root, "docs"), { recursive: true });
writeFileSync(join(root, "docs/config.md"), configPage());
writeFileSync(join(root, "docs/errors.md"), errorsPage());
writeFileSync(join(root, "docs/topics.md"), topicsPage());
writeFileSync(join(root, "docs/openapi.json"), await openApiPage());
writeFileSync(join(root, "docs/thing-model-formats.md"), thingModelFormatsPage());
writeFileSync(join(root, "docs/mqtt-conformance.md"), mqttConformancePage());

if (process.argv.includes("--check")) {
  const after = new Map(generated.flatMap(fingerprints));
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path));
  if (changed.length > 0) {
    process.stderr.write(`Not what the sources say (now made anew; commit them):\n  ${changed.join("\n  ")}\n`);
    process.exit(1);
  }
}
