// A patch of a classic shadow against the thing model of its product: what is reported is judged as a property report is.
import { type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import type { CompiledModel, ProductModel } from "@mooring/thing-model";
import type { ShadowPatch } from "./edit.ts";
import type { Said } from "./report.ts";

/** The patch as the model means it, and what of it the log is told besides. */
export interface ModelFit extends Omit<Said, "device"> {
  readonly patch: ShadowPatch;
}

/** Throws `invalidArgument` with every reason when the product enforces its model and that does not allow it. */
export function fitModel({ model, validation }: Pick<ProductModel, "model" | "validation">, patch: ShadowPatch): ModelFit {
  if (model === undefined || validation === "off") return { patch };
  if (validation === "enforce") assertAllowed(model, patch);
  const { reported } = patch;
  if (reported == null) return { patch };
  const values = present(reported);
  const findings = validation === "enforce" ? [] : model.validateProperties(values);
  // As a post is kept then: as it was said.
  if (findings.length > 0) return { patch, invalid: findings.map(({ pointer, message }): JsonValue => ({ pointer, message })) };
  const report = model.unwrapProperties(values);
  return { patch: { ...patch, reported: { ...reported, ...report.values } }, timesMs: report.timesMs };
}

function assertAllowed(model: CompiledModel, { desired, reported }: ShadowPatch): void {
  const issues = [
    ...(desired == null ? [] : model.validateDesired(desired).map((issue) => ({ ...issue, pointer: `/desired${issue.pointer}` }))),
    ...(reported == null
      ? []
      : model.validateProperties(present(reported)).map((issue) => ({ ...issue, pointer: `/reported${issue.pointer}` }))),
  ];
  if (issues.length === 0) return;
  throw new PlatformError("invalidArgument", issues[0]?.message ?? "the state does not fit the thing model", { issues });
}

/** The members of a patch that say something rather than delete. */
function present(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== null));
}
