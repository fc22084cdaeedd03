import { deviceTimeMsMax, invalidField, PlatformError } from "@mooring/contracts";
import type { ShadowDocument } from "./document.ts";
import { blockVersions, foldRows } from "./past.ts";
import type { ShadowHistory, ShadowKey, ShadowStore } from "./ports.ts";

export interface PastDeps {
  readonly store: Pick<ShadowStore, "load">;
  readonly history: Pick<ShadowHistory, "range" | "versionAt" | "firstKept">;
}

/** Which past document; exactly one member is given. */
export interface PastPoint {
  readonly version?: number | undefined;
  readonly timeMs?: number | undefined;
}

/** Throws `invalidArgument` unless it names one point of the past. */
export function assertPoint({ version, timeMs }: PastPoint): void {
  if ((version === undefined) === (timeMs === undefined)) throw invalidField("/version", "or /time must be given, and not both");
  if (version !== undefined && !(Number.isSafeInteger(version) && version >= 1))
    throw invalidField("/version", "must be a whole number from 1");
  if (timeMs !== undefined && !(Number.isSafeInteger(timeMs) && timeMs >= 0 && timeMs <= deviceTimeMsMax)) {
    throw invalidField("/time", "must be a time from 1970 to 9999");
  }
}

/** The document as it was. Throws `notFound`, with what there is instead. */
export async function readPast(deps: PastDeps, key: ShadowKey, point: PastPoint): Promise<ShadowDocument> {
  // The document as it is now needs no history: that of a device which said nothing for long may be gone.
  const current = await deps.store.load(key);
  if (current.version === 0) throw new PlatformError("notFound", "nothing was ever said of this shadow");
  if (point.version !== undefined) return readVersion(deps, key, { current, version: point.version });
  const timeMs = point.timeMs ?? 0;
  if (timeMs >= current.updatedAtMs) return current;
  const version = await deps.history.versionAt(key, timeMs);
  if (version !== undefined) return readVersion(deps, key, { current, version });
  const first = (await deps.history.firstKept(key)) ?? current.version;
  if (first === 1) throw new PlatformError("notFound", "nothing was said of this shadow by then");
  throw notKept(first);
}

async function readVersion(
  { history }: PastDeps,
  key: ShadowKey,
  { current, version }: { readonly current: ShadowDocument; readonly version: number },
): Promise<ShadowDocument> {
  if (version === current.version) return current;
  if (version > current.version)
    throw new PlatformError("notFound", `the shadow is at version ${current.version}; there is no version ${version} yet`);
  const rows = await history.range(key, version - (version % blockVersions), version);
  const document = rows.at(-1)?.version === version ? foldRows(rows) : undefined;
  if (document !== undefined) return document;
  const first = (await history.firstKept(key)) ?? current.version;
  // A device of the Alibaba dialect chooses its versions, and may leave some out.
  if (first < version) throw new PlatformError("notFound", `the shadow never had version ${version}`);
  throw notKept(first);
}

function notKept(first: number): PlatformError {
  return new PlatformError("notFound", `the history of this shadow is kept from version ${first} on`);
}
