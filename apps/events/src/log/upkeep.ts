import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { Pace } from "./pace.ts";
import type { LogSegments, LogState, Segment } from "./ports.ts";
import { countAfter, findGaps, type Gap, planRetention, type RetentionRules } from "./retention.ts";

/** A segment takes ten seconds to fill at full speed; the next one is made in far less. */
const lookMs = 2_000;
const retentionMs = 30_000;

export interface UpkeepDeps {
  readonly segments: LogSegments;
  readonly rules: RetentionRules;
  /** Hears how far the log and its consumers are: some may be followed by other processes only. */
  readonly pace: Pace;
  readonly clock: Clock;
  readonly log: Log;
}

/** As of the last look, some seconds ago. */
export interface UpkeepFigures {
  readonly segments: number;
  readonly bytes: number;
  readonly end: number;
  readonly dropped: number;
  readonly heldBytes: number;
  /** Per consumer: records after what it has done, at most, and the age of the first of them. */
  readonly consumers: readonly { readonly name: string; readonly backlog: number; readonly lagS: number }[];
}

export interface LogUpkeep {
  readonly figures: UpkeepFigures;
  /** Makes segments that are missing, the next one included. */
  look(): Promise<void>;
  /** Closes the current segment when it is time, and drops what need not be kept. One process at a time; the others only count. */
  retain(): Promise<void>;
}

/** Keeps the log's segments in order: the next one is there before it is needed, and old ones go. Any number of processes may do it. */
export function createLogUpkeep({ segments, rules, pace, clock, log }: UpkeepDeps): LogUpkeep {
  let gaps: readonly Gap[] = [];
  let isHeld = false;
  /** When the current segment was last seen to grow: what it holds is no older, whatever the clocks of those who received it say. */
  const growing = { from: -1, atMs: 0 };
  const closed = new Map<number, number>();
  const figures = { segments: 0, bytes: 0, end: 0, dropped: 0, heldBytes: 0, consumers: [] as UpkeepFigures["consumers"] };

  const load = async (): Promise<LogState> => {
    const state = await segments.state();
    if (state.current !== growing.from && growing.from >= 0) closed.set(growing.from, growing.atMs);
    Object.assign(growing, { from: state.current, atMs: clock.now() });
    figures.end = state.end;
    pace.onLook(state.end, state.consumers);
    figures.consumers = state.consumers.map(({ name, offset, lagS }) => ({ name, lagS, backlog: countAfter(gaps, state.end, offset) }));
    return state;
  };

  const notOlderThanSeen = (segment: Segment): Segment => {
    const seenMs = closed.get(segment.from);
    if (seenMs === undefined || segment.lastReceivedMs === undefined) return segment;
    return { ...segment, lastReceivedMs: Math.max(segment.lastReceivedMs, seenMs) };
  };

  const drop = async (segment: Segment): Promise<void> => {
    await segments.drop(segment);
    closed.delete(segment.from);
    figures.dropped++;
    log.info({ segment: segment.name, bytes: segment.bytes, last: segment.last }, "dropped a segment of the log");
  };

  const warn = (heldBytes: number, heldBy: readonly string[]): void => {
    if (heldBytes > 0 && !isHeld)
      log.warn({ heldBytes, heldBy }, "the log is above its size: consumers have not done what could be dropped");
    isHeld = heldBytes > 0;
  };

  const count = (list: readonly Segment[], current: number): void => {
    gaps = findGaps(list, current);
    figures.segments = list.length;
    figures.bytes = list.reduce((sum, segment) => sum + segment.bytes, 0);
  };

  const keep = async (): Promise<void> => {
    await segments.dropRests();
    const state = await load();
    const list = (await segments.list()).map(notOlderThanSeen);
    const plan = planRetention(list, state, rules, clock.now());
    if (plan.close) {
      await segments.ensure(state.next);
      await segments.close(state.current);
    }
    for (const segment of plan.drop) await drop(segment);
    count(
      list.filter((segment) => !plan.drop.includes(segment)),
      state.current,
    );
    figures.heldBytes = plan.heldBytes;
    warn(plan.heldBytes, plan.heldBy);
  };

  return {
    figures,
    async look() {
      const state = await load();
      if (state.isNextThere) return;
      await segments.ensure(state.current);
      await segments.ensure(state.next);
    },
    async retain() {
      if (await segments.alone(keep)) return;
      const state = await load();
      count(await segments.list(), state.current);
    },
  };
}

export function startLogUpkeep(upkeep: LogUpkeep, { clock, log }: { readonly clock: Clock; readonly log: Log }): Running {
  let retainAtMs = Number.NEGATIVE_INFINITY;
  const step = async (signal: AbortSignal): Promise<void> => {
    await upkeep.look();
    if (clock.now() >= retainAtMs) {
      await upkeep.retain();
      retainAtMs = clock.now() + retentionMs;
    }
    await pause(lookMs, signal);
  };
  return startLoop(step, {
    retryMs: 500,
    onError: (error) => log.warn({ err: error }, "cannot look after the log's segments; trying again"),
  });
}
