// Fetches the revocation lists of registered authorities before the next ones are due. Any number of processes may run it: an authority is at one.
import { PlatformError } from "@mooring/contracts";
import {
  type AddressRules,
  type Clock,
  createResolve,
  type Log,
  type Metrics,
  pause,
  type Resolve,
  type Running,
  startLoop,
} from "@mooring/kit";
import { readFetchedList, revocationListBytesMax } from "@mooring/pki";
import type { AuthorityRecord, RevocationListStore } from "./authority-ports.ts";
import { FetchFailure, fetchList } from "./fetch-list.ts";
import { type FetchPauses, fetchPausesMs, nextFetchMs, retryFetchMs, untimely } from "./list-rules.ts";

export interface ListFetcherDeps {
  readonly lists: RevocationListStore;
  readonly rules: AddressRules;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** For tests. */
  readonly pausesMs?: FetchPauses;
  readonly resolve?: Resolve;
}

const timeoutMs = 10_000;
/** Longer than an attempt takes: nobody else tries meanwhile. */
const leaseMs = 60_000;
/** At once, so that slow places of one tenant do not hold up those of another for long. */
const fetchesMax = 16;
const pollMs = 500;

export function startListFetcher(deps: ListFetcherDeps): Running {
  const { lists, rules, clock, log, pausesMs = fetchPausesMs } = deps;
  const transport = { rules, resolve: deps.resolve ?? createResolve(rules.knowsInside), timeoutMs, bytesMax: revocationListBytesMax };
  const counter = deps.metrics.counter("mooring_revocation_list_fetches_total", "Fetches of registered authorities' revocation lists.", [
    "outcome",
  ]);
  const stopped = new AbortController();
  const underWay = new Set<Promise<void>>();

  /** Why it is not obeyed; undefined when it is. */
  async function learn({ id, issuingPem, list: known }: AuthorityRecord): Promise<string | undefined> {
    const list = readFetchedList(await fetchList(transport, known?.url ?? "", stopped.signal), issuingPem, "/list");
    const nowMs = clock.now();
    const fault = untimely(list, nowMs);
    if (fault !== undefined) return fault;
    const outcome = await lists.replace(id, list, { nowMs, fetchAtMs: nextFetchMs(list.nextUpdateMs, nowMs, pausesMs) });
    return outcome.older;
  }

  async function fetchOne(authority: AuthorityRecord): Promise<void> {
    const error = await learn(authority).then((fault) => fault && `the list ${fault}`, wordsOf);
    if (stopped.signal.aborted) return;
    counter.inc({ outcome: error === undefined ? "fetched" : "failed" });
    if (error === undefined) return;
    log.warn({ authorityId: authority.id, tenantId: authority.tenantId, error }, "the revocation list of an authority was not fetched");
    const atMs = clock.now();
    const fetchAtMs = retryFetchMs((authority.list?.failures ?? 0) + 1, atMs, pausesMs);
    await lists.fail(authority.id, { error, atMs, fetchAtMs });
  }

  const step = async (signal: AbortSignal): Promise<void> => {
    const due = await lists.claimDue(clock.now(), leaseMs, fetchesMax - underWay.size);
    for (const authority of due) {
      const attempt = fetchOne(authority)
        .catch((error: unknown) =>
          log.warn({ err: error, authorityId: authority.id }, "fetching a revocation list failed; it is tried again"),
        )
        .finally(() => underWay.delete(attempt));
      underWay.add(attempt);
    }
    if (underWay.size >= fetchesMax) await Promise.race(underWay);
    else await pause(pollMs, signal);
  };
  const loop = startLoop(step, {
    retryMs: 5_000,
    onError: (error) => log.warn({ err: error }, "revocation lists cannot be looked after; trying again"),
  });
  return {
    async stop() {
      stopped.abort();
      await loop.stop();
      await Promise.all(underWay);
    },
  };
}

/** Of what is wrong with the place or with the list. Anything else is ours, and thrown on. */
function wordsOf(error: unknown): string {
  if (error instanceof FetchFailure) return error.message;
  if (error instanceof PlatformError && error.code === "invalidArgument")
    return `the list ${error.details.issues?.[0]?.message ?? "is not good"}`;
  throw error;
}
