import type { EndpointStatus, TraceConsumer } from "@mooring/contracts";
import { createMatcher, type Matcher } from "./filter.ts";
import type { Groups } from "./groups.ts";
import { keyOf } from "./held.ts";
import type { DeadLetterStore, DeliveryLog, DeliveryStates, StoredSubscription, SubscriptionStore } from "./ports.ts";
import type { TagCache } from "./tags.ts";

export interface StatesDeps {
  readonly log: DeliveryLog;
  readonly subscriptions: SubscriptionStore;
  readonly deadLetters: DeadLetterStore;
  readonly groups: Groups;
  readonly tags: TagCache;
}

/** Where records have got to with every subscription of their tenant: two queries, whatever their number. */
export function createStates(deps: StatesDeps): DeliveryStates {
  return {
    async statesOf(tenantId, records) {
      const offsets = records.map((record) => record.offset);
      const [stored, dead, first] = await Promise.all([
        deps.subscriptions.all(tenantId),
        deps.deadLetters.find(tenantId, offsets),
        deps.log.first(),
      ]);
      const letters = new Map(dead.map((letter) => [keyOf(letter.subscription, String(letter.offset)), letter]));
      const isTagged = stored.some((row) => row.filter.tags !== undefined);
      const tags = isTagged ? await deps.tags.ask(records.map((record) => record.device.deviceId)) : deps.tags;
      const matchers = stored.map((row) => createMatcher(tenantId, row.filter, tags));
      const states = new Map<number, readonly TraceConsumer[]>();
      for (const record of records) {
        const consumers = stored.flatMap((row, i): TraceConsumer[] => {
          if (record.offset <= row.began) return [];
          const consumer = `subscription:${row.name}`;
          const letter = letters.get(keyOf(row.name, String(record.offset)));
          if (letter !== undefined) return [{ consumer, state: letter.state, attempt: letter.deliveries, reason: letter.reason }];
          const isWanted = (matchers[i] as Matcher).matches(record) === "yes";
          return [{ consumer, ...progressOf(deps.groups, row, { offset: record.offset, first, isWanted }) }];
        });
        states.set(record.offset, consumers);
      }
      return states;
    },
  };
}

interface Asked {
  readonly offset: number;
  /** The lowest offset that the log has. */
  readonly first: number;
  readonly isWanted: boolean;
}

function progressOf(groups: Groups, row: StoredSubscription, { offset, first, isWanted }: Asked): Omit<TraceConsumer, "consumer"> {
  const held = groups.find(row.tenantId, row.name);
  const entry = held?.group.stateOf(offset);
  const why = outageOf(row, held?.group.endpoint ?? row.progress.endpoint);
  if (entry?.state === "inFlight") return { state: "inFlight", attempt: entry.attempt, ...why };
  if (entry !== undefined) return { state: entry.state, ...(entry.state === "waiting" ? why : {}) };
  const cursor = held === undefined ? row.cursor : held.group.window.cursor(groups.positionOf(held));
  if (offset <= cursor) return { state: isWanted ? "acknowledged" : "filtered", ...doubtOf(row, offset) };
  if (!isWanted) return { state: "filtered" };
  return offset < first ? { state: "lost" } : { state: "waiting", ...why };
}

/** What is passed is told by what is known now, which need not be what it was passed by. */
function doubtOf({ filter, filterSince }: StoredSubscription, offset: number): { readonly reason?: string } {
  if (offset <= filterSince) return { reason: "by the filter of now; it was changed since" };
  return filter.tags === undefined ? {} : { reason: "by the tags that the device has now" };
}

/** Why what waits for a webhook does so, when its endpoint is out. */
function outageOf({ webhook }: StoredSubscription, endpoint: EndpointStatus | undefined): { readonly reason?: string } {
  if (webhook === undefined || endpoint?.state !== "outage") return {};
  const { sinceMs, lastError, nextTryAtMs } = endpoint;
  const next = nextTryAtMs === undefined ? "" : `; it is asked again at ${new Date(nextTryAtMs).toISOString()}`;
  return { reason: `the endpoint is out since ${new Date(sinceMs).toISOString()}: ${lastError ?? "it does not answer"}${next}` };
}
