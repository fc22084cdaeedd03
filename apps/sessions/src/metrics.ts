import type { Metrics } from "@mooring/kit";
import type { GroupCommit } from "./group-commit.ts";
import type { TableSize } from "./ports.ts";

/** From half a millisecond to ten seconds: a commit on a fast disk, and a database that hardly answers. */
const bucketsSeconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What to call after each commit with the seconds that it took. */
export function createCommitTimer(metrics: Metrics): (seconds: number) => void {
  const histogram = metrics.histogram("mooring_sessions_commit_seconds", "How long a group's transaction took.", [], bucketsSeconds);
  return (seconds) => histogram.observe(seconds);
}

export function publishSessionMetrics(metrics: Metrics, commits: GroupCommit, sizes: () => readonly TableSize[]): void {
  metrics.gauge("mooring_sessions_ops_total", "Ops of gateways committed by this process.", () => commits.committedOps);
  metrics.gauge("mooring_sessions_frames_total", "Frames they came in.", () => commits.committedFrames);
  metrics.gauge("mooring_sessions_commits_total", "Transactions they were committed in.", () => commits.committedGroups);
  metrics.gauge("mooring_sessions_waiting_rows", "Rows that wait to be stored.", () => commits.waitingRows);
  metrics.gauge("mooring_sessions_waiting_bytes", "Bytes of messages that wait to be stored.", () => commits.waitingBytes);
  const each = (read: (size: TableSize) => number) => () => sizes().map((size) => [size.table, read(size)] as const);
  metrics.gauges(
    "mooring_sessions_rows",
    "About how many rows each table has, once a minute: mqtt_queue are the queued messages.",
    "table",
    each(({ rows }) => rows),
  );
  metrics.gauges(
    "mooring_sessions_table_bytes",
    "What each table takes on disk, with indexes, once a minute.",
    "table",
    each(({ bytes }) => bytes),
  );
}
