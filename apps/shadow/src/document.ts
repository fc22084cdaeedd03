// Pure rules of the shadow document: no I/O, no clock, no ids. Applied to every report, so nothing is written out twice and what does not change
// is shared between a document and the next one.
import { isJsonObject, type JsonObject, type JsonValue, PlatformError, type ShadowView } from "@mooring/contracts";
import type { Edit } from "./edit.ts";

/** Never changed after it was made: documents share their parts. */
export interface ShadowDocument {
  readonly version: number;
  readonly desired: JsonObject;
  readonly reported: JsonObject;
  readonly metadata: { readonly desired: JsonObject; readonly reported: JsonObject };
  /** For each top-level member of desired, the version that last changed it. */
  readonly desiredVersions: Readonly<Record<string, number>>;
  /** Top-level members of reported that the device last said directly, not through the log, and when; those of the last minutes. */
  readonly directAt: Readonly<Record<string, number>>;
  /** When it became what it is. */
  readonly updatedAtMs: number;
  /** Both sections as JSON have no more bytes than this. An upper bound is enough to tell that most changes fit, without writing the document. */
  readonly bytesAtMost: number;
}

export const emptyDocument: ShadowDocument = {
  version: 0,
  desired: {},
  reported: {},
  metadata: { desired: {}, reported: {} },
  desiredVersions: {},
  directAt: {},
  updatedAtMs: 0,
  bytesAtMost: 4,
};

/** One section before or after a patch, and the time of each of its leaves. */
interface Section {
  readonly values: JsonObject;
  readonly metadata: JsonObject;
}

export interface Revision {
  readonly version: number;
  /** When the document becomes what it is. */
  readonly atMs: number;
  /** When what the edit says was said: what the metadata of its leaves holds. */
  readonly saidAtMs: number;
  /** When a device's direct change was received; absent for reports from the log and for changes by others. */
  readonly directAtMs?: number | undefined;
}

/** A report that was received before a direct change may come through the log so much later and still be known for the older one. */
const directKeptMs = 900_000;
const directMembersMax = 300;

/** The document after an edit, whatever its size. */
export function applyEdit(document: ShadowDocument, { patch, bytes }: Edit, revision: Revision): ShadowDocument {
  const { version, atMs, saidAtMs, directAtMs } = revision;
  const leaf = { timestamp: saidAtMs };
  const desired = applySection({ values: document.desired, metadata: document.metadata.desired }, patch.desired, leaf);
  const reported = applySection({ values: document.reported, metadata: document.metadata.reported }, patch.reported, leaf);
  return {
    version,
    desired: desired.values,
    reported: reported.values,
    metadata: { desired: desired.metadata, reported: reported.metadata },
    desiredVersions: applyVersions(document.desiredVersions, patch.desired, version),
    directAt: applyDirect(document, patch.reported, directAtMs),
    updatedAtMs: atMs,
    bytesAtMost: document.bytesAtMost + bytes,
  };
}

/** A direct change is remembered by member; what the log says of a member afterwards is in order again. */
function applyDirect(
  document: ShadowDocument,
  reported: JsonObject | null | undefined,
  directAtMs: number | undefined,
): Readonly<Record<string, number>> {
  const { directAt } = document;
  if (reported === undefined) return directAt;
  if (directAtMs === undefined) {
    const names = Object.keys(reported ?? {}).filter((name) => Object.hasOwn(directAt, name));
    return names.length === 0 ? directAt : Object.fromEntries(Object.entries(directAt).filter(([name]) => !names.includes(name)));
  }
  const said = reported === null ? Object.keys(document.reported) : Object.keys(reported);
  const kept = Object.entries(directAt).filter(([name, atMs]) => atMs > directAtMs - directKeptMs && !said.includes(name));
  return Object.fromEntries([...kept, ...said.map((name) => [name, directAtMs] as const)].slice(-directMembersMax));
}

/** The document, known to have at most so many bytes. Throws `payloadTooLarge`. */
export function assertSize(document: ShadowDocument, bytesMax: number): ShadowDocument {
  if (document.bytesAtMost <= bytesMax) return document;
  const bytes = Buffer.byteLength(JSON.stringify(document.desired)) + Buffer.byteLength(JSON.stringify(document.reported));
  if (bytes <= bytesMax) return { ...document, bytesAtMost: bytes };
  throw new PlatformError("payloadTooLarge", `the shadow would have ${bytes} bytes; at most ${bytesMax} are allowed`);
}

export function isEmpty(document: ShadowDocument): boolean {
  return hasNoMembers(document.desired) && hasNoMembers(document.reported);
}

function hasNoMembers(object: JsonObject): boolean {
  for (const _ in object) return false;
  return true;
}

function applySection(section: Section, patch: JsonObject | null | undefined, leaf: JsonObject): Section {
  if (patch === undefined) return section;
  if (patch === null) return { values: {}, metadata: {} };
  return merge(section, patch, leaf);
}

/** RFC 7396 §2, with arrays as atoms and the time of change kept beside each leaf. The patch was checked when it came in: see edit.ts. */
function merge(target: Section, patch: JsonObject, leaf: JsonObject): Section {
  const values: Record<string, JsonValue> = { ...target.values };
  const metadata: Record<string, JsonValue> = { ...target.metadata };
  for (const key of Object.keys(patch)) {
    const value = patch[key] as JsonValue;
    if (value === null) {
      delete values[key];
      delete metadata[key];
    } else if (isJsonObject(value)) {
      const below = merge(sectionAt(target, key), value, leaf);
      values[key] = below.values;
      metadata[key] = below.metadata;
    } else {
      values[key] = value;
      metadata[key] = leaf;
    }
  }
  return { values, metadata };
}

/** What a patch of an object meets: the object there, or an empty one in place of anything else. */
function sectionAt(target: Section, key: string): Section {
  const values = Object.hasOwn(target.values, key) ? target.values[key] : undefined;
  const metadata = Object.hasOwn(target.metadata, key) ? target.metadata[key] : undefined;
  return isJsonObject(values) ? { values, metadata: isJsonObject(metadata) ? metadata : {} } : { values: {}, metadata: {} };
}

function applyVersions(
  versions: Readonly<Record<string, number>>,
  patch: JsonObject | null | undefined,
  version: number,
): Readonly<Record<string, number>> {
  if (patch === undefined) return versions;
  const next: Record<string, number> = {};
  if (patch === null) return next;
  Object.assign(next, versions);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete next[key];
    else next[key] = version;
  }
  return next;
}

/** What of desired is missing in or differs from reported; objects are compared by member, everything else as a whole. */
export function deltaOf(desired: JsonObject, reported: JsonObject): JsonObject {
  const delta: Record<string, JsonValue> = {};
  for (const key of Object.keys(desired)) {
    const wanted = desired[key] as JsonValue;
    const there = Object.hasOwn(reported, key) ? reported[key] : undefined;
    if (isJsonObject(wanted) && isJsonObject(there)) {
      const below = deltaOf(wanted, there);
      if (!hasNoMembers(below)) delta[key] = below;
    } else if (there === undefined || !isSame(wanted, there)) {
      delta[key] = wanted;
    }
  }
  return delta;
}

function isSame(a: JsonValue, b: JsonValue): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => isSame(item as JsonValue, b[i] as JsonValue));
  if (Array.isArray(b)) return false;
  const [left, right] = [a as JsonObject, b as JsonObject];
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && isSame(left[key] as JsonValue, right[key] as JsonValue));
}

export function viewOf(document: ShadowDocument): ShadowView {
  return {
    version: document.version,
    desired: document.desired,
    reported: document.reported,
    delta: deltaOf(document.desired, document.reported),
    metadata: document.metadata,
    desiredVersions: document.desiredVersions,
    timestampMs: document.updatedAtMs,
  };
}
