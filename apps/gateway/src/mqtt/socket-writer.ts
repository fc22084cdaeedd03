// Hot: what a connection says, on its way to the kernel: one system call per turn, and how far behind the client is with reading.
import type { ByteStream, StreamOwner } from "./byte-stream.ts";
import type { Transport } from "./connection-ports.ts";
import { Outgoing } from "./outgoing.ts";
import type { WriteGatherer } from "./write-gatherer.ts";

/** The connection whose bytes they are. */
export interface WriterOwner extends StreamOwner {
  /** More than `bytesMax` is unsent. */
  onStalled(): void;
  /** All of it has gone. */
  onFlowing(): void;
  /** There is room again for who was told that there is none. */
  onRoom(): void;
  fail(error: unknown): void;
}

export class SocketWriter extends Outgoing {
  /** From when more is unsent than may be, until all of it has gone. */
  isStalled = false;
  readonly #transport: Transport;
  readonly #stream: ByteStream;
  readonly #isPlain: boolean;
  readonly #bytesMax: number;
  readonly #owner: WriterOwner;
  /** What the kernel had not taken when that was last looked at; never less than what it has not taken now. */
  #unsentBytes = 0;
  /** Somebody was told that there is no room. */
  #wantsRoom = false;

  #listensForDrain = false;

  constructor(transport: Transport, bytesMax: number, owner: WriterOwner, gatherer: WriteGatherer) {
    super(gatherer);
    this.#transport = transport;
    this.#stream = transport.stream;
    this.#isPlain = transport.isPlain;
    this.#bytesMax = bytesMax;
    this.#owner = owner;
  }

  get isWritable(): boolean {
    if (this.#unsentBytes + this.bytes < this.#bytesMax) return true;
    // Much was said within this turn: what counts is what the kernel does not take.
    if (this.#unsentBytes < this.#bytesMax) this.flush();
    this.#unsentBytes = this.#stream.writableLength;
    if (this.#unsentBytes + this.bytes < this.#bytesMax) return true;
    this.#wantsRoom = true;
    return false;
  }

  /** Hands what there is to the kernel, in one system call where that is possible. */
  override flush(): void {
    try {
      this.#write();
    } catch (error) {
      this.#owner.fail(error);
    }
  }

  #write(): void {
    const bytes = this.take();
    if (bytes === null) return;
    const stream = this.#stream;
    if (bytes instanceof Buffer) stream.write(bytes);
    else {
      stream.cork();
      for (let i = 0; i < bytes.length; i++) stream.write(bytes[i] as Buffer);
      stream.uncork();
    }
    this.#unsentBytes = stream.writableLength;
    this.giveBack(this.#isPlain ? this.#unsentBytes === 0 : stream.hasCopied === true);
    if (!this.#listensForDrain && stream.writableNeedDrain) {
      // Most clients never fall behind: those that do cost a listener.
      this.#listensForDrain = true;
      this.#transport.listenForDrain(this.#owner);
    }
    if (this.isStalled) return;
    if (this.#unsentBytes < this.#bytesMax) {
      if (this.#wantsRoom) this.#giveRoom();
      return;
    }
    this.isStalled = true;
    this.#owner.onStalled();
  }

  /** The kernel has taken all that was written. */
  onDrain(): void {
    this.#unsentBytes = this.#stream.writableLength;
    if (this.#wantsRoom) this.#giveRoom();
    if (!this.isStalled) return;
    this.isStalled = false;
    this.#owner.onFlowing();
  }

  /** In a turn of its own: whoever asked for room is still being told that there was none. */
  #giveRoom(): void {
    this.#wantsRoom = false;
    setImmediate(() => this.#owner.onRoom());
  }
}
