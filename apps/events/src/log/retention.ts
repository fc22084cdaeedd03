import type { ConsumerState, LogState, Segment } from "./ports.ts";

export interface RetentionRules {
  readonly retentionMs: number;
  /** On disk, all segments together; 0 for no limit. */
  readonly bytesMax: number;
}

export interface RetentionPlan {
  /** Oldest first. */
  readonly drop: readonly Segment[];
  /** The current segment is to be closed, so that it can be dropped as a whole one day. */
  readonly close: boolean;
  /** Bytes above the limit that stay because a consumer has not passed them. */
  readonly heldBytes: number;
  /** The consumers that hold them. */
  readonly heldBy: readonly string[];
}

/** A segment holds at most this part of what is kept, in time and in size: what is kept beyond the limits is less than that. */
const segmentShare = 8;
const segmentMsMax = 86_400_000;
/** What the platform itself makes of the log. None may lose a record, and each is waited for even before it was first heard of. */
export const platformConsumers: readonly string[] = ["history", "shadow", "connections"];

/** What is to be done with these segments now. */
export function planRetention(
  segments: readonly Segment[],
  state: Pick<LogState, "current" | "consumers">,
  rules: RetentionRules,
  nowMs: number,
): RetentionPlan {
  const drop: Segment[] = [];
  let bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  let heldBy: readonly string[] = [];
  for (const segment of segments) {
    if (segment.to > state.current) break;
    const isOld = (segment.lastReceivedMs ?? 0) < nowMs - rules.retentionMs;
    if (!isOld && !isAbove(bytes, rules)) break;
    heldBy = holders(segment, state.consumers);
    if (heldBy.length > 0) break;
    drop.push(segment);
    bytes -= segment.bytes;
  }
  const heldBytes = heldBy.length > 0 && isAbove(bytes, rules) ? bytes - rules.bytesMax : 0;
  return { drop, close: isFull(segments, state.current, rules, nowMs), heldBytes, heldBy: heldBytes > 0 ? heldBy : [] };
}

function isAbove(bytes: number, rules: RetentionRules): boolean {
  return rules.bytesMax > 0 && bytes > rules.bytesMax;
}

/** Those that have not done the segment's last record. The end of the segment says nothing: there is no record between the last one and it. */
function holders(segment: Segment, consumers: readonly ConsumerState[]): readonly string[] {
  const { last } = segment;
  if (last === undefined) return [];
  return platformConsumers.filter((name) => (consumers.find((consumer) => consumer.name === name)?.offset ?? 0) < last);
}

function isFull(segments: readonly Segment[], current: number, rules: RetentionRules, nowMs: number): boolean {
  const segment = segments.find(({ from, to }) => from <= current && current < to);
  if (segment?.firstReceivedMs === undefined) return false;
  const isOld = nowMs - segment.firstReceivedMs > Math.min(rules.retentionMs / segmentShare, segmentMsMax);
  return isOld || isAbove(segment.bytes * segmentShare, rules);
}

/** Offsets from `from` (inclusive) to `to` (exclusive) that no record has, or will have. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** What was dropped, and what closed segments left unused. */
export function findGaps(segments: readonly Segment[], current: number): readonly Gap[] {
  const closed = segments.filter(({ to }) => to <= current);
  return [{ from: 0, to: segments[0]?.from ?? 0 }, ...closed.map(({ from, to, last }) => ({ from: (last ?? from - 1) + 1, to }))];
}

/** Records after an offset, at most: offsets are drawn in vain now and then. */
export function countAfter(gaps: readonly Gap[], end: number, after: number): number {
  const unused = gaps.reduce((sum, { from, to }) => sum + Math.max(0, Math.min(to, end + 1) - Math.max(from, after + 1)), 0);
  return Math.max(0, end - after - unused);
}
