#!/usr/bin/env node
// Prisma's command line runs the file named by PRISMA_SCHEMA_ENGINE_BINARY. The `node` that the first line finds may be an old one of
// the machine's, which cannot read TypeScript: then the project's own Node, pinned in package.json, takes over.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

if (process.features.typescript) {
  await import("./main.ts");
} else {
  const pinnedNode = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", "node");
  const { status, error } = spawnSync(pinnedNode, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  if (error) throw error;
  process.exitCode = status ?? 1;
}
