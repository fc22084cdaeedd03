import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { type JsonValue, PlatformError } from "@mooring/contracts";
import type { Loss } from "../convert/conversion.ts";
import { exportFormatNames, exportModel, importFormatNames, importModel } from "../convert/formats.ts";
import { type FieldNumbers, parseFieldNumbers } from "../convert/proto/field-numbers.ts";
import { readSource } from "../convert/source.ts";
import { parseJson } from "../json.ts";
import { readText } from "./model-file.ts";
import type { Subcommand, SubcommandOutput } from "./subcommand.ts";

const from = ["sdf", ...importFormatNames];
const to = ["sdf", ...exportFormatNames];

const options = {
  from: { type: "string" },
  to: { type: "string" },
  out: { type: "string" },
  name: { type: "string" },
  version: { type: "string" },
  import: { type: "string", multiple: true },
  "field-numbers": { type: "string" },
} as const;

export const convertCommand: Subcommand = {
  usage: "FILE --to FORMAT [--from FORMAT] [--out FILE] [--name NAME] [--version VERSION] [--import FILE]... [--field-numbers FILE]",
  summary: `Converts a thing model; what is lost goes to stderr. From ${from.join(", ")}; to ${to.join(", ")}.
      --field-numbers keeps the numbers of proto: read if it is there, written back with those that are new.`,
  async run(args, output) {
    const call = readCall(args);
    if (typeof call === "string") {
      output.err(`${call}\nusage: mooring-model convert ${convertCommand.usage}\n`);
      return 2;
    }
    const text = await readText(call.file);
    const losses: Loss[] = [];
    let sdf = text;
    if (call.from !== "sdf") {
      const imported = importModel(text, call.from);
      losses.push(...imported.losses);
      sdf = `${JSON.stringify(imported.document, undefined, 2)}\n`;
    }
    const source = readSource(sdf, { ...call, imports: await Promise.all(call.imports.map(readText)) });
    const { numbersFile } = call;
    const known = numbersFile !== undefined && existsSync(numbersFile) ? await readFieldNumbers(numbersFile) : {};
    const exported = call.to === "sdf" ? { text: sdf, losses: [] } : exportModel(source, call.to, known);
    losses.push(...exported.losses);
    // The numbers are kept before the file that uses them is there.
    if (numbersFile !== undefined && "fieldNumbers" in exported)
      await writeFile(numbersFile, `${JSON.stringify(exported.fieldNumbers, undefined, 2)}\n`);
    if (call.out === undefined) output.out(exported.text);
    else await writeFile(call.out, exported.text);
    reportLosses(losses, output);
    return 0;
  },
};

interface Call {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly name: string;
  readonly version: string;
  readonly out: string | undefined;
  readonly imports: readonly string[];
  readonly numbersFile: string | undefined;
}

/** SemVer 2.0.0 s2, s9, s10, but for zeros in front of a pre-release's numbers. */
const VERSION = /^(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

/** The call, or a sentence saying what is wrong with it. */
function readCall(args: readonly string[]): Call | string {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return (error as Error).message;
  }
  const { values, positionals } = parsed;
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) return "one file is converted at a time";
  const source = values.from ?? (file.endsWith(".tsl.json") ? "tsl" : file.endsWith(".tm.json") ? "wot-tm" : "sdf");
  if (!from.includes(source)) return `--from must be one of ${from.join(", ")}`;
  if (values.to === undefined || !to.includes(values.to)) return `--to must be one of ${to.join(", ")}`;
  if (values.version !== undefined && !VERSION.test(values.version)) return "--version must be a version such as 1.0.0 or 2.0.0-rc.1";
  const name = values.name ?? (basename(file).replace(/(\.(sdf|tsl|tm))?\.json$/, "") || "model");
  return {
    file,
    from: source,
    to: values.to,
    name,
    version: values.version ?? "1.0.0",
    out: values.out,
    imports: values.import ?? [],
    numbersFile: values["field-numbers"],
  };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
}

async function readFieldNumbers(path: string): Promise<FieldNumbers> {
  const result = parseJson(await readText(path));
  if ("problem" in result) throw new PlatformError("invalidArgument", `${path}: ${result.problem.message}`, { issues: [result.problem] });
  return parseFieldNumbers(result.value satisfies JsonValue);
}

function reportLosses(losses: readonly Loss[], output: SubcommandOutput): void {
  for (const { pointer, sentence } of losses) output.err(`lost: ${pointer || "/"}: ${sentence}\n`);
}
