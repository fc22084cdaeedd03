import { readFile, stat } from "node:fs/promises";
import { PlatformError } from "@mooring/contracts";
import { type CheckedModel, checkModel } from "../compile.ts";
import { limits } from "../limits.ts";
import type { SubcommandOutput } from "./subcommand.ts";

/** A file's text, once it is known not to be larger than a model may be. Throws `invalidArgument`. */
export async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > limits.documentBytesMax)
      throw new PlatformError("invalidArgument", `${path} is larger than ${limits.documentBytesMax} bytes`);
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw new PlatformError("invalidArgument", `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** The model in a file, with the files it refers to by global names. */
export async function checkFile(path: string, imports: readonly string[]): Promise<CheckedModel> {
  return checkModel(await readText(path), await Promise.all(imports.map(readText)));
}

/** One line for each finding; true when there is an error among them. */
export function reportFindings(path: string, { findings }: CheckedModel, output: SubcommandOutput): boolean {
  for (const { severity, pointer, message } of findings) output.out(`${path}: ${severity}: ${pointer || "/"}: ${message}\n`);
  return findings.some(({ severity }) => severity === "error");
}
