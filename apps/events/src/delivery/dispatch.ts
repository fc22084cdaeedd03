// Hot: which of the records that wait goes to which member next.
import type { Clock } from "@mooring/kit";
import { type Entry, entryState, lanePlace } from "./entry.ts";
import type { GroupSettings } from "./group-settings.ts";
import type { Lanes } from "./lanes.ts";
import { chooseMember, type GroupMember } from "./member.ts";
import type { Window } from "./window.ts";

export interface DispatchDeps {
  readonly settings: GroupSettings;
  readonly clock: Clock;
  readonly window: Window;
  readonly lanes: Lanes;
  readonly members: ReadonlySet<GroupMember>;
}

export class Dispatch {
  readonly #deps: DispatchDeps;
  #sequence = 0;
  /** Nothing that is under way is due earlier. */
  dueMs = Number.POSITIVE_INFINITY;

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
  }

  /**
   * Sends what can be sent: devices that have waited in the order of what they send next, then the others in the order of the log. False when it stopped
   * since nobody has room.
   */
  run(): boolean {
    const { lanes, window, clock } = this.#deps;
    const nowMs = clock.now();
    for (let lane = lanes.next(); lane !== undefined; lane = lanes.next()) {
      const entry = lane.next;
      if (entry === null) lane.move(lanePlace.none);
      else if (!this.#trySend(entry, nowMs)) return false;
    }
    for (let entry = window.fresh(); entry !== undefined; entry = window.fresh()) {
      if (entry.state === entryState.waiting && entry.lane.next === entry && !this.#trySend(entry, nowMs)) return false;
      entry.visited = true;
      window.passFresh();
      // A dead letter of the same device may have waited behind it.
      if (entry.lane.place === lanePlace.none && entry.lane.next?.visited === true) lanes.ready(entry.lane);
    }
    return true;
  }

  due(atMs: number): void {
    if (atMs < this.dueMs) this.dueMs = atMs;
  }

  /** Devices that waited for room at this member, if it has any, may send again. */
  unpark(member: GroupMember): void {
    if (member.parked.length === 0 || member.room() === 0) return;
    for (const { lane, turn } of member.parked.splice(0)) if (lane.turn === turn) this.#deps.lanes.ready(lane);
  }

  /** False when nobody has room at all, so that nothing else can be sent either. */
  #trySend(entry: Entry, nowMs: number): boolean {
    const { lane } = entry;
    const { members, lanes } = this.#deps;
    const member = lane.underWay > 0 ? lane.member : chooseMember(members);
    if (member === null) return false;
    if (member.room() > 0) {
      this.#send(entry, member, nowMs);
      if (lane.next?.visited === true) lanes.ready(lane);
      else lane.move(lanePlace.none);
      return true;
    }
    // With one member the order of the log is kept: the rest would only overtake.
    if (members.size === 1) return false;
    lane.move(lanePlace.parked);
    member.parked.push({ lane, turn: lane.turn });
    return true;
  }

  #send(entry: Entry, member: GroupMember, nowMs: number): void {
    const { lane } = entry;
    lane.next = entry.next;
    lane.underWay++;
    lane.member = member;
    entry.state = entryState.underWay;
    entry.member = member;
    entry.sequence = ++this.#sequence;
    entry.pulled = false;
    entry.sentAfter = member.sentMax;
    entry.rising = entry.offset > member.sentMax;
    if (entry.rising) member.sentMax = entry.offset;
    else member.irregular++;
    entry.deadlineMs = nowMs + this.#deps.settings.acknowledgeWithinMs;
    if (entry.deadlineMs < member.earliestMs) member.earliestMs = entry.deadlineMs;
    this.due(member.earliestMs);
    member.underWay.set(entry.offset, entry);
    member.credit--;
    member.push(entry);
  }
}
