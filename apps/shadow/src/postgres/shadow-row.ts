import type { JsonObject } from "@mooring/contracts";
import type { ShadowDocument } from "../document.ts";

/** The columns of a document. JSON as text: it is parsed here, once, and its size is known. */
export interface ShadowRow {
  readonly version: string;
  readonly desired: string;
  readonly reported: string;
  readonly metadata: string;
  readonly desired_versions: string;
  readonly updated_ms: number;
}

/** The column `metadata` also holds what only this service knows: `direct`, the document's `directAt`. */
interface StoredMetadata {
  readonly desired: JsonObject;
  readonly reported: JsonObject;
  readonly direct?: Readonly<Record<string, number>>;
}

export function metadataText({ metadata, directAt }: ShadowDocument): string {
  const stored: StoredMetadata = Object.keys(directAt).length === 0 ? metadata : { ...metadata, direct: directAt };
  return JSON.stringify(stored);
}

export function toDocument(row: ShadowRow): ShadowDocument {
  const { desired, reported, direct } = JSON.parse(row.metadata) as StoredMetadata;
  return {
    version: Number(row.version),
    desired: JSON.parse(row.desired) as ShadowDocument["desired"],
    reported: JSON.parse(row.reported) as ShadowDocument["reported"],
    metadata: { desired, reported },
    desiredVersions: JSON.parse(row.desired_versions) as ShadowDocument["desiredVersions"],
    directAt: direct ?? {},
    updatedAtMs: row.updated_ms,
    bytesAtMost: Buffer.byteLength(row.desired) + Buffer.byteLength(row.reported),
  };
}
