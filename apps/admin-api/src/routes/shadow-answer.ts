import { isJsonObject, type JsonObject, type JsonValue, type ShadowView } from "@mooring/contracts";
import { z } from "zod";
import { time, toTime } from "./schemas.ts";

const section = z.record(z.string(), z.unknown());

/** A shadow as REST shows it. */
export const shadowAnswer = z.object({
  version: z.int().describe("Grows by one per accepted change; 0 means nothing was ever said."),
  desired: section,
  reported: section,
  delta: section.describe("What of desired is missing in or differs from reported."),
  metadata: z.object({ desired: section, reported: section }).describe("Mirrors each section with {timestamp} per leaf."),
  desiredVersions: z.record(z.string(), z.int()).describe("For each member of desired, the version that last changed it."),
  timestamp: time,
});

export function toShadow(view: ShadowView): z.output<typeof shadowAnswer> {
  const { version, desired, reported, delta, metadata, desiredVersions } = view;
  const sections = { desired: withTimes(metadata.desired), reported: withTimes(metadata.reported) };
  const timestamp = toTime(view.timestampMs);
  return { version, desired, reported, delta, metadata: sections, desiredVersions: { ...desiredVersions }, timestamp };
}

export function isShadow(current: JsonObject): current is JsonObject & ShadowView {
  return typeof current["timestampMs"] === "number" && isJsonObject(current["metadata"]);
}

/** Versions never repeat, also across delete and re-create, so the version alone is a strong validator (RFC 9110 §8.8.1). */
export function shadowTag(version: number): string {
  return `"${version}"`;
}

/** RFC 9110 §13.1.2: `*`, or a list of tags compared weakly. What is no tag matches nothing. */
export function isUnchanged(header: string | undefined, version: number): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return version > 0;
  return header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === shadowTag(version));
}

/** Numbers stand in metadata only as times. */
function withTimes(metadata: JsonObject): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, withTime(value)]));
}

function withTime(value: JsonValue): unknown {
  if (typeof value === "number") return toTime(value);
  if (Array.isArray(value)) return value.map(withTime);
  return isJsonObject(value) ? withTimes(value) : value;
}
