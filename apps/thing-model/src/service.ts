import { assertMay, PlatformError, type ThingModelApi, type ThingModelKey, type ThingModelVersion } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import { type CheckedModel, checkModel, compareModels, limits, namespaceOf } from "@mooring/thing-model";
import { exportVersion, toSdf } from "./convert.ts";
import { gatherImports, type Imports, loadImports } from "./imports.ts";
import { assertKey, assertRetirement, incompatible, noModel, refusal, tenantFor, tenantOf } from "./input.ts";
import { isModelName, isVersion } from "./names.ts";
import type { ModelStore, StateChange, StoredModel } from "./ports.ts";
import { createReading } from "./reading.ts";
import { compareVersions, isRange, neighbours, resolveRange } from "./versions.ts";

export interface ThingModelServiceDeps {
  readonly models: ModelStore;
  readonly clock: Clock;
}

/** Versions of all models of a tenant together, drafts included; a document has 1 MiB at most. */
export const versionsMax = 1_000;
/** Models told of by one look at what changed: more than can be published in the few seconds that are asked about. */
const changedMax = 10_000;

type Publication = ThingModelKey & { readonly document: string };

/**
 * Thing models (SDF, RFC 9880) and their versions:
 *
 *   saveDraft --> draft --publish--> published --deprecate--> deprecated --retire, or the time set--> retired
 *                 publish ------------^
 */
export function createThingModelService({ models, clock }: ThingModelServiceDeps): ThingModelApi {
  const load = async (tenantId: string, { name, version }: ThingModelKey): Promise<StoredModel> => {
    if (!isModelName(name) || !(isVersion(version) || isRange(version))) throw noModel();
    const resolved = isRange(version) ? resolveRange(version, (await models.list(tenantId, name, versionsMax)).map(now))?.version : version;
    const stored = resolved === undefined ? undefined : await models.find(tenantId, name, resolved);
    if (stored === undefined) throw noModel();
    return stored;
  };
  /** A version in the state it is in at this time. */
  const now = <T extends ThingModelVersion>(model: T): T =>
    model.state === "deprecated" && model.retireAtMs !== undefined && model.retireAtMs <= clock.now()
      ? { ...model, state: "retired" }
      : model;

  return {
    async publish(caller, request) {
      assertMay(caller, "thingModel.publish");
      const tenantId = tenantOf(caller);
      assertKey(request, true);
      const { document, losses } = toSdf(request);
      const { name, version } = request;
      const publication: Publication = { name, version, document };
      const { checked, imports } = await check(tenantId, publication);
      const { model, findings } = checked;
      if (model === undefined) throw refusal(findings);
      const known = await models.find(tenantId, name, version);
      const isNew = known === undefined || known.state === "draft";
      const { changes, issues } = await compareNeighbours(tenantId, publication, model);
      if (isNew && issues.length > 0) throw incompatible(publication, issues);
      if (known === undefined) await assertRoom(tenantId);
      const stored = isNew ? await models.insert(toStored(tenantId, publication, checked, imports)) : known;
      if (stored.document !== document || stored.state === "draft") {
        throw new PlatformError("alreadyExists", `${name} ${version} is published with another text; publish this one as a new version`);
      }
      return { model: toVersion(now(stored)), findings: [...findings, ...losses], changes };
    },

    async saveDraft(caller, request) {
      assertMay(caller, "thingModel.saveDraft");
      const tenantId = tenantOf(caller);
      assertKey(request, true);
      if (request.document.length > limits.documentBytesMax || Buffer.byteLength(request.document) > limits.documentBytesMax) {
        throw refusal([{ severity: "error", pointer: "", message: `The document is larger than ${limits.documentBytesMax} bytes.` }]);
      }
      if (request.document.includes("\u0000")) throw refusal([{ severity: "error", pointer: "", message: "The document holds U+0000." }]);
      const { checked, imports } = await check(tenantId, request);
      if ((await models.find(tenantId, request.name, request.version)) === undefined) await assertRoom(tenantId);
      const draft: StoredModel = { ...toStored(tenantId, request, checked, imports), state: "draft" };
      if (!(await models.saveDraft(draft))) throw stateError(request, "is published, and no draft any more");
      return { model: toVersion(draft), findings: checked.findings };
    },

    async deprecate(caller, request) {
      assertMay(caller, "thingModel.deprecate");
      const { replacement, retireAtMs } = request;
      assertRetirement(request, clock.now());
      const tenantId = tenantOf(caller);
      if (replacement !== undefined && (await models.find(tenantId, request.name, replacement)) === undefined) throw noModel();
      return changeState(tenantId, request, {
        from: ["published", "deprecated"],
        state: "deprecated",
        ...(replacement === undefined ? {} : { replacement }),
        ...(retireAtMs === undefined ? {} : { retireAtMs }),
      });
    },

    async retire(caller, request) {
      assertMay(caller, "thingModel.retire");
      return changeState(tenantOf(caller), request, { from: ["deprecated", "retired"], state: "retired" });
    },

    async get(caller, request) {
      assertMay(caller, "thingModel.get");
      const stored = await load(tenantFor(caller, request.tenantId), request);
      return { model: toVersion(now(stored)), document: stored.document, imports: await loadImports(models, stored) };
    },

    async export(caller, request) {
      assertMay(caller, "thingModel.export");
      const stored = await load(tenantFor(caller, request.tenantId), request);
      if (stored.state === "draft") throw stateError(stored, "is a draft; publish it to export it");
      return exportVersion(models, stored, request.format);
    },

    async list(caller, { name }) {
      assertMay(caller, "thingModel.list");
      const tenantId = tenantOf(caller);
      if (name !== undefined && !isModelName(name)) return { models: [] };
      return { models: (await models.list(tenantId, name, versionsMax)).map(now) };
    },

    async listChanges(caller, { sinceMs }) {
      assertMay(caller, "thingModel.listChanges");
      const nowMs = clock.now();
      return { models: await models.listChanged(Number.isFinite(sinceMs) ? sinceMs : nowMs, changedMax), nowMs };
    },

    ...createReading({ models, load }),
  };

  /** With the models it refers to where it refers to any. */
  async function check(tenantId: string, request: Publication): Promise<{ readonly checked: CheckedModel; readonly imports: Imports }> {
    const alone = checkModel(request.document);
    const none: Imports = { keys: [], documents: [], findings: [] };
    if (alone.model !== undefined || alone.document === undefined) return { checked: alone, imports: none };
    const imports = await gatherImports(models, tenantId, request);
    if (imports.keys.length === 0) return { checked: alone, imports };
    const checked = checkModel(request.document, imports.documents);
    return { checked: { ...checked, findings: [...checked.findings, ...imports.findings] }, imports };
  }

  /** What is otherwise than in the version before, and what breaks a promise: to it, or of this one to the version after. */
  async function compareNeighbours(tenantId: string, { name, version }: Publication, model: NonNullable<CheckedModel["model"]>) {
    const others = (await models.list(tenantId, name, versionsMax)).filter(({ state }) => state !== "draft");
    const twin = others.find((other) => other.version !== version && compareVersions(other.version, version) === 0);
    if (twin !== undefined)
      throw new PlatformError(
        "failedPrecondition",
        `${name} ${version} differs from ${twin.version} in build metadata only, which says nothing of what is newer (SemVer 2.0.0 s10)`,
      );
    const { before, after } = neighbours(
      version,
      others.map((other) => other.version),
    );
    const older = before === undefined ? undefined : await compile(tenantId, { name, version: before });
    const newer = after === undefined ? undefined : await compile(tenantId, { name, version: after });
    const changes = older === undefined ? [] : compareModels(older, model);
    const later = newer === undefined ? [] : compareModels(model, newer);
    const issues = [
      ...changes.filter(({ isCompatible }) => !isCompatible).map((change) => ({ ...change, other: before ?? "" })),
      ...later.filter(({ isCompatible }) => !isCompatible).map((change) => ({ ...change, other: after ?? "" })),
    ];
    return { changes, issues };
  }

  async function compile(tenantId: string, key: ThingModelKey): Promise<CheckedModel["model"]> {
    const stored = await models.find(tenantId, key.name, key.version);
    const isPublished = stored !== undefined && stored.state !== "draft";
    return stored === undefined ? undefined : checkModel(stored.document, await loadImports(models, stored), { isPublished }).model;
  }

  async function assertRoom(tenantId: string): Promise<void> {
    if ((await models.count(tenantId)) < versionsMax) return;
    throw new PlatformError("quotaExceeded", `a tenant has at most ${versionsMax} versions of thing models`);
  }

  async function changeState(tenantId: string, { name, version }: ThingModelKey, change: StateChange) {
    const known = isModelName(name) && isVersion(version) ? await models.find(tenantId, name, version) : undefined;
    if (known === undefined) throw noModel();
    const changed = await models.setState({ tenantId, name, version }, change, clock.now());
    if (!changed) throw stateError(known, `is ${now(known).state}, so that it cannot be ${change.state}`);
    return { model: toVersion(now((await models.find(tenantId, name, version)) ?? known)) };
  }

  function toStored(tenantId: string, { name, version, document }: Publication, checked: CheckedModel, imports: Imports): StoredModel {
    const namespace = checked.document === undefined ? undefined : namespaceOf(checked.document);
    return {
      ...{ tenantId, name, version, document, contentHash: checked.model?.contentHash ?? "", publishedAtMs: clock.now() },
      ...{ state: "published", imports: imports.keys, ...(namespace === undefined ? {} : { namespace }) },
    };
  }
}

function stateError({ name, version }: ThingModelKey, what: string): PlatformError {
  return new PlatformError("failedPrecondition", `${name} ${version} ${what}`);
}

function toVersion({ name, version, contentHash, publishedAtMs, state, replacement, retireAtMs }: StoredModel): ThingModelVersion {
  return {
    ...{ name, version, contentHash, publishedAtMs, state },
    ...(replacement === undefined ? {} : { replacement }),
    ...(retireAtMs === undefined ? {} : { retireAtMs }),
  };
}
