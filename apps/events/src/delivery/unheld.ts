// How far behind the subscriptions are that nobody delivers: no group says so.
import { type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { DeliveryLog, SubscriptionStore, UnheldSubscription } from "./ports.ts";

export interface Unheld {
  /** As they were when last looked at, some seconds ago; those furthest behind, of a bounded number. */
  all(): readonly UnheldSubscription[];
  /** Where the log ended then. */
  logEnd(): number;
  start(): Running;
}

export interface UnheldDeps {
  readonly subscriptions: Pick<SubscriptionStore, "unheld">;
  readonly log: Pick<DeliveryLog, "end">;
  readonly logger: Log;
  /** One statement each time; 15 s unless given, as often as metrics are usually read. */
  readonly everyMs?: number;
}

const everyMsDefault = 15_000;
/** As many as have a line of their own in the metrics. */
const lookedAtMax = 100;

export function createUnheld({ subscriptions, log, logger, everyMs = everyMsDefault }: UnheldDeps): Unheld {
  let found: readonly UnheldSubscription[] = [];
  let end = 0;
  return {
    all: () => found,
    logEnd: () => end,
    start: () =>
      startLoop(
        async (signal) => {
          [found, end] = await Promise.all([subscriptions.unheld(lookedAtMax), log.end()]);
          await pause(everyMs, signal);
        },
        { retryMs: everyMs, onError: (error) => logger.warn({ err: error }, "subscriptions that nobody delivers cannot be looked at") },
      ),
  };
}
