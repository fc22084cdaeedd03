// Hot: one member of a group: what it was sent, and the queue it is pulled from.
import type { Delivery, PlatformError } from "@mooring/contracts";
import { type Entry, entryState, type Lane } from "./entry.ts";
import { memberWindowMax } from "./limits.ts";

/** What a member asks of its group. */
export interface MemberHost {
  /** False once the lease has run out: nothing may go out any more. */
  mayDeliver(): boolean;
  onPull(member: GroupMember, entry: Entry): void;
  onAlive(member: GroupMember): void;
}

interface Waiting {
  resolve(result: IteratorResult<Delivery>): void;
  reject(error: unknown): void;
}

export class GroupMember implements AsyncIterator<Delivery> {
  readonly webhook: boolean;
  readonly #host: MemberHost;
  /** Sent and neither acknowledged nor taken back, by offset, in the order of sending. */
  readonly underWay = new Map<number, Entry>();
  /** How many of them do not rise: see Entry.rising. */
  irregular = 0;
  /** Infinity without flow control by credit. */
  credit: number;
  sentMax = 0;
  /** The highest offset handed out. */
  pulledMax = 0;
  /** No deadline of what is under way is earlier. */
  earliestMs = Number.POSITIVE_INFINITY;
  /** It let a record time out and has said nothing since: it gets records only where there is nobody else. */
  slow = false;
  /** It has not taken what was sent to it: it gets nothing until it does. */
  stalled = false;
  /** Lanes that wait for room here, each with its turn when it was parked. */
  readonly parked: { readonly lane: Lane; readonly turn: number }[] = [];
  #queue: { readonly entry: Entry; readonly sequence: number }[] = [];
  #head = 0;
  #waiting: Waiting | undefined;
  #ended: { readonly error: PlatformError | undefined } | undefined;

  constructor(host: MemberHost, webhook: boolean, credit: number | undefined) {
    this.#host = host;
    this.webhook = webhook;
    this.credit = credit ?? Number.POSITIVE_INFINITY;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** How many more records it may be sent. */
  room(): number {
    if (this.stalled) return 0;
    const window = memberWindowMax - this.underWay.size;
    return window < this.credit ? window : this.credit;
  }

  push(entry: Entry): void {
    if (this.#queue.length - this.#head >= 2 * memberWindowMax) this.#dropStale();
    this.#queue.push({ entry, sequence: entry.sequence });
    this.wake();
  }

  /** One at a time. */
  next(): Promise<IteratorResult<Delivery>> {
    if (this.stalled) this.#host.onAlive(this);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.wake();
    });
  }

  /** What is queued is dropped; whoever waits hears the end, or the error. */
  end(error?: PlatformError): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.clear();
    this.wake();
  }

  /** Forgets what is queued. */
  clear(): void {
    this.#queue = [];
    this.#head = 0;
  }

  /** Gives whoever waits what there is. */
  wake(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (this.#ended !== undefined) {
      this.#waiting = undefined;
      if (this.#ended.error === undefined) waiting.resolve({ done: true, value: undefined });
      else waiting.reject(this.#ended.error);
      return;
    }
    const entry = this.#host.mayDeliver() ? this.#take() : undefined;
    if (entry === undefined) return;
    this.#waiting = undefined;
    this.#host.onPull(this, entry);
    const { messageId, device, kind, receivedAtMs, body, offset } = entry.record;
    waiting.resolve({ done: false, value: { messageId, device, kind, receivedAtMs, body, offset, attempt: entry.deliveries } });
  }

  /** The next one that was not taken back since. */
  #take(): Entry | undefined {
    const queue = this.#queue;
    while (this.#head < queue.length) {
      const item = queue[this.#head++];
      if (this.#head === queue.length) this.clear();
      else if (this.#head >= 1_024 && this.#head * 2 >= queue.length) {
        this.#queue = queue.slice(this.#head);
        this.#head = 0;
      }
      if (item !== undefined && isLive(item)) return item.entry;
      if (this.#queue !== queue) return this.#take();
    }
    return undefined;
  }

  #dropStale(): void {
    this.#queue = this.#queue.slice(this.#head).filter(isLive);
    this.#head = 0;
  }
}

function isLive({ entry, sequence }: { readonly entry: Entry; readonly sequence: number }): boolean {
  return entry.sequence === sequence && entry.state === entryState.underWay;
}

/**
 * Whether the member had been handed the record when it said that it is done up to `offset`. One that was sent out of order, below what the member
 * had seen by then, counts only if `offset` came after it; `own` is the record at `offset`, if it is under way.
 */
export function hasSeen(entry: Entry, offset: number, own: Entry | undefined): boolean {
  if (!entry.pulled) return false;
  return entry.rising || offset > entry.sentAfter || (own?.pulled === true && entry.sequence <= own.sequence);
}

/** The member with most room, null when none has any; one that is slow or stalled only where all are. */
export function chooseMember(members: Iterable<GroupMember>): GroupMember | null {
  let best: GroupMember | null = null;
  let bestRoom = 0;
  let isFast = false;
  for (const member of members) {
    const fast = !member.slow && !member.stalled;
    if (isFast && !fast) continue;
    if (fast && !isFast) {
      isFast = true;
      best = null;
      bestRoom = 0;
    }
    const room = member.room();
    if (room <= bestRoom) continue;
    best = member;
    bestRoom = room;
  }
  return best;
}
