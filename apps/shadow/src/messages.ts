// What a device is told of its shadow.
import {
  type Downlink,
  type DownlinkKind,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type ShadowMessage,
  type ShadowSnapshot,
} from "@mooring/contracts";
import type { Accepted, Change } from "./change.ts";
import { deltaOf, type ShadowDocument } from "./document.ts";

/** To whoever made the change: what of its request is in the document now. */
export function acceptedMessage({ kind, key, clientToken, askedAs }: Change, { after, edit }: Accepted): Downlink {
  const { version, updatedAtMs: timestamp, metadata } = after;
  const base = { version, timestamp, ...(clientToken === undefined ? {} : { clientToken }) };
  const asked = askedAs === undefined ? {} : { askedAs };
  if (kind === "delete") return { ...toDownlink("shadowDeleted", key.name, base), ...asked };
  const { desired, reported } = edit.patch;
  const state = { ...(desired === undefined ? {} : { desired }), ...(reported === undefined ? {} : { reported }) };
  const said = {
    ...(isJsonObject(desired) ? { desired: pickMetadata(metadata.desired, desired) } : {}),
    ...(isJsonObject(reported) ? { reported: pickMetadata(metadata.reported, reported) } : {}),
  };
  return { ...toDownlink("shadowAccepted", key.name, { state, metadata: said, ...base }), ...asked };
}

/** To everyone who listens: the document before and after. */
export function documentsMessage({ key, clientToken }: Change, { before, after }: Accepted): Downlink {
  return toDownlink("shadowDocuments", key.name, {
    previous: toSnapshot(before),
    current: toSnapshot(after),
    version: after.version,
    timestamp: after.updatedAtMs,
    ...(clientToken === undefined ? {} : { clientToken }),
  });
}

/** The open delta: the metadata is that of desired. Undefined when there is nothing to do. */
export function deltaMessage(name: string, document: ShadowDocument, clientToken?: string): Downlink | undefined {
  const state = deltaOf(document.desired, document.reported);
  if (Object.keys(state).length === 0) return undefined;
  return toDownlink("shadowDelta", name, {
    state,
    metadata: pickMetadata(document.metadata.desired, state),
    version: document.version,
    timestamp: document.updatedAtMs,
    ...(clientToken === undefined ? {} : { clientToken }),
  });
}

function toDownlink(kind: DownlinkKind, name: string, message: ShadowMessage): Downlink {
  const { version } = message;
  return { kind, payload: Buffer.from(JSON.stringify(message)), version, ...(name === "" ? {} : { shadowName: name }) };
}

function toSnapshot({ desired, reported, metadata, version }: ShadowDocument): ShadowSnapshot {
  return { state: { desired, reported }, metadata, version };
}

/** The metadata of what a state names. */
function pickMetadata(metadata: JsonObject, state: JsonObject): JsonObject {
  const picked: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(state)) {
    const there = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    if (there === undefined) continue;
    picked[key] = isJsonObject(value) && isJsonObject(there) ? pickMetadata(there, value) : there;
  }
  return picked;
}
