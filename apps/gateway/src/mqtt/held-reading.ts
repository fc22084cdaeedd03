// Hot: the reading half of a connection: bytes into the decoder, and what holds them back. The only file that reads a transport.
//
//   stream --onBytes--> decoder --packets--> SigningOn, then Channel          held: both are paused, and the kernel keeps what comes
//
// While signing on the decoder is paused: what a client sends right behind its CONNECT waits, in a bounded buffer.
import { ReasonCode, type ServerDecoder } from "@mooring/mqtt";
import type { ByteStream } from "./byte-stream.ts";
import type { ConnectionDeps } from "./connection-ports.ts";
import { Guarded } from "./guarded.ts";
import { malformedConnack } from "./refusal.ts";

export const State = { Waiting: 0, SigningOn: 1, Open: 2, Closed: 3 } as const;
export type State = (typeof State)[keyof typeof State];

/** Why reading is paused, as bits: it goes on when none is set. */
export const Hold = { Channel: 1, Congestion: 2, Writing: 4 } as const;

export abstract class HeldReading extends Guarded {
  protected state: State = State.Waiting;
  /** When the client was last heard, on the wheel's clock. */
  protected heardAtMs: number;
  protected readonly stream: ByteStream;
  protected readonly deps: ConnectionDeps;
  protected abstract readonly decoder: ServerDecoder;
  #holds = 0;

  constructor(stream: ByteStream, deps: ConnectionDeps) {
    super();
    this.stream = stream;
    this.deps = deps;
    this.heardAtMs = deps.wheel.nowMs;
  }

  abstract close(reasonCode: number, word: string): void;
  abstract put(bytes: Buffer): void;
  /** A packet of an open connection is larger than is read. */
  protected abstract onTooLarge(): void;

  // ---- bytes

  onBytes(chunk: Buffer): void {
    if (this.state === State.Closed) return;
    this.heardAtMs = this.deps.wheel.nowMs;
    try {
      const reasonCode = this.decoder.push(chunk);
      if (reasonCode !== 0) this.#refuseBytes(reasonCode);
      // What a client sends behind its CONNECT waits in the kernel, but for what came with it: it may be more than a stranger is given room for.
      else if (this.state === State.SigningOn && this.decoder.heldBytes > 0) this.stream.pause();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Malformed bytes close this connection, and no other; a refused CONNECT is answered as far as its version has an answer. */
  #refuseBytes(reasonCode: number): void {
    if (reasonCode === ReasonCode.PacketTooLarge) this.onTooLarge();
    if (this.state !== State.Waiting) return this.close(reasonCode, "malformed");
    const connack = malformedConnack(this.decoder.protocolLevel, reasonCode);
    if (connack !== undefined) this.put(connack);
    this.close(0, "malformed");
  }

  // ---- while signing on

  holdBytes(): void {
    this.decoder.pause();
    this.stream.pause();
  }

  readOn(): void {
    this.#resumeDecoder();
    this.stream.resume();
  }

  // ---- once open

  pauseReading(): void {
    this.hold(Hold.Channel);
  }

  resumeReading(): void {
    this.release(Hold.Channel);
  }

  /** The whole node holds back, because a store is behind. */
  setCongested(congested: boolean): void {
    this.guarded(() => (congested ? this.hold(Hold.Congestion) : this.release(Hold.Congestion)));
  }

  protected get isHeld(): boolean {
    return this.#holds !== 0;
  }

  protected hold(reason: number): void {
    if (this.#holds === 0 && this.state === State.Open) this.holdBytes();
    this.#holds |= reason;
  }

  protected release(reason: number): void {
    if (this.#holds === 0) return;
    this.#holds &= ~reason;
    if (this.#holds !== 0 || this.state !== State.Open) return;
    this.heardAtMs = this.deps.wheel.nowMs;
    this.readOpen();
  }

  /** First what the decoder has: it may be a reason to hold back again. */
  protected readOpen(): void {
    if (this.#holds === 0) this.#resumeDecoder();
    // One that is closed by what it said reads on into the void, so that its end is seen.
    if (this.state !== State.Open) return;
    if (this.#holds !== 0) this.stream.pause();
    else this.stream.resume();
  }

  #resumeDecoder(): void {
    const reasonCode = this.decoder.resume();
    if (reasonCode !== 0) this.#refuseBytes(reasonCode);
  }
}
