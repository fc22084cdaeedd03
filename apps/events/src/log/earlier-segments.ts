// Hot: asked for every record. Says where in the log, before the segment that is being written, a record with this id may be already.
//
// Within a segment a unique index answers that, as long as the segment is younger than the window. Before it there is nothing to look at for nearly all records: an id of UUID version 7 begins with
// the time at which it was made, and a record cannot have been stored before. Any other id was chosen by a client: it may be anywhere in the window.

/** Clocks of two machines of one installation differ by less. */
const clockSkewMsMax = 5_000;
/** Far more than the closings in an hour at full speed. Beyond it the oldest ones are taken together, which means more looking, not less. */
const closedMax = 1_000;
const versionAt = 14;
/** How long before it was stored a record may have been received: it waits in its gateway while the log cannot be reached. */
export const onTheWayMsMax = 300_000;

interface Closed {
  readonly from: number;
  /** Nothing was stored in it later. May be too late, never too early. */
  readonly closedAtMs: number;
}

export class EarlierSegments {
  readonly #windowMs: number;
  /** Oldest first, without gaps. */
  #closed: Closed[] = [];
  /** An id of version 7 that is not below it was made after all of them were closed. */
  #fresh = "";
  /** Where the segment that is being written begins; -1 when it is not known yet. */
  current = -1;
  /** All of the current segment was stored since; 0 when that is not known. */
  #currentSinceMs = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** The segment at `from` is being written now, whatever was before. */
  moveTo(from: number, nowMs: number): void {
    if (this.current >= 0 && from > this.current) {
      this.#close({ from: this.current, closedAtMs: nowMs });
      this.#currentSinceMs = nowMs;
    }
    this.current = from;
  }

  /** For a process that has just begun: all from this offset up to the current segment may be within the window. */
  startAt(windowFrom: number, nowMs: number): void {
    if (windowFrom >= this.current) return;
    this.#closed.unshift({ from: windowFrom, closedAtMs: nowMs });
    this.#setFresh(nowMs);
  }

  /** Forgets what has left the window. True when no record needs to be looked for any more. */
  expire(nowMs: number): boolean {
    const from = nowMs - this.#windowMs;
    let gone = 0;
    while (gone < this.#closed.length && (this.#closed[gone] as Closed).closedAtMs < from) gone++;
    if (gone > 0) this.#closed = this.#closed.slice(gone);
    return this.#closed.length === 0;
  }

  /** Whether the current segment may hold what was received before the window: then its unique index says too much of ids that come again. */
  isCurrentOld(nowMs: number): boolean {
    return nowMs - this.#currentSinceMs > this.#windowMs - onTheWayMsMax;
  }

  /**
   * The lowest offset that a record with this id may have, where the unique index of the current segment is not enough; -1 when it is enough. The
   * platform gives no id again: what comes again under its ids is the very same record.
   */
  probeFrom(messageId: string, isCurrentOld: boolean): number {
    const oldest = this.#closed[0];
    if (isChosen(messageId)) return oldest?.from ?? (isCurrentOld ? this.current : -1);
    if (oldest === undefined) return -1;
    return messageId >= this.#fresh ? -1 : this.#firstClosedAfter(timeOf(messageId) - clockSkewMsMax);
  }

  #close(closed: Closed): void {
    this.#closed.push(closed);
    if (this.#closed.length > closedMax) this.#closed.splice(0, 2, { ...this.#closed[1], from: this.#closed[0]?.from } as Closed);
    this.#setFresh(closed.closedAtMs);
  }

  #setFresh(closedAtMs: number): void {
    this.#fresh = prefixOf(closedAtMs + clockSkewMsMax);
  }

  #firstClosedAfter(timeMs: number): number {
    let index = this.#closed.length - 1;
    while (index > 0 && (this.#closed[index - 1] as Closed).closedAtMs >= timeMs) index--;
    return (this.#closed[index] as Closed).from;
  }
}

/** Whether somebody else than the platform made the id: it may mean another record the next time. */
export function isChosen(messageId: string): boolean {
  return messageId.charAt(versionAt) !== "7";
}

/** The first 48 bits of a UUID of version 7 (RFC 9562 §5.7): milliseconds since 1970. */
function timeOf(messageId: string): number {
  return Number.parseInt(messageId.slice(0, 8) + messageId.slice(9, 13), 16);
}

function prefixOf(timeMs: number): string {
  const hex = timeMs.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
