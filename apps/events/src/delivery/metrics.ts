import type { Metrics } from "@mooring/kit";
import type { HeldGroup } from "./held.ts";
import type { DeliveryPart } from "./part.ts";

/** Subscriptions that get a line of their own; the others are in the totals. */
const linesMax = 100;

/** What this process delivers to back ends. */
export function publishDeliveryMetrics(
  metrics: Metrics,
  { counters, held, unheld }: Pick<DeliveryPart, "counters" | "held" | "unheld">,
): void {
  const sum = (of: (group: HeldGroup) => number): number => {
    let total = 0;
    for (const each of held.all()) total += of(each);
    return total;
  };
  const lagOf = (each: HeldGroup): number => {
    const oldest = each.group.window.oldest()?.record.receivedAtMs ?? (held.isAtEnd(each) ? undefined : each.group.lastReceivedAtMs);
    return oldest === undefined ? 0 : Math.max(0, (Date.now() - oldest) / 1_000);
  };
  metrics.gauge("mooring_delivery_delivered_total", "Records handed to subscribers, repeated ones included.", () => counters.delivered);
  metrics.gauge("mooring_delivery_redelivered_total", "Records that were handed out before.", () => counters.redelivered);
  metrics.gauge("mooring_delivery_acknowledged_total", "Records that subscribers acknowledged.", () => counters.acknowledged);
  metrics.gauge("mooring_delivery_dead_letters_total", "Records that were delivered in vain.", () => counters.deadLetters);
  metrics.gauge("mooring_delivery_lost_total", "Records that retention removed before they were delivered.", () => counters.lost);
  metrics.gauge("mooring_delivery_groups", "Subscriptions that this process delivers.", () => sum(() => 1));
  metrics.gauge("mooring_delivery_members", "Streams and webhooks that share their records.", () => sum(({ group }) => group.members.size));
  metrics.gauge("mooring_delivery_in_flight", "Records sent and not acknowledged.", () => sum(({ group }) => group.inFlight()));
  metrics.gauge(
    "mooring_delivery_lag_max_seconds",
    "Age of the oldest record that is not done, of the subscription furthest behind, also of one that nobody delivers.",
    () => {
      let worst = 0;
      for (const each of held.all()) worst = Math.max(worst, lagOf(each));
      for (const { lagMs } of unheld.all()) worst = Math.max(worst, lagMs / 1_000);
      return worst;
    },
  );
  metrics.gauges(
    "mooring_delivery_lag_seconds",
    `The same of each subscription, of ${linesMax} at most: tenant and name.`,
    "subscription",
    function* () {
      let lines = 0;
      for (const each of held.all()) {
        if (++lines > linesMax) return;
        yield [`${each.tenantId}/${each.name}`, lagOf(each)];
      }
      for (const { tenantId, name, lagMs } of unheld.all()) {
        if (++lines > linesMax) return;
        yield [`${tenantId}/${name}`, lagMs / 1_000];
      }
    },
  );
  metrics.gauges(
    "mooring_delivery_backlog_records",
    `Records in the log after the cursor of a subscription, at most, some seconds ago: of ${linesMax} at most, tenant and name.`,
    "subscription",
    function* () {
      let lines = 0;
      for (const { tenantId, name, cursor } of held.all()) {
        if (++lines > linesMax) return;
        yield [`${tenantId}/${name}`, Math.max(0, unheld.logEnd() - cursor)];
      }
      for (const { tenantId, name, backlog } of unheld.all()) {
        if (++lines > linesMax) return;
        yield [`${tenantId}/${name}`, backlog];
      }
    },
  );
  metrics.gauges(
    "mooring_delivery_unheld_backlog_records",
    "Records in the log after the cursors of subscriptions that nobody delivers, of those furthest behind: tenant and name. Every process says the same.",
    "subscription",
    function* () {
      for (const { tenantId, name, backlog } of unheld.all()) yield [`${tenantId}/${name}`, backlog];
    },
  );
}
