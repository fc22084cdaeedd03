// Hot: one Entry per record under delivery, one Lane per device that has any.
//
//   lane.first                lane.next
//      v                         v
//   [ under way ][ under way ][ waiting ][ waiting ]      in the order of the log; what is done is unlinked
//
// What is under way lies before what waits, so taking back a record and everything of its device after it is moving `next`.
import type { LogRecord } from "@mooring/contracts";
import type { GroupMember } from "./member.ts";

/** dying: delivered in vain, and not yet among the dead letters. */
export const entryState = { waiting: 0, underWay: 1, dying: 2, done: 3 } as const;
/** Where a lane with something to send is: nowhere (it waits in the order of the log), about to be sent, with a full member, or backing off. */
export const lanePlace = { none: 0, ready: 1, parked: 2, backoff: 3 } as const;

/** Objects around the text, measured with 1,000,000 entries. */
const overheadBytes = 500;

export class Entry {
  readonly record: LogRecord;
  readonly offset: number;
  readonly bytes: number;
  readonly lane: Lane;
  /** A dead letter that is delivered once more: beside the window, and given up at the first failure. */
  readonly replay: boolean;
  previous: Entry | null = null;
  next: Entry | null = null;
  state: number = entryState.waiting;
  /** Its turn in the order of the log has been: whatever sends it from now on is its lane. */
  visited = false;
  member: GroupMember | null = null;
  /** Of its latest sending, among all sendings of the group; 0 while it waits. */
  sequence = 0;
  /** Sent above everything that the member was sent before. */
  rising = false;
  /** The highest offset that the member was sent before it. */
  sentAfter = 0;
  /** Handed to whoever iterates, not only queued. */
  pulled = false;
  deadlineMs = 0;
  /** Rejections and timeouts of its own. */
  failures = 0;
  /** How many members went away while this was the oldest they had. */
  deaths = 0;
  /** How often it was handed out; more than what counts against it, since it also comes again behind a record that failed. */
  deliveries = 0;

  constructor(record: LogRecord, lane: Lane, replay: boolean) {
    this.record = record;
    this.offset = record.offset;
    this.bytes = record.body.length + overheadBytes;
    this.lane = lane;
    this.replay = replay;
  }
}

export class Lane {
  readonly deviceId: string;
  first: Entry | null = null;
  last: Entry | null = null;
  /** The first one that waits. */
  next: Entry | null = null;
  underWay = 0;
  /** Has what is under way. */
  member: GroupMember | null = null;
  place: number = lanePlace.none;
  /** Grows with each move, so that what was noted about an earlier place no longer counts. */
  turn = 0;
  readyAtMs = 0;

  constructor(deviceId: string) {
    this.deviceId = deviceId;
  }

  move(place: number): void {
    this.place = place;
    this.turn++;
  }

  append(entry: Entry): void {
    entry.previous = this.last;
    if (this.last === null) this.first = entry;
    else this.last.next = entry;
    this.last = entry;
    this.next ??= entry;
  }

  unlink(entry: Entry): void {
    if (this.next === entry) this.next = entry.next;
    if (entry.previous === null) this.first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === null) this.last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = null;
    entry.next = null;
  }
}

interface HeapItem {
  readonly lane: Lane;
  readonly key: number;
  readonly turn: number;
}

/** Lanes that are ready, by the offset of what they send next, lowest first: a binary heap. Lanes that have left it meanwhile are passed over. */
export class LaneHeap {
  readonly #items: HeapItem[] = [];

  /** The lane is ready from now on. It has something that waits. */
  push(lane: Lane): void {
    lane.move(lanePlace.ready);
    const item = { lane, key: lane.next?.offset ?? 0, turn: lane.turn };
    const items = this.#items;
    let place = items.length;
    items.push(item);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if ((items[parent] as HeapItem).key <= item.key) break;
      items[place] = items[parent] as HeapItem;
      place = parent;
    }
    items[place] = item;
  }

  /** The first one that is still ready. */
  peek(): Lane | undefined {
    for (let top = this.#items[0]; top !== undefined; top = this.#items[0]) {
      if (top.turn === top.lane.turn) return top.lane;
      this.#pop();
    }
    return undefined;
  }

  clear(): void {
    this.#items.length = 0;
  }

  #pop(): void {
    const items = this.#items;
    const moved = items.pop() as HeapItem;
    if (items.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && (items[child + 1] as HeapItem).key < (items[child] as HeapItem).key) child++;
      if (moved.key <= (items[child] as HeapItem).key) break;
      items[place] = items[child] as HeapItem;
      place = child;
    }
    items[place] = moved;
  }
}
