// A socket whose bytes go on to TLS as they come, but for those with which TLS would ask for the key of an identity: they wait until it is here.
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { PskFlight } from "../auth/psk-flight.ts";

export interface PskGateOptions {
  /** Fetches what belongs to the identity; when it rejects, the connection ends. */
  readonly onIdentity: (identity: string) => Promise<void>;
  /** The bytes are those of no handshake with a pre-shared key. */
  readonly onBroken: () => void;
}

export class PskGate extends Duplex {
  readonly #socket: Socket;
  readonly #options: PskGateOptions;
  #flight: PskFlight | undefined = new PskFlight();
  /** Held back, in order; undefined when nothing is. */
  #held: Buffer[] | undefined;

  constructor(socket: Socket, options: PskGateOptions) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#options = options;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("end", () => this.#held === undefined && this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  #take(chunk: Buffer): void {
    if (this.#held !== undefined) {
      this.#held.push(chunk);
      return;
    }
    const step = this.#flight?.push(chunk) ?? "more";
    if (step === "more") return this.#forward(chunk);
    this.#flight = undefined;
    if (step === "broken") {
      this.#options.onBroken();
      this.destroy();
      return;
    }
    this.#held = [chunk];
    // What comes meanwhile waits in the kernel, but for a chunk that may be on its way.
    this.#socket.pause();
    this.#options.onIdentity(step.identity).then(
      () => this.#open(),
      () => this.destroy(),
    );
  }

  #open(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    if (this.destroyed) return;
    this.#socket.resume();
    for (const chunk of held) this.#forward(chunk);
    if (this.#socket.readableEnded) this.push(null);
  }

  #forward(chunk: Buffer): void {
    if (!this.push(chunk)) this.#socket.pause();
  }

  override _read(): void {
    if (this.#held === undefined) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#socket.destroyed) return done(new Error("the socket is closed"));
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
