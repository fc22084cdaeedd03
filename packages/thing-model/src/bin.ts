#!/usr/bin/env node
// What the package does, for files: `npx mooring-model validate lamp.sdf.json`.
import { argv, exit, stderr, stdout } from "node:process";
import { PlatformError } from "@mooring/contracts";
import { convertCommand } from "./commands/convert.ts";
import { diffCommand } from "./commands/diff.ts";
import type { Subcommand } from "./commands/subcommand.ts";
import { validateCommand } from "./commands/validate.ts";

const subcommands: Readonly<Record<string, Subcommand>> = { validate: validateCommand, diff: diffCommand, convert: convertCommand };

const [name = "", ...args] = argv.slice(2);
const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
if (subcommand === undefined) {
  const lines = Object.entries(subcommands).map(([key, { usage, summary }]) => `  ${key} ${usage}\n      ${summary}\n`);
  stderr.write(`usage: mooring-model <subcommand>\n${lines.join("")}`);
  exit(2);
}
try {
  exit(await subcommand.run(args, { out: (text) => void stdout.write(text), err: (text) => void stderr.write(text) }));
} catch (error) {
  if (!(error instanceof PlatformError)) throw error;
  stderr.write(`${error.message}\n`);
  for (const { pointer, message } of error.details.issues ?? []) stderr.write(`  ${pointer || "/"}: ${message}\n`);
  exit(error.code === "invalidArgument" ? 1 : 2);
}
