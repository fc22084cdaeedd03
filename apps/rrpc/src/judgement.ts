// What a product's thing model has to say of a service call: its input before it goes to the device, the output when it comes back.
//   enforce   what does not fit is refused        flag   it goes on, and the caller is told what does not fit        off   nobody looks
import { type FieldIssue, type JsonValue, PlatformError } from "@mooring/contracts";
import type { CompiledModel, FieldError, ProductModel } from "@mooring/thing-model";

/** What is said of one service. Without a model, nothing. */
export interface Judgement {
  /** Issues below `/input`, or one of `/service` where the model has none of this name. Throws `invalidArgument` where the product enforces. */
  input(input: JsonValue): readonly FieldIssue[];
  /** Issues below `/data`. Throws `failedPrecondition` where the product enforces. */
  output(output: JsonValue): readonly FieldIssue[];
}

const none: readonly FieldIssue[] = [];
const silent: Judgement = { input: () => none, output: () => none };

export function createJudgement(service: string, { model, validation }: Pick<ProductModel, "model" | "validation">): Judgement {
  if (model === undefined || validation === "off") return silent;
  const enforces = validation === "enforce";
  return {
    input(input) {
      const issues = inputIssues(model, service, input);
      if (enforces && issues.length > 0) throw new PlatformError("invalidArgument", issues[0]?.message ?? "", { issues });
      return issues;
    },
    output(output) {
      // The name's own issue was told with the input; what comes back from a service nobody knows fits nothing.
      const issues = hasService(model, service) ? placed("/data", model.validateServiceOutput(service, output)) : none;
      if (!enforces || issues.length === 0) return issues;
      throw new PlatformError("failedPrecondition", `the device's answer does not fit the thing model: ${issues[0]?.message}`, { issues });
    },
  };
}

function inputIssues(model: CompiledModel, service: string, input: JsonValue): readonly FieldIssue[] {
  if (hasService(model, service)) return placed("/input", model.validateServiceInput(service, input));
  return [{ pointer: "/service", message: `/service: the thing model has no service ${JSON.stringify(service)}` }];
}

function hasService({ services }: CompiledModel, service: string): boolean {
  return services.some(({ name }) => name === service);
}

function placed(at: string, errors: readonly FieldError[]): readonly FieldIssue[] {
  return errors.map((error) => ({ ...error, pointer: at + error.pointer }));
}
