// Hot: the records of one subscription and who has which. No I/O: the reader fills it, the keeper writes what it says.
//
//   reader ─offer─▶ window ─▶ lanes by device ─▶ members' queues ─▶ streams
//                                 ▲ taken back         │ acknowledged: done, the cursor moves
//                                 └── backoff ◀────────┤ rejected, timed out
//                                                      └ in vain too often: dying ─▶ dead letters
import { type EndpointStatus, invalidField, type LogRecord, type PlatformError } from "@mooring/contracts";
import { Dispatch } from "./dispatch.ts";
import { Endings } from "./endings.ts";
import { Entry, entryState, lanePlace } from "./entry.ts";
import type { EntryState, GroupDeps, GroupSettings } from "./group-settings.ts";
import { Lanes, takeBack } from "./lanes.ts";
import { groupBytesMax, groupRecordsMax, membersPerGroupMax, readAheadMax } from "./limits.ts";
import { GroupMember, hasSeen, type MemberHost } from "./member.ts";
import { Window } from "./window.ts";

const noReason = "its members went away while they had it";

export class Group implements MemberHost {
  readonly settings: GroupSettings;
  readonly #deps: GroupDeps;
  readonly members = new Set<GroupMember>();
  readonly window = new Window();
  readonly #lanes = new Lanes();
  readonly endings: Endings;
  readonly #dispatch: Dispatch;
  /** Failures and deaths that an owner before has counted. */
  known: ReadonlyMap<number, readonly [number, number]> = new Map();
  /** How far it has read, when it reads by itself. */
  position: number;
  /** When the last record that it read by itself was received. */
  lastReceivedAtMs: number | undefined;
  /** Grows when everything is forgotten: what was begun before does not count. */
  generation = 0;
  leaseUntilMs = Number.NEGATIVE_INFINITY;
  /** There is no room for its dead letters: nothing is sent until there is. */
  full = false;
  closed = false;
  /** How its webhook's endpoint does. */
  endpoint: EndpointStatus | undefined;
  /** The endpoint's state is not written yet. */
  hasNews = false;
  #starved = false;
  /** One for all that fail in one tick, so that they come again in their order. */
  #jitter = 1;

  constructor(settings: GroupSettings, position: number, deps: GroupDeps) {
    this.settings = settings;
    this.position = position;
    this.#deps = deps;
    this.endings = new Endings(settings, this.#lanes);
    const { window, members } = this;
    this.#dispatch = new Dispatch({ settings, clock: deps.clock, window, lanes: this.#lanes, members });
  }

  /** Whether another record may be read for it. A refusal is remembered: `onRoom` follows. */
  accepts(): boolean {
    const { window } = this;
    const accepts =
      !this.closed && !this.full && window.size < groupRecordsMax && window.bytes < groupBytesMax && window.freshSize < readAheadMax;
    if (!accepts) this.#starved = true;
    return accepts;
  }

  /** A record of the log that fits, above all before it. `pump` sends it. */
  offer(record: LogRecord): void {
    const entry = new Entry(record, this.#lanes.of(record.device.deviceId), false);
    this.window.add(entry);
    entry.lane.append(entry);
    const known = this.known.get(record.offset);
    if (known === undefined) return;
    entry.failures = known[0];
    entry.deaths = known[1];
    // What is known of its earlier deliveries: those that counted against it.
    entry.deliveries = entry.failures + entry.deaths;
    this.endings.failed.add(entry);
    if (this.endings.isSpent(entry)) this.endings.giveUp(entry, noReason);
  }

  /** A dead letter to be delivered once more. */
  offerReplay(record: LogRecord): void {
    const entry = new Entry(record, this.#lanes.of(record.device.deviceId), true);
    entry.visited = true;
    this.endings.replays.set(entry.offset, entry);
    entry.lane.append(entry);
    if (entry.lane.next === entry && entry.lane.place === lanePlace.none) this.#lanes.ready(entry.lane);
  }

  /** Undefined when there are as many members as there may be. */
  join(webhook: boolean, credit: number | undefined): GroupMember | undefined {
    if (this.members.size >= membersPerGroupMax) return undefined;
    const member = new GroupMember(this, webhook, credit);
    this.members.add(member);
    this.pump();
    return member;
  }

  /** What the member has goes to others. `toBlame`: it went by itself, and the oldest record it has, or the oldest of these, may be why. */
  leave(member: GroupMember, toBlame: boolean | ReadonlySet<number>, error?: PlatformError): void {
    member.end(error);
    if (!this.members.delete(member)) return;
    const handed = typeof toBlame === "boolean" ? undefined : toBlame;
    let first = toBlame !== false;
    for (const entry of member.underWay.values()) {
      if (entry.member !== member) continue;
      const wasHanded = entry.pulled && (handed === undefined || handed.has(entry.offset));
      if (entry.pulled && !wasHanded) entry.deliveries--;
      if (first && wasHanded) {
        first = false;
        entry.deaths++;
        if (this.endings.isSpent(entry)) {
          this.endings.giveUp(entry, noReason);
          continue;
        }
        if (!entry.replay) this.endings.failed.add(entry);
      }
      takeBack(entry);
      this.#lanes.ready(entry.lane);
    }
    this.#settle();
  }

  acknowledgeUpTo(member: GroupMember, offset: number): void {
    if (offset > member.pulledMax)
      throw invalidField("/acknowledgedOffset", `${offset} was not sent yet; the last one was ${member.pulledMax}`);
    const own = member.underWay.get(offset);
    for (const entry of member.underWay.values()) {
      if (entry.offset > offset) {
        if (entry.rising && member.irregular === 0) break;
        continue;
      }
      if (hasSeen(entry, offset, own)) this.#acknowledge(entry);
    }
    this.#heard(member);
  }

  acknowledge(member: GroupMember, offsets: readonly number[]): void {
    for (const offset of offsets) {
      const entry = member.underWay.get(offset);
      if (entry?.pulled) this.#acknowledge(entry);
    }
    this.#heard(member);
  }

  /** The last one first, so that each is still under way when it fails: what comes after a failed one is taken back with it. */
  reject(member: GroupMember, offsets: readonly number[], reason: string): void {
    for (const offset of offsets.toSorted((a, b) => b - a)) {
      const entry = member.underWay.get(offset);
      if (entry?.pulled) this.#fail(entry, reason);
    }
    this.#heard(member);
  }

  giveUp(member: GroupMember, offsets: readonly number[], reason: string, tries = 1): void {
    for (const offset of offsets) {
      const entry = member.underWay.get(offset);
      if (!entry?.pulled) continue;
      entry.failures += tries;
      this.endings.giveUp(entry, reason);
    }
    this.#heard(member);
  }

  extend(member: GroupMember, offsets: readonly number[]): void {
    const deadlineMs = this.#deps.clock.now() + this.settings.acknowledgeWithinMs;
    for (const offset of offsets) {
      const entry = member.underWay.get(offset);
      if (entry !== undefined) entry.deadlineMs = deadlineMs;
    }
  }

  reportEndpoint(status: EndpointStatus): void {
    this.endpoint = status;
    this.hasNews = true;
  }

  addCredit(member: GroupMember, records: number): void {
    member.credit += records;
    this.#dispatch.unpark(member);
    this.pump();
  }

  mayDeliver(): boolean {
    return this.#deps.leaseClock.now() < this.leaseUntilMs;
  }

  /** The lease holds until then. */
  renew(untilMs: number): void {
    const hadLapsed = !this.mayDeliver();
    this.leaseUntilMs = untilMs;
    if (!hadLapsed) return;
    for (const member of this.members) member.wake();
    this.pump();
  }

  onPull(member: GroupMember, entry: Entry): void {
    const { counters } = this.#deps;
    entry.pulled = true;
    entry.deliveries++;
    counters.delivered++;
    if (entry.deliveries > 1) counters.redelivered++;
    if (entry.offset > member.pulledMax) member.pulledMax = entry.offset;
    // The time to acknowledge begins when it is handed out, not when it was queued.
    entry.deadlineMs = this.#deps.clock.now() + this.settings.acknowledgeWithinMs;
  }

  onAlive(member: GroupMember): void {
    member.stalled = false;
    this.#dispatch.unpark(member);
    this.pump();
  }

  /** Timeouts and backoffs that are due. Cheap when none is. */
  tick(nowMs: number): void {
    if (nowMs < this.#dispatch.dueMs && nowMs < this.#lanes.dueMs) return;
    this.#dispatch.dueMs = Number.POSITIVE_INFINITY;
    this.#jitter = 0.75 + this.#deps.random() / 2;
    for (const member of this.members) {
      if (member.earliestMs <= nowMs) this.#expire(member, nowMs);
      this.#dispatch.due(member.earliestMs);
    }
    this.#lanes.wake(nowMs);
    this.#settle();
  }

  /** Sends what can be sent. */
  pump(): void {
    if (this.closed || this.full || !this.mayDeliver()) return;
    if (this.#dispatch.run() && this.#starved) this.#settleRoom();
  }

  /**
   * Everything under way is forgotten, and reading begins after `position`. Its members end: what they hold would have the offsets of what is sent
   * from now on, and a late word about the one may not be taken for a word about the other.
   */
  reset(position: number, error: PlatformError): void {
    for (const member of this.members) {
      member.underWay.clear();
      member.end(error);
    }
    this.members.clear();
    this.window.clear();
    this.#lanes.clear();
    this.endings.clear();
    this.known = new Map();
    this.position = position;
    this.generation++;
  }

  /** The filter was replaced: what was read under the old one and not sent is passed over unless it fits. */
  refilter(): void {
    for (const entry of this.window) {
      if (entry.state === entryState.waiting && this.settings.matcher.matches(entry.record) === "no") this.endings.finish(entry);
    }
    this.#settle();
  }

  /** These are among the dead letters now. */
  buried(entries: Iterable<Entry>): void {
    this.#deps.counters.deadLetters += this.endings.buried(entries);
    this.#settle();
  }

  /** The dead letters have room again. */
  resume(): void {
    this.full = false;
    this.#settle();
  }

  inFlight(): number {
    let count = 0;
    for (const member of this.members) count += member.underWay.size;
    return count;
  }

  /** Whether a record that was read is done with, so that a dead letter of it may be delivered. */
  isOver(offset: number): boolean {
    const entry = this.window.find(offset);
    return entry === undefined || entry.state === entryState.done;
  }

  stateOf(offset: number): EntryState | undefined {
    const entry = this.window.find(offset);
    if (entry === undefined) return undefined;
    const state = entry.state === entryState.done ? "acknowledged" : entry.deliveries === 0 ? "waiting" : "inFlight";
    return { state, attempt: entry.deliveries };
  }

  #acknowledge(entry: Entry): void {
    this.#deps.counters.acknowledged++;
    this.endings.acknowledge(entry);
  }

  #fail(entry: Entry, reason: string): void {
    entry.failures++;
    // A dead letter that is delivered once more has this one chance.
    if (entry.replay || this.endings.isSpent(entry)) return this.endings.giveUp(entry, reason);
    this.endings.failed.add(entry);
    takeBack(entry);
    this.#lanes.backOff(entry.lane, entry.failures, this.#deps.clock.now(), this.#jitter);
  }

  #expire(member: GroupMember, nowMs: number): void {
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const entry of member.underWay.values()) {
      if (entry.deadlineMs > nowMs) {
        if (entry.deadlineMs < earliestMs) earliestMs = entry.deadlineMs;
      } else if (entry.pulled) {
        member.slow = true;
        this.#fail(entry, `not acknowledged within ${this.settings.acknowledgeWithinMs} ms`);
      } else {
        // It never went out: whose fault it is, it is not the record's.
        member.stalled = true;
        takeBack(entry);
        this.#lanes.ready(entry.lane);
      }
    }
    member.earliestMs = earliestMs;
  }

  #heard(member: GroupMember): void {
    member.slow = false;
    this.#dispatch.unpark(member);
    this.#settle();
  }

  #settle(): void {
    this.window.trim();
    this.pump();
  }

  #settleRoom(): void {
    const { window } = this;
    if (this.full || window.freshSize > readAheadMax / 2 || window.size > groupRecordsMax * 0.9 || window.bytes > groupBytesMax * 0.9)
      return;
    this.#starved = false;
    this.#deps.onRoom();
  }
}
