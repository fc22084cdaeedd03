import { parseArgs } from "node:util";
import { compareModels } from "../compare.ts";
import { checkFile, reportFindings } from "./model-file.ts";
import type { Subcommand } from "./subcommand.ts";

export const diffCommand: Subcommand = {
  usage: "OLDER NEWER [--import FILE]...",
  summary: "Lists how two versions of a thing model differ and whether the newer one needs a new major version: then it ends with 1.",
  async run(args, output) {
    const call = readCall(args);
    if (typeof call === "string") {
      output.err(`${call}\nusage: mooring-model diff ${diffCommand.usage}\n`);
      return 2;
    }
    const [before, after] = [await checkFile(call.older, call.imports), await checkFile(call.newer, call.imports)];
    if (before.model === undefined || after.model === undefined) {
      for (const [path, checked] of [
        [call.older, before],
        [call.newer, after],
      ] as const) {
        if (checked.model === undefined) reportFindings(path, checked, output);
      }
      return 1;
    }
    const changes = compareModels(before.model, after.model);
    for (const { pointer, isCompatible, message } of changes)
      output.out(`${isCompatible ? "compatible" : "BREAKING"}: ${pointer}: ${message}\n`);
    return changes.every(({ isCompatible }) => isCompatible) ? 0 : 1;
  },
};

function readCall(
  args: readonly string[],
): { readonly older: string; readonly newer: string; readonly imports: readonly string[] } | string {
  try {
    const options = { import: { type: "string", multiple: true } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    const [older, newer] = positionals;
    if (older === undefined || newer === undefined || positionals.length > 2) return "two files are compared";
    return { older, newer, imports: values.import ?? [] };
  } catch (error) {
    return (error as Error).message;
  }
}
