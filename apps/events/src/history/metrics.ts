import type { Metrics } from "@mooring/kit";

/** Of this process, since it began; days as of the last look. */
export interface HistoryCounts {
  points: number;
  passedOver: number;
  days: number;
  daysDropped: number;
  pointsRemoved: number;
}

export function createHistoryCounts(): HistoryCounts {
  return { points: 0, passedOver: 0, days: 0, daysDropped: 0, pointsRemoved: 0 };
}

export function publishHistoryMetrics(metrics: Metrics, counts: HistoryCounts): void {
  metrics.gauge("mooring_history_points_total", "Points of the property history written by this process.", () => counts.points);
  metrics.gauge("mooring_history_passed_over_total", "Records that could not be applied to the history.", () => counts.passedOver);
  metrics.gauge("mooring_history_days", "Day partitions of the property history.", () => counts.days);
  metrics.gauge("mooring_history_days_dropped_total", "Days of the history dropped by this process.", () => counts.daysDropped);
  metrics.gauge("mooring_history_points_removed_total", "Points removed one by one by retention.", () => counts.pointsRemoved);
}
