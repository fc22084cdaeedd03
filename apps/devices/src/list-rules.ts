// What the revocation list of a registered authority decides, and when it is looked for again. Pure.
import type { RevocationListMode, RevocationListStatus } from "@mooring/contracts";
import type { ForeignRevocationList } from "@mooring/pki";

/** What is known of the list of a foreign authority. */
export interface ListKnowledge {
  readonly mode: RevocationListMode;
  readonly url?: string | undefined;
  /** Of the list that is obeyed; all absent when there was none so far. */
  readonly dueMs?: number | undefined;
  readonly thisUpdateMs?: number | undefined;
  readonly number?: bigint | undefined;
  readonly learnedAtMs?: number | undefined;
  readonly fetchAtMs?: number | undefined;
  /** Attempts that failed since it was last fetched. */
  readonly failures: number;
  readonly error?: string | undefined;
  readonly errorAtMs?: number | undefined;
}

/** What is wrong with all certificates of an authority because of its list; see RevocationListMode. */
export function listFault(mode: RevocationListMode, dueMs: number | undefined, nowMs: number): string | undefined {
  if (mode === "off" || mode === "soft") return undefined;
  if (dueMs === undefined) return mode === "required" ? "revocation-list-missing" : undefined;
  return nowMs > dueMs ? "revocation-list-outdated" : undefined;
}

type Dated = Pick<ForeignRevocationList, "number" | "thisUpdateMs">;

/** Why a list may not take the place of the one there is: an old one would give back what was revoked since. Undefined when it may. */
export function olderThan(list: Dated, known: Pick<ListKnowledge, "number" | "thisUpdateMs">): string | undefined {
  const { number, thisUpdateMs } = known;
  if (list.number !== undefined && number !== undefined && list.number < number)
    return `has the number ${list.number}, and ${number} was there before`;
  if (thisUpdateMs !== undefined && list.thisUpdateMs < thisUpdateMs)
    return `was made at ${rfc3339(list.thisUpdateMs)}, and one made at ${rfc3339(thisUpdateMs)} was there before`;
  return undefined;
}

/** Clocks may differ by so much. */
const skewMs = 300_000;

/** Why a list is not to be obeyed now, whatever was there before. */
export function untimely({ thisUpdateMs, nextUpdateMs }: ForeignRevocationList, nowMs: number): string | undefined {
  if (nextUpdateMs <= nowMs) return `is out of date: the next one was due at ${rfc3339(nextUpdateMs)}`;
  return thisUpdateMs > nowMs + skewMs ? `is not valid before ${rfc3339(thisUpdateMs)}` : undefined;
}

export interface FetchPauses {
  readonly min: number;
  readonly max: number;
}

/** At least hourly, since an authority may revoke at any time, and at least twice before the next list is due. */
export const fetchPausesMs: FetchPauses = { min: 60_000, max: 3_600_000 };

export const nextFetchMs = (nextUpdateMs: number, nowMs: number, { min, max }: FetchPauses): number =>
  nowMs + Math.min(max, Math.max(min, (nextUpdateMs - nowMs) / 2));

/** After `failures` attempts in a row that failed. */
export const retryFetchMs = (failures: number, nowMs: number, { min, max }: FetchPauses): number =>
  nowMs + Math.min(max, min * 2 ** Math.max(0, failures - 1));

export function toListStatus(known: ListKnowledge, nowMs: number): RevocationListStatus {
  const { mode, url, dueMs, thisUpdateMs, number, learnedAtMs, fetchAtMs, error, errorAtMs } = known;
  const state = dueMs === undefined ? "none" : nowMs > dueMs ? "outdated" : "current";
  return {
    ...{ mode, state },
    ...(url !== undefined && { url }),
    ...(number !== undefined && { number: String(number) }),
    ...(thisUpdateMs !== undefined && { thisUpdateMs }),
    ...(dueMs !== undefined && { nextUpdateMs: dueMs }),
    ...(learnedAtMs !== undefined && { learnedAtMs }),
    ...(fetchAtMs !== undefined && url !== undefined && mode !== "off" && { nextFetchMs: fetchAtMs }),
    ...(error !== undefined && { error }),
    ...(errorAtMs !== undefined && { errorAtMs }),
  };
}

const rfc3339 = (ms: number): string => new Date(ms).toISOString();
