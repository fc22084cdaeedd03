// The platform's own words for shadows (wire formats §1.2): AWS's shape and refusals, times in milliseconds, and with a refusal the facts.
import { isJsonObject, type JsonObject, type JsonValue, type ShadowView } from "@mooring/contracts";
import type { ShadowDialect } from "./dialect.ts";
import type { ShadowRequest } from "./parse.ts";
import { refusalOf } from "./refusal.ts";

export const nativeShadow: ShadowDialect = {
  missesEmpty: false,

  document: (view, { clientToken }) => JSON.stringify({ ...documentOf(view), clientToken }),

  /** AWS's code and text; with a version conflict the document as it is, and otherwise what is wrong where. */
  rejected(error, request, nowMs) {
    const { clientToken } = request;
    const refusal = refusalOf(error, request);
    if (error.code === "versionConflict") {
      const { current } = error.details;
      return JSON.stringify({ ...refusal, clientToken, current: current && documentOf(current as JsonObject & ShadowView) });
    }
    // The shadow service names what it was given; the device gave it under /state.
    const issues = error.details.issues?.map((issue) => ({
      ...issue,
      pointer: issue.pointer.replace(/^\/(reported|desired)(?=\/|$)/, "/state/$1"),
    }));
    return JSON.stringify({ ...refusal, timestamp: nowMs, clientToken, issues });
  },

  message: (message) => JSON.stringify(message),
};

function documentOf({ desired, reported, delta, metadata, version, timestampMs }: ShadowView) {
  const state = Object.keys(delta).length === 0 ? { desired, reported } : { desired, reported, delta };
  return { state, metadata, version, timestamp: timestampMs };
}

/** What was accepted, for who is answered in place: the sections as they were sent, and the metadata of what is in them. */
export function acceptedDocument(view: ShadowView, { reported, desired, clientToken }: ShadowRequest): string {
  const metadata = {
    ...(desired === undefined ? {} : { desired: metadataOf(view.metadata.desired, desired) }),
    ...(reported === undefined ? {} : { reported: metadataOf(view.metadata.reported, reported) }),
  };
  return JSON.stringify({ state: { desired, reported }, metadata, version: view.version, timestamp: view.timestampMs, clientToken });
}

/** That the shadow was emptied, for who is answered in place. */
export function deletedDocument({ version, timestampMs }: ShadowView, { clientToken }: ShadowRequest): string {
  return JSON.stringify({ version, timestamp: timestampMs, clientToken });
}

/** The part of the metadata that mirrors the patch. */
function metadataOf(metadata: JsonValue | undefined, patch: JsonValue): JsonValue | undefined {
  if (!isJsonObject(patch) || !isJsonObject(metadata)) return patch === null ? undefined : metadata;
  const part: Record<string, JsonValue> = {};
  for (const name of Object.keys(patch)) {
    const inner = metadataOf(Object.hasOwn(metadata, name) ? metadata[name] : undefined, patch[name] ?? null);
    if (inner !== undefined) part[name] = inner;
  }
  return part;
}
