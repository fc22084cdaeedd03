import type { Metrics } from "@mooring/kit";
import { publishDeliveryMetrics } from "./delivery/metrics.ts";
import type { EventService } from "./service.ts";

export function publishEventMetrics(metrics: Metrics, service: EventService): void {
  const { commits, delivery } = service;
  publishDeliveryMetrics(metrics, delivery);
  metrics.gauge("mooring_events_appended_total", "Records committed to the log by this process.", () => commits.committedRecords);
  metrics.gauge("mooring_events_commits_total", "Transactions they were committed in.", () => commits.committedGroups);
  metrics.gauge("mooring_events_refused_total", "Records that the log refused for what they are.", () => commits.refusedRecords);
  metrics.gauge(
    "mooring_events_paced_ms_total",
    "Milliseconds that groups of records waited, because a consumer of the log was behind.",
    () => commits.pacedMs,
  );
  metrics.gauge("mooring_events_waiting", "Records accepted and not yet committed.", () => commits.waitingRecords);
}
