// Hot: the devices of a group that have anything to be delivered, and which of them can be sent next.
import { type Entry, entryState, Lane, LaneHeap, lanePlace } from "./entry.ts";
import { backoffMs } from "./limits.ts";

export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #ready = new LaneHeap();
  readonly #backoff = new Set<Lane>();
  /** No lane that backs off is due earlier. */
  dueMs = Number.POSITIVE_INFINITY;

  of(deviceId: string): Lane {
    let lane = this.#lanes.get(deviceId);
    if (lane === undefined) {
      lane = new Lane(deviceId);
      this.#lanes.set(deviceId, lane);
    }
    return lane;
  }

  /** The one that sends the lowest offset next. */
  next(): Lane | undefined {
    return this.#ready.peek();
  }

  ready(lane: Lane): void {
    this.#ready.push(lane);
  }

  /** What it has next has failed `failures` times, and comes again after a while. */
  backOff(lane: Lane, failures: number, nowMs: number, jitter: number): void {
    lane.move(lanePlace.backoff);
    lane.readyAtMs = nowMs + jitter * Math.min(backoffMs.first * 2 ** (failures - 1), backoffMs.max);
    this.#backoff.add(lane);
    if (lane.readyAtMs < this.dueMs) this.dueMs = lane.readyAtMs;
  }

  /** Those that have waited long enough are ready. */
  wake(nowMs: number): void {
    if (nowMs < this.dueMs) return;
    this.dueMs = Number.POSITIVE_INFINITY;
    for (const lane of this.#backoff) {
      if (lane.readyAtMs > nowMs) {
        if (lane.readyAtMs < this.dueMs) this.dueMs = lane.readyAtMs;
        continue;
      }
      this.#backoff.delete(lane);
      if (lane.place === lanePlace.backoff) this.#ready.push(lane);
    }
  }

  /** It is done with, one way or another, and under way no more. */
  unlink(entry: Entry): void {
    const { lane } = entry;
    lane.unlink(entry);
    if (lane.first === null) {
      lane.move(lanePlace.none);
      this.#backoff.delete(lane);
      if (this.#lanes.get(lane.deviceId) === lane) this.#lanes.delete(lane.deviceId);
    } else if (lane.underWay === 0 && lane.place === lanePlace.parked) this.#ready.push(lane);
  }

  clear(): void {
    this.#lanes.clear();
    this.#ready.clear();
    this.#backoff.clear();
    this.dueMs = Number.POSITIVE_INFINITY;
  }
}

/** It is under way no more. What never went out costs its member no credit. */
export function recall(entry: Entry): void {
  const { member } = entry;
  if (entry.state !== entryState.underWay || member === null) return;
  member.underWay.delete(entry.offset);
  if (!entry.rising) member.irregular--;
  if (!entry.pulled) member.credit++;
  entry.member = null;
  entry.sequence = 0;
  entry.state = entryState.waiting;
  entry.lane.underWay--;
}

/** The record and everything of its device after it waits again. */
export function takeBack(entry: Entry): void {
  for (let each: Entry | null = entry; each !== null && each.state === entryState.underWay; each = each.next) recall(each);
  entry.lane.next = entry;
}
