import { parseArgs } from "node:util";
import { type JsonValue, type PayloadKind, payloadKinds } from "@mooring/contracts";
import type { FieldError } from "../explain.ts";
import { parseJson } from "../json.ts";
import type { CompiledModel } from "../model.ts";
import { checkFile, readText, reportFindings } from "./model-file.ts";
import type { Subcommand } from "./subcommand.ts";

const options = {
  import: { type: "string", multiple: true },
  payload: { type: "string" },
  as: { type: "string" },
  member: { type: "string" },
} as const;

export const validateCommand: Subcommand = {
  usage: "FILE [--import FILE]... [--payload FILE --as KIND [--member NAME]]",
  summary: `Lists what there is to say about a thing model in SDF, or with --payload what is wrong with that JSON.
      KIND is one of ${payloadKinds.join(", ")}; --member is the event's or service's name.`,
  async run(args, output) {
    const call = readCall(args);
    if (typeof call === "string") {
      output.err(`${call}\nusage: mooring-model validate ${validateCommand.usage}\n`);
      return 2;
    }
    const checked = await checkFile(call.file, call.imports);
    const hasErrors = reportFindings(call.file, checked, output);
    if (hasErrors || checked.model === undefined) return 1;
    if (call.payload === undefined) return 0;
    const payload = parseJson(await readText(call.payload));
    if ("problem" in payload) {
      output.out(`${call.payload}: error: ${payload.problem.pointer || "/"}: ${payload.problem.message}\n`);
      return 1;
    }
    const errors = validate(checked.model, call, payload.value);
    for (const { pointer, message } of errors) output.out(`${call.payload}: error: ${pointer || "/"}: ${message}\n`);
    return errors.length > 0 ? 1 : 0;
  },
};

interface Call {
  readonly file: string;
  readonly imports: readonly string[];
  readonly payload: string | undefined;
  readonly kind: PayloadKind;
  readonly member: string;
}

/** The call, or a sentence saying what is wrong with it. */
function readCall(args: readonly string[]): Call | string {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) return "one file is looked at at a time";
    const kind = payloadKinds.find((one) => one === (values.as ?? "properties"));
    if (kind === undefined) return `--as must be one of ${payloadKinds.join(", ")}`;
    if (kind !== "properties" && kind !== "desired" && values.member === undefined) return `--as ${kind} needs --member`;
    return { file, imports: values.import ?? [], payload: values.payload, kind, member: values.member ?? "" };
  } catch (error) {
    return (error as Error).message;
  }
}

function validate(model: CompiledModel, { kind, member }: Call, payload: JsonValue): readonly FieldError[] {
  switch (kind) {
    case "properties":
      return model.validateProperties(payload);
    case "desired":
      return model.validateDesired(payload);
    case "event":
      return model.validateEvent(member, payload);
    case "serviceInput":
      return model.validateServiceInput(member, payload);
    case "serviceOutput":
      return model.validateServiceOutput(member, payload);
  }
}
