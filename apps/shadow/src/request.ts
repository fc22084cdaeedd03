// Requests as they came in, checked.
import {
  type AskedAs,
  type Caller,
  invalidField,
  isJsonObject,
  isPropertyName,
  type JsonObject,
  type PageRequest,
  pageSizeDefault,
  pageSizeMax,
  propertyNameRule,
  type ShadowAddress,
  type ShadowUpdate,
  shadowNamePattern,
  uuidPattern,
} from "@mooring/contracts";
import { deriveMessageId } from "@mooring/kit";
import { canonicalJson } from "@mooring/thing-model";
import type { Conditions } from "./change.ts";
import { depthMax, isSection, type ShadowPatch } from "./edit.ts";

/** As AWS has it. */
const clientTokenBytesMax = 64;
/** Above it, other changes could not go on counting within what JavaScript counts exactly. */
const nextVersionMax = 2 ** 52;
/** A document has fewer members at its top. */
const expectedMembersMax = 10_000;

/** The name as the store has it: empty for the classic shadow. */
export function parseName({ shadowName }: ShadowAddress): string {
  if (shadowName === undefined) return "";
  if (typeof shadowName === "string" && shadowNamePattern.test(shadowName)) return shadowName;
  throw invalidField("/shadowName", "must be 1 to 64 of the characters A-Z a-z 0-9 : _ -");
}

export function assertToken(clientToken: string | undefined): void {
  if (clientToken === undefined) return;
  const isText = typeof clientToken === "string" && clientToken.isWellFormed() && !clientToken.includes("\0");
  if (isText && Buffer.byteLength(clientToken) <= clientTokenBytesMax) return;
  throw invalidField("/clientToken", `must be text of at most ${clientTokenBytesMax} bytes, without U+0000`);
}

/**
 * By what the change is known when it comes again: the caller's id for it, whose it is, and what it says. So nobody comes upon another's id, and one
 * that is used again for something else, as by a device that counts from one after each start, keeps nothing back.
 */
export function nameChange(
  caller: Caller,
  { messageId }: Pick<ShadowUpdate, "messageId">,
  kind: string,
  patch: ShadowPatch,
): string | undefined {
  if (messageId === undefined) return undefined;
  const id = typeof messageId === "string" ? messageId.toLowerCase() : "";
  if (!uuidPattern.test(id)) throw invalidField("/messageId", "must be a UUID");
  return deriveMessageId(caller.principal, "message-id", `${id}|${kind}|${canonicalJson(patch, depthMax + 2)}`);
}

export function parsePatch(caller: Caller, { desired, reported, shadowName }: ShadowUpdate): ShadowPatch {
  if (!isSection(desired)) throw invalidField("/desired", "must be an object, or null to clear it");
  if (!isSection(reported)) throw invalidField("/reported", "must be an object, or null to clear it");
  if (desired === undefined && reported === undefined) throw invalidField("/desired", "must be given (or reported, by the device itself)");
  if (reported !== undefined && caller.role !== "device") throw invalidField("/reported", "is written by the device alone");
  if (shadowName === undefined && isJsonObject(reported)) assertPropertyNames(reported);
  return { ...(desired === undefined ? {} : { desired }), ...(reported === undefined ? {} : { reported }) };
}

/** What the classic shadow reports are properties, and go to the history like those that are posted. */
function assertPropertyNames(reported: JsonObject): void {
  for (const name in reported) {
    if (reported[name] !== null && !isPropertyName(name))
      throw invalidField("/reported", `has a member that is no name of a property: it ${propertyNameRule}`);
  }
}

/** From a gateway, for its own use: it comes back as it was said. */
export function parseAskedAs({ askedAs }: Pick<ShadowUpdate, "askedAs">): AskedAs | undefined {
  if (askedAs === undefined) return undefined;
  const { dialect, qos } = askedAs;
  if (dialect !== undefined && dialect !== "alibaba") throw invalidField("/askedAs/dialect", "must be alibaba, or absent");
  if (qos !== 0 && qos !== 1 && qos !== 2) throw invalidField("/askedAs/qos", "must be 0, 1 or 2");
  return askedAs;
}

export function parseConditions(caller: Caller, update: Pick<ShadowUpdate, keyof Conditions>): Conditions {
  const { expectedVersion, expectedDesiredVersions, nextVersion } = update;
  if (expectedVersion !== undefined && !isVersion(expectedVersion)) throw invalidField("/version", "must be a whole number from 0");
  assertDesiredVersions(expectedDesiredVersions);
  if (nextVersion === undefined) return { expectedVersion, expectedDesiredVersions };
  if (caller.role !== "device") throw invalidField("/nextVersion", "is for devices alone");
  if (!isVersion(nextVersion) || nextVersion < 1 || nextVersion > nextVersionMax) {
    throw invalidField("/nextVersion", `must be a whole number from 1 to ${nextVersionMax}`);
  }
  return { expectedVersion, expectedDesiredVersions, nextVersion };
}

function assertDesiredVersions(expected: ShadowUpdate["expectedDesiredVersions"]): void {
  if (expected === undefined) return;
  if (!isJsonObject(expected)) throw invalidField("/expectedDesiredVersions", "must be an object of members and versions");
  const versions = Object.values(expected);
  if (versions.length > expectedMembersMax)
    throw invalidField("/expectedDesiredVersions", `must have at most ${expectedMembersMax} members`);
  if (!versions.every(isVersion)) throw invalidField("/expectedDesiredVersions", "must hold whole numbers from 0");
}

function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

export interface Cut {
  readonly after: string | undefined;
  /** One more than asked for, to see whether there is a next page. */
  readonly limit: number;
}

/** A page token is the last key of the page before, in base64url. Throws `invalidArgument`. */
export function parsePage({ pageSize, pageToken }: PageRequest, keyPattern: RegExp): Cut {
  const size = pageSize ?? pageSizeDefault;
  if (!Number.isInteger(size) || size < 1 || size > pageSizeMax) {
    throw invalidField("/pageSize", `must be a whole number from 1 to ${pageSizeMax}`);
  }
  if (pageToken === undefined || pageToken === "") return { after: undefined, limit: size + 1 };
  const after = typeof pageToken === "string" ? Buffer.from(pageToken, "base64url").toString("latin1") : "";
  if (!keyPattern.test(after)) throw invalidField("/pageToken", "is not a token this list has given");
  return { after, limit: size + 1 };
}

/** Takes the item that was read beyond the page away and says where the next page begins. */
export function cutPage<T>(
  items: readonly T[],
  { limit }: Cut,
  keyOf: (item: T) => string,
): { readonly items: readonly T[]; readonly nextPageToken?: string } {
  const kept = items.slice(0, limit - 1);
  const last = kept.at(-1);
  if (items.length < limit || last === undefined) return { items: kept };
  return { items: kept, nextPageToken: Buffer.from(keyOf(last)).toString("base64url") };
}
