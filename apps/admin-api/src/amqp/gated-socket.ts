import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { FrameGate, Phase, WrongProtocol } from "./frame-gate.ts";
import type { AmqpLimits } from "./limits.ts";

/**
 * The socket that the AMQP library is given in place of the real one: it hears whole, checked frames only (`data`), and once that the
 * connection is gone (`end`). What it writes in one turn leaves in one piece; what waits for a slow client is bounded.
 */
export class GatedSocket extends EventEmitter {
  readonly #socket: Socket;
  readonly #limits: AmqpLimits;
  readonly #gate = new FrameGate();
  readonly #onDrain: () => void;
  #corked = false;
  #failure: Error | undefined;
  /** When it was told to end; the owner cuts it when the peer takes too long. */
  endedAtMs: number | undefined;

  constructor(socket: Socket, limits: AmqpLimits, onDrain: () => void) {
    super();
    this.#socket = socket;
    this.#limits = limits;
    this.#onDrain = onDrain;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(() => this.#gate.push(chunk)));
    socket.on("drain", () => this.#onDrain());
    socket.on("error", (error) => {
      this.#failure ??= error;
    });
    // The peer has said all it will say; without it there is nobody to send to.
    socket.on("end", () => this.end());
    socket.once("close", () => this.emit("end", this.#failure));
  }

  /** The sign-on was accepted. */
  release(): void {
    this.#receive(() => this.#gate.release());
    this.#socket.resume();
  }

  /** The client has sent its credential, and is not heard before `release`. */
  get isHeld(): boolean {
    return this.#gate.phase === Phase.Held;
  }

  /** Bytes that wait for the client to read. */
  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  /** For the library's log. */
  get_id_string(): string {
    return `${this.#socket.remoteAddress}:${this.#socket.remotePort}`;
  }

  write(bytes: Buffer): boolean {
    if (this.#socket.destroyed || this.endedAtMs !== undefined) return false;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(bytes);
    if (this.#socket.writableLength > this.#limits.socketBytesMax) this.destroy(new Error("the client does not read"));
    return true;
  }

  /** Sends what waits, then ends. Nothing is heard any more. */
  end(): void {
    if (this.endedAtMs !== undefined) return;
    this.endedAtMs = performance.now();
    this.#socket.end();
    // Read and thrown away: unread bytes would turn the end into a reset, and the peer might not see why.
    this.#socket.resume();
  }

  destroy(error?: Error): void {
    this.#failure ??= error;
    this.endedAtMs ??= performance.now();
    this.#socket.destroy();
  }

  #receive(read: () => Buffer): void {
    if (this.endedAtMs !== undefined) return;
    try {
      const bytes = read();
      if (bytes.length > 0) this.emit("data", bytes);
    } catch (error) {
      this.#failure ??= error as Error;
      if (error instanceof WrongProtocol) this.#socket.write(error.header);
      this.end();
    }
    // While the credential is looked at nothing more is taken in.
    if (this.isHeld && this.endedAtMs === undefined) this.#socket.pause();
  }
}
