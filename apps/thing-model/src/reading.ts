import { assertMay, invalidField, PlatformError, payloadKinds, type ThingModelApi, type ThingModelKey } from "@mooring/contracts";
import { type CompiledModel, checkModel, compareModels, type FieldError } from "@mooring/thing-model";
import { loadImports } from "./imports.ts";
import { tenantOf } from "./input.ts";
import type { ModelStore, StoredModel } from "./ports.ts";

export interface ReadingDeps {
  readonly models: ModelStore;
  /** Throws `notFound`. */
  load(tenantId: string, key: ThingModelKey): Promise<StoredModel>;
}

/** What can be asked about versions that are there; nothing is changed. */
export function createReading({ models, load }: ReadingDeps): Pick<ThingModelApi, "listFindings" | "diff" | "validate"> {
  const check = async (stored: StoredModel) => checkModel(stored.document, await loadImports(models, stored));
  const compile = async (tenantId: string, key: ThingModelKey): Promise<CompiledModel> => {
    const stored = await load(tenantId, key);
    const { model } = checkModel(stored.document, await loadImports(models, stored), { isPublished: stored.state !== "draft" });
    if (model === undefined) throw new PlatformError("failedPrecondition", `the draft ${stored.name} ${stored.version} has errors`);
    return model;
  };

  return {
    async listFindings(caller, request) {
      assertMay(caller, "thingModel.listFindings");
      return { findings: (await check(await load(tenantOf(caller), request))).findings };
    },

    async diff(caller, { name, version, against }) {
      assertMay(caller, "thingModel.diff");
      const tenantId = tenantOf(caller);
      const changes = compareModels(await compile(tenantId, { name, version: against }), await compile(tenantId, { name, version }));
      return { isCompatible: changes.every((change) => change.isCompatible), changes };
    },

    async validate(caller, request) {
      assertMay(caller, "thingModel.validate");
      const kind = payloadKinds.find((one) => one === request.kind);
      if (kind === undefined) throw invalidField("/kind", `must be one of ${payloadKinds.join(", ")}`);
      const model = await compile(tenantOf(caller), request);
      const { member, payload } = request;
      if (kind === "properties") return { errors: model.validateProperties(payload) };
      if (kind === "desired") return { errors: model.validateDesired(payload) };
      if (member === undefined) throw invalidField("/member", "must be the name of an event or a service");
      const validate: Readonly<Record<typeof kind, (name: string, value: unknown) => readonly FieldError[]>> = {
        event: model.validateEvent,
        serviceInput: model.validateServiceInput,
        serviceOutput: model.validateServiceOutput,
      };
      return { errors: validate[kind](member, payload) };
    },
  };
}
