// Hot: reads the log for all groups of the process.
//
//   the log ───────────────────────────▶ head: one reader for all groups that have caught up, who share what it reads, by tenant
//       ▲ groups that are behind, or have had no room, read by themselves until they have caught up
import type { LogRecord } from "@mooring/contracts";
import { type Log, pause } from "@mooring/kit";
import type { Signal } from "../signal.ts";
import type { Group } from "./group.ts";
import type { DeliveryLog } from "./ports.ts";
import type { TagCache } from "./tags.ts";

const batchMax = 500;
/** How often the head looks by itself: another process may have appended. */
const idleMs = 250;
/** After a small batch the next one gathers for so long: a read and a round through the groups for every commit would cost more than the records. */
const gatherMs = 4;
const retryMs = 500;
/** Groups that read by themselves at once: what they read is seldom in memory. */
const readsMax = 4;
/** Failures are told this often, not once per group. */
const warnMs = 5_000;

export interface ReaderDeps {
  readonly log: Pick<DeliveryLog, "read" | "first">;
  /** Fires when this process has appended. */
  readonly appended: Signal;
  readonly tags: TagCache;
  readonly logger: Log;
  /** Retention has removed records that the group had not read. */
  readonly onLost: (group: Group, records: number) => void;
}

export class Reader {
  readonly #deps: ReaderDeps;
  readonly #stopped = new AbortController();
  /** Groups that have caught up, by tenant. */
  readonly #attached = new Map<string, Set<Group>>();
  #attachedCount = 0;
  /** Read up to here for those that have caught up. */
  #head = 0;
  /** Each run of the head has a number, so that one that has become needless ends. */
  #run = 0;
  readonly #reading = new Set<Group>();
  #readsFree = readsMax;
  readonly #readsWaiting: (() => void)[] = [];
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: ReaderDeps) {
    this.#deps = deps;
  }

  /** Reads on for a group until it has caught up or has no room. Harmless when that is under way. */
  fill(group: Group): void {
    if (this.#reading.has(group) || this.#isAttached(group) || group.closed || this.#stopped.signal.aborted) return;
    this.#reading.add(group);
    void this.#catchUp(group);
  }

  /** The group was set to another place, or is closed. */
  detach(group: Group): void {
    if (!this.#attached.get(group.settings.tenantId)?.delete(group)) return;
    group.position = Math.max(group.position, this.#head);
    this.#forget(group);
  }

  /** How far the log was read for this group. */
  positionOf(group: Group): number {
    return this.#isAttached(group) ? Math.max(group.position, this.#head) : group.position;
  }

  /** Everything there is has been read for it. */
  isAtEnd(group: Group): boolean {
    return this.#isAttached(group);
  }

  stop(): void {
    this.#stopped.abort();
  }

  #isAttached(group: Group): boolean {
    return this.#attached.get(group.settings.tenantId)?.has(group) === true;
  }

  #forget(group: Group): void {
    const { tenantId } = group.settings;
    this.#attachedCount--;
    if (this.#attached.get(tenantId)?.size === 0) this.#attached.delete(tenantId);
  }

  #attach(group: Group): void {
    const { tenantId } = group.settings;
    let groups = this.#attached.get(tenantId);
    if (groups === undefined) {
      groups = new Set();
      this.#attached.set(tenantId, groups);
    }
    groups.add(group);
    this.#attachedCount++;
    if (this.#attachedCount > 1) return;
    this.#head = group.position;
    void this.#follow(++this.#run);
  }

  async #follow(run: number): Promise<void> {
    const { log, appended } = this.#deps;
    const { signal } = this.#stopped;
    while (this.#attachedCount > 0 && run === this.#run && !signal.aborted) {
      try {
        const records = await log.read(this.#head, batchMax);
        if (run !== this.#run || signal.aborted) return;
        if (records.length > 0) this.#dispatch(records);
        if (records.length === 0) await appended.wait(idleMs, signal);
        else if (records.length < batchMax / 2) await pause(gatherMs, signal);
      } catch (error) {
        this.#warn(error);
        await pause(retryMs, signal);
      }
    }
  }

  #dispatch(records: readonly LogRecord[]): void {
    const touched = new Set<Group>();
    for (const record of records) {
      const groups = this.#attached.get(record.device.tenantId);
      if (groups === undefined) continue;
      for (const group of groups) {
        if (record.offset <= group.position) continue;
        const verdict = group.settings.matcher.matches(record);
        if (verdict === "no") continue;
        if (verdict === "unknown" || !this.#hasRoom(group)) {
          groups.delete(group);
          group.position = record.offset - 1;
          this.#forget(group);
          this.fill(group);
        } else {
          group.offer(record);
          touched.add(group);
        }
      }
    }
    this.#head = (records.at(-1) as LogRecord).offset;
    for (const group of touched) group.pump();
  }

  #hasRoom(group: Group): boolean {
    if (group.accepts()) return true;
    group.pump();
    return group.accepts();
  }

  async #catchUp(group: Group): Promise<void> {
    const { signal } = this.#stopped;
    try {
      while (!signal.aborted && group.accepts()) {
        try {
          if (await this.#readOn(group)) break;
        } catch (error) {
          this.#warn(error);
          await pause(retryMs, signal);
        }
      }
    } finally {
      this.#reading.delete(group);
    }
  }

  /** One batch for a group that reads by itself. True when it has caught up. */
  async #readOn(group: Group): Promise<boolean> {
    const { generation, position: from, settings } = group;
    const head = this.#head;
    const records = await this.#inTurn(() => this.#deps.log.read(from, batchMax));
    const isGap = records[0] === undefined || records[0].offset > from + 1;
    const first = isGap ? await this.#deps.log.first() : 0;
    if (settings.matcher.needsTags) await this.#loadTags(group, records);
    if (group.closed || group.generation !== generation) return false;
    if (first - 1 > from) {
      this.#deps.onLost(group, first - 1 - from);
      group.position = first - 1;
    }
    for (const record of records) {
      const verdict = settings.matcher.matches(record);
      if (verdict === "unknown" || (verdict === "yes" && !this.#hasRoom(group))) return false;
      if (verdict === "yes") group.offer(record);
      group.position = record.offset;
      group.lastReceivedAtMs = record.receivedAtMs;
    }
    group.pump();
    const isActive = this.#attachedCount > 0;
    // Nothing lies between the group and where the head was, though their offsets may differ.
    if (records.length === 0 && isActive && group.position < head) group.position = head;
    const isCaughtUp = isActive ? group.position >= this.#head : records.length === 0;
    if (isCaughtUp) this.#attach(group);
    return isCaughtUp;
  }

  async #loadTags(group: Group, records: readonly LogRecord[]): Promise<void> {
    const { matcher } = group.settings;
    const unknown = records.filter((record) => matcher.matches(record) === "unknown");
    if (unknown.length > 0) await this.#deps.tags.load(unknown.map((record) => record.device.deviceId));
  }

  /** At most so many at once, first come, first served. */
  async #inTurn<T>(read: () => Promise<T>): Promise<T> {
    if (this.#readsFree > 0) this.#readsFree--;
    else await new Promise<void>((resolve) => void this.#readsWaiting.push(resolve));
    try {
      return await read();
    } finally {
      const next = this.#readsWaiting.shift();
      if (next === undefined) this.#readsFree++;
      else next();
    }
  }

  #warn(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#warnedAt < warnMs) return;
    this.#warnedAt = nowMs;
    this.#deps.logger.warn({ err: error }, "the log, or the tags of devices, cannot be read for subscriptions; trying again");
  }
}
