import type { ThingModelVersion } from "@mooring/contracts";
import { type Finding, hasDefinition, limits, parseSdf, type SdfDocument, type WantedName, wantedNames } from "@mooring/thing-model";
import type { ModelStore, StoredModel } from "./ports.ts";
import { compareVersions, isPreRelease } from "./versions.ts";

/** Versions of one namespace among which the newest of each model is looked for. */
const versionsOfNamespaceMax = 1_000;
/** Documents, and characters of them, that are read to find the names of one text. */
const readMax = 256;
const charactersReadMax = 16 * limits.documentBytesMax;

export interface Imports {
  /** `name@version`, in the order in which they are searched. */
  readonly keys: readonly string[];
  readonly documents: readonly string[];
  /** Warnings about what is referred to. */
  readonly findings: readonly Finding[];
}

/**
 * The documents a text refers to by global names, and those that these refer to: of each model of the tenant that adds to a namespace
 * the newest version that has one of the names. At most `limits.importsMax`; what is beyond it is not there.
 */
export async function gatherImports(
  models: ModelStore,
  tenantId: string,
  { name, document }: { readonly name: string; readonly document: string },
): Promise<Imports> {
  const library = createLibrary(models, tenantId, name);
  const found = new Map<string, StoredModel>();
  const findings: Finding[] = [];
  const waiting = namesIn(document).map((wanted) => ({ ...wanted, isOwn: true }));
  const asked = new Set<string>();
  for (let wanted = waiting.shift(); wanted !== undefined && found.size < limits.importsMax; wanted = waiting.shift()) {
    const key = JSON.stringify([wanted.namespace, ...wanted.tokens.slice(0, 2)]);
    if (asked.has(key)) continue;
    asked.add(key);
    const owner = await library.ownerOf(wanted);
    if (owner === undefined || found.has(owner.name)) continue;
    found.set(owner.name, owner);
    if (owner.state === "deprecated") {
      const pointer = wanted.isOwn ? wanted.pointer : "";
      findings.push({ severity: "warning", pointer, message: `The version ${owner.name} ${owner.version} referred to is deprecated.` });
    }
    waiting.push(...namesIn(owner.document).map((inner) => ({ ...inner, isOwn: false })));
  }
  const owners = [...found.values()];
  return { keys: owners.map((model) => `${model.name}@${model.version}`), documents: owners.map((model) => model.document), findings };
}

/** The documents a stored version was published with. */
export async function loadImports(models: ModelStore, { tenantId, imports }: StoredModel): Promise<readonly string[]> {
  const found = await Promise.all(
    imports.map((key) => {
      const at = key.indexOf("@");
      return models.find(tenantId, key.slice(0, at), key.slice(at + 1));
    }),
  );
  return found.flatMap((model) => (model === undefined ? [] : [model.document]));
}

/** The tenant's models but one, each in the version to refer to; every document is read once at most. */
function createLibrary(models: ModelStore, tenantId: string, except: string) {
  const namespaces = new Map<string, readonly ThingModelVersion[]>();
  const read = new Map<string, Promise<{ readonly model: StoredModel; readonly document: SdfDocument } | undefined>>();
  let charactersRead = 0;

  async function load({ name, version }: ThingModelVersion) {
    const model = await models.find(tenantId, name, version);
    charactersRead += model?.document.length ?? 0;
    const { document } = parseSdf(model?.document ?? "");
    return model === undefined || document === undefined ? undefined : { model, document };
  }

  return {
    /** The first model that defines a name; undefined where none does among those that may be read. */
    async ownerOf({ namespace, tokens }: WantedName): Promise<StoredModel | undefined> {
      const versions = namespaces.get(namespace) ?? (await newestOf(models, tenantId, namespace));
      namespaces.set(namespace, versions);
      for (const version of versions) {
        if (version.name === except) continue;
        if (!read.has(version.name) && (read.size >= readMax || charactersRead > charactersReadMax)) return undefined;
        const loading = read.get(version.name) ?? load(version);
        read.set(version.name, loading);
        const candidate = await loading;
        if (candidate !== undefined && hasDefinition(candidate.document, tokens)) return candidate.model;
      }
      return undefined;
    },
  };
}

/** Of each model the version to refer to: a release before a pre-release, then one that is published before a deprecated one, then the newest. */
async function newestOf(models: ModelStore, tenantId: string, namespace: string): Promise<readonly ThingModelVersion[]> {
  const newest = new Map<string, ThingModelVersion>();
  for (const version of await models.listOfNamespace(tenantId, namespace, versionsOfNamespaceMax)) {
    const known = newest.get(version.name);
    if (version.state !== "published" && version.state !== "deprecated") continue;
    if (known === undefined || isBetter(version, known)) newest.set(version.name, version);
  }
  return [...newest.values()];
}

function isBetter(a: ThingModelVersion, b: ThingModelVersion): boolean {
  if (isPreRelease(a.version) !== isPreRelease(b.version)) return isPreRelease(b.version);
  if (a.state !== b.state) return a.state === "published";
  return compareVersions(a.version, b.version) > 0;
}

function namesIn(text: string): readonly WantedName[] {
  const { document } = parseSdf(text);
  return document === undefined ? [] : wantedNames(document);
}
