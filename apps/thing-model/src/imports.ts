import { foreignNamespaces, limits, parseSdf } from "@mooring/thing-model";
import type { ModelStore, StoredModel } from "./ports.ts";
import { compareVersions } from "./versions.ts";

/** Versions of one namespace that are looked through for the newest of each model. */
const versionsOfNamespaceMax = 200;

export interface Imports {
  /** `name@version`, in the order in which they are searched. */
  readonly keys: readonly string[];
  readonly documents: readonly string[];
}

/**
 * The documents a text may refer to by global names: of each model of the tenant that adds to a namespace named there, the newest
 * version that is published, and what those refer to. Bounded by `limits.importsMax`; what is beyond it is not there.
 */
export async function gatherImports(
  models: ModelStore,
  tenantId: string,
  { name, document }: { readonly name: string; readonly document: string },
): Promise<Imports> {
  const seen = new Set<string>([name]);
  const found: StoredModel[] = [];
  const waiting = namespacesOf(document);
  const asked = new Set<string>();
  for (let namespace = waiting.shift(); namespace !== undefined; namespace = waiting.shift()) {
    if (asked.has(namespace)) continue;
    asked.add(namespace);
    for (const version of await newestOf(models, tenantId, namespace)) {
      if (seen.has(version.name) || found.length >= limits.importsMax) continue;
      seen.add(version.name);
      const stored = await models.find(tenantId, version.name, version.version);
      if (stored === undefined) continue;
      found.push(stored);
      waiting.push(...namespacesOf(stored.document));
    }
  }
  return { keys: found.map((model) => `${model.name}@${model.version}`), documents: found.map((model) => model.document) };
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

async function newestOf(models: ModelStore, tenantId: string, namespace: string) {
  const newest = new Map<string, { readonly name: string; readonly version: string }>();
  for (const version of await models.listOfNamespace(tenantId, namespace, versionsOfNamespaceMax)) {
    const known = newest.get(version.name);
    if (version.state === "published" && (known === undefined || compareVersions(version.version, known.version) > 0))
      newest.set(version.name, version);
  }
  return [...newest.values()];
}

function namespacesOf(text: string): string[] {
  const { document } = parseSdf(text);
  return document === undefined ? [] : [...foreignNamespaces(document)];
}
