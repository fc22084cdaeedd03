import type { Metrics } from "@mooring/kit";
import type { TailFigures } from "./tail-cache.ts";
import type { UpkeepFigures } from "./upkeep.ts";

export interface LogFigures {
  readonly stored: { readonly stored: number; readonly duplicates: number };
  readonly tail: TailFigures;
  readonly upkeep: UpkeepFigures;
}

/** Plain fields, read at each scrape: what needs Postgres was looked up by the upkeep some seconds ago. */
export function publishLogMetrics(metrics: Metrics, { stored, tail, upkeep }: LogFigures): void {
  metrics.gauge("mooring_events_stored_total", "Records that this process added to the log.", () => stored.stored);
  metrics.gauge("mooring_events_duplicates_total", "Records that were in the log already and skipped.", () => stored.duplicates);
  metrics.gauge("mooring_events_tail_hits_total", "Reads of the log answered from memory.", () => tail.hits);
  metrics.gauge("mooring_events_tail_queries_total", "Reads of the log that Postgres answered.", () => tail.queries);
  metrics.gauge("mooring_events_log_end", "Offset of the last record.", () => upkeep.end);
  metrics.gauge("mooring_events_log_segments", "Segments of the log.", () => upkeep.segments);
  metrics.gauge("mooring_events_log_bytes", "The log on disk, with indexes.", () => upkeep.bytes);
  metrics.gauge("mooring_events_log_dropped_total", "Segments that this process dropped.", () => upkeep.dropped);
  metrics.gauge(
    "mooring_events_log_held_bytes",
    "Bytes above the log's limit that stay because a consumer has not done them.",
    () => upkeep.heldBytes,
  );
  metrics.gauges("mooring_events_consumer_backlog", "Records that a consumer has not done yet, at most.", "consumer", () =>
    upkeep.consumers.map(({ name, backlog }) => [name, backlog] as const),
  );
  metrics.gauges("mooring_events_consumer_lag_seconds", "Age of the first record that a consumer has not done.", "consumer", () =>
    upkeep.consumers.map(({ name, lagS }) => [name, lagS] as const),
  );
}
