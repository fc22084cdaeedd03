import type { Metrics } from "@mooring/kit";
import type { ShadowFollower } from "./follow.ts";
import type { ReportRelay } from "./report-relay.ts";
import type { ShadowService } from "./service.ts";

export interface ShadowParts {
  readonly shadow: ShadowService;
  readonly follower: ShadowFollower;
  readonly relay: ReportRelay;
}

export function publishShadowMetrics(metrics: Metrics, { shadow, follower, relay }: ShadowParts): void {
  const { commits, lanes, applied } = shadow;
  const { stats } = follower;
  metrics.gauge("mooring_shadow_changes_total", "Direct changes of shadows committed by this process.", () => commits.committedChanges);
  metrics.gauge("mooring_shadow_commits_total", "Transactions they were committed in.", () => commits.committedGroups);
  metrics.gauge("mooring_shadow_waiting", "Direct changes that wait to be committed.", () => commits.waitingChanges);
  metrics.gauge("mooring_shadow_reports_total", "Reports of the log applied by this process.", () => stats.applied);
  metrics.gauge("mooring_shadow_reports_unfit_total", "Reports that no shadow could take.", () => stats.unfit);
  metrics.gauge("mooring_shadow_offset", "How far the log is applied, as far as this process knows.", () => applied.offset);
  metrics.gauge("mooring_shadow_direct_reports_total", "Direct changes brought into the log by this process.", () => relay.relayed);
  metrics.gauge(
    "mooring_shadow_direct_reports_refused_total",
    "Direct changes that the log did not take for what they are.",
    () => relay.refused,
  );
  metrics.gauge("mooring_shadow_direct_reports_waiting", "Direct changes whose devices wait for the log.", () => relay.waiting);
  metrics.gauge("mooring_shadow_messages_waiting", "Changes that devices are still to be told of.", () => lanes.waitingChanges);
  metrics.gauge("mooring_shadow_messages_dropped_total", "Changes that slow devices were not told of.", () => lanes.droppedChanges);
}
