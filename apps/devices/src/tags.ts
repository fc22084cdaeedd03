import { type FieldIssue, invalidField, tagsMax, uuidPattern } from "@mooring/contracts";
import { throwIssues } from "./input.ts";
import type { Tags } from "./ports.ts";

const namePattern = /^[A-Za-z0-9_.:-]{1,64}$/;
const valuePattern = /^[^\p{Cc}]{0,256}$/u;
/** One question for the tags of a batch of records. */
export const tagLookupMax = 1_000;

/** The tags a device is given, checked all at once: every one that is wrong is an issue. Throws invalidArgument. */
export function parseTags(tags: unknown, at = "/tags"): Tags {
  if (typeof tags !== "object" || tags === null || Array.isArray(tags)) throw invalidField(at, "must be an object of strings");
  const entries = Object.entries(tags);
  if (entries.length > tagsMax) throw invalidField(at, `a device has at most ${tagsMax} tags, not ${entries.length}`);
  throwIssues(entries.flatMap(([name, value]) => issuesOf(at, name, value)));
  return Object.fromEntries(entries);
}

/** Ids that no device can have are left out, as devices are that are gone. Throws invalidArgument for more than `tagLookupMax`. */
export function parseDeviceIds(deviceIds: readonly string[]): readonly string[] {
  if (deviceIds.length > tagLookupMax) throw invalidField("/deviceIds", `at most ${tagLookupMax} at once, not ${deviceIds.length}`);
  return deviceIds.filter((deviceId) => uuidPattern.test(deviceId));
}

function issuesOf(at: string, name: string, value: unknown): readonly FieldIssue[] {
  const pointer = `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  // `__proto__` would not be a member of a plain object, but its prototype.
  if (!namePattern.test(name) || name === "__proto__") {
    return [{ pointer, message: "the name must be 1 to 64 characters of A-Z, a-z, 0-9 and _ . : -, and not __proto__" }];
  }
  const fits = typeof value === "string" && value.isWellFormed() && valuePattern.test(value);
  return fits ? [] : [{ pointer, message: "must be a string of at most 256 characters, without control characters" }];
}
