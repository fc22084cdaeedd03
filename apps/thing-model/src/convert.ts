import type { ModelExport, ModelFinding } from "@mooring/contracts";
import { type ExportedModel, exportModel, importModel, readSource } from "@mooring/thing-model";
import { loadImports } from "./imports.ts";
import type { ModelStore, StoredModel } from "./ports.ts";

/**
 * The SDF text of what is to be published. A text of another format becomes the SDF it means, always the same, so that publishing it
 * again is publishing the same version; what is lost on the way are warnings whose pointers lead into that text.
 */
export function toSdf({ document, format }: { readonly document: string; readonly format?: string }): {
  readonly document: string;
  readonly losses: readonly ModelFinding[];
} {
  if (format === undefined || format === "sdf") return { document, losses: [] };
  const converted = importModel(document, format);
  const losses = converted.losses.map(({ pointer, sentence }) => ({ severity: "warning", pointer, message: sentence }));
  return { document: `${JSON.stringify(converted.document, undefined, 2)}\n`, losses };
}

/** A stored version in another format. New field numbers are kept before anyone sees them. */
export async function exportVersion(models: ModelStore, stored: StoredModel, format: string): Promise<ModelExport> {
  const { tenantId, name, version } = stored;
  const isPublished = stored.state !== "draft";
  const source = readSource(stored.document, { name, version, imports: await loadImports(models, stored), isPublished });
  let exported: ExportedModel = exportModel(source, format);
  if (exported.fieldNumbers !== undefined) {
    await models.allotFieldNumbers(tenantId, name, (known) => {
      exported = exportModel(source, format, known);
      return exported.fieldNumbers ?? known;
    });
  }
  const { text, mediaType, losses } = exported;
  return { text, mediaType, losses };
}
