// Hot: what one connection has to say within one turn of the event loop, in few buffers, written in one system call.
//
//   room(n) -> offset      the caller writes n bytes there: packets are encoded in place
//   [ PUBLISH | PUBACK | PUBLISH | ...free ]      a full buffer goes to `full`, and a larger one takes its place
//
// The buffers are lent by the process, and given back once the kernel has what is in them.
import type { AckType } from "@mooring/mqtt";
import { ACK_BYTES, writeAck } from "@mooring/mqtt";
import type { Flushable, WriteGatherer } from "./write-gatherer.ts";

const nothing = Buffer.alloc(0);

export class Outgoing implements Flushable {
  /** Written to at the offsets that `room` gives. */
  buffer: Buffer = nothing;
  #length = 0;
  /** Buffers that are full, and how far. */
  #full: Buffer[] | null = null;
  #filled: Buffer[] | null = null;
  #fullBytes = 0;
  /** What was taken last. */
  #lent: Buffer = nothing;
  #lentFull: Buffer[] | null = null;
  #isGathered = false;
  #isClosed = false;
  readonly #gatherer: WriteGatherer;

  constructor(gatherer: WriteGatherer) {
    this.#gatherer = gatherer;
  }

  /** The end of a turn in which something was said. Here it waits until it is taken. */
  flush(): void {
    // For who knows where to.
  }

  /** Not yet taken. */
  get bytes(): number {
    return this.#fullBytes + this.#length;
  }

  /** Where `size` bytes are to be written into `buffer`. */
  room(size: number): number {
    if (this.#length + size > this.buffer.length) this.#grow(size);
    const at = this.#length;
    this.#length = at + size;
    if (!this.#isGathered) {
      this.#isGathered = true;
      this.#gatherer.add(this);
    }
    return at;
  }

  put(bytes: Buffer): void {
    const at = this.room(bytes.length);
    this.buffer.set(bytes, at);
  }

  ack(type: AckType, packetId: number): void {
    const at = this.room(ACK_BYTES);
    writeAck(this.buffer, at, type, packetId);
  }

  #grow(size: number): void {
    if (this.#length > 0) {
      this.#full ??= [];
      this.#filled ??= [];
      this.#full.push(this.buffer);
      this.#filled.push(this.buffer.subarray(0, this.#length));
      this.#fullBytes += this.#length;
      this.#length = 0;
    }
    this.buffer = this.#gatherer.buffers.take(this.#full === null ? 0 : this.#full.length, size);
  }

  /** Hands over what there is, oldest first; null for nothing. To be followed by `giveBack`. */
  take(): Buffer | Buffer[] | null {
    this.#isGathered = this.#isClosed;
    const filled = this.#filled;
    if (this.#length === 0 && filled === null) return null;
    const last = this.buffer.subarray(0, this.#length);
    this.#lent = this.buffer;
    this.buffer = nothing;
    this.#length = 0;
    if (filled === null) return last;
    this.#lentFull = this.#full;
    this.#full = null;
    this.#filled = null;
    this.#fullBytes = 0;
    filled.push(last);
    return filled;
  }

  /** `isRead`: nobody will look at what was taken again. */
  giveBack(isRead: boolean): void {
    if (isRead) {
      this.#gatherer.buffers.give(this.#lent);
      const full = this.#lentFull;
      if (full !== null) for (let i = 0; i < full.length; i++) this.#gatherer.buffers.give(full[i] as Buffer);
    }
    this.#lent = nothing;
    this.#lentFull = null;
  }

  /** Nothing is gathered any more: what is said from now on is dropped with the object. */
  close(): void {
    this.#isClosed = true;
    this.#isGathered = true;
  }
}
