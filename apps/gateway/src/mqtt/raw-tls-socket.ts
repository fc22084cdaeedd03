// Hot: a TLS connection whose handshake is over, on Node's own TLS handle, as raw-socket.ts is on that of TCP. Unlike that one, this handle
//   - takes one write at a time, encrypts it at once, and says a turn later at the earliest that the kernel has it: what is written meanwhile waits here;
//   - goes on with what it has decrypted, and says that the peer has ended, after it was told to stop: that is held.
//
//   kernel --> TCP handle --> TLS handle --onread--> onRead --(#held while not reading)--> owner.onBytes
//   kernel <-- TCP handle <-- TLS handle <--one write-- #begin <--(#waiting while it is in flight)-- write, writev

import { writeHighWaterMark } from "./byte-stream.ts";
import { endOfFile, RawSocket, type RawSockets, type StreamHandle, type TcpHandle } from "./raw-socket.ts";

export interface TlsHandle extends StreamHandle {
  /** Of the other side's making: what it says is no TLS. */
  onerror: () => void;
  /** The peer wishes for another handshake, of TLS 1.2 or before; it is refused behind this. */
  onhandshakestart: (nowMs: number) => void;
  onhandshakedone: () => void;
  /** Node's: when the peer last wished so, and how often in a row. */
  lastHandshakeTime: number;
  handshakes: number;
  /** Not while it reads or writes. */
  destroySSL(): void;
}

function deliver(socket: RawTlsSocket): void {
  socket.deliver();
}

export class RawTlsSocket extends RawSocket {
  /** It was encrypted at once, or copied. */
  hasCopied = false;
  readonly #tcp: TcpHandle;
  readonly #tls: TlsHandle;
  #isWriting = false;
  #wantsDrain = false;
  /** Written while another write was in flight. */
  #waiting: Buffer[] | null = null;
  #waitingBytes = 0;
  /** Came while nobody read: no more than one read from the kernel. */
  #held: Buffer[] | null = null;
  #isEndHeld = false;

  constructor(tls: TlsHandle, tcp: TcpHandle, all: RawSockets) {
    super(tls, all);
    this.#tcp = tcp;
    this.#tls = tls;
    tcp.socket = this;
  }

  // ---- reading

  override resume(): void {
    super.resume();
    if (this.#held !== null || this.#isEndHeld) process.nextTick(deliver, this);
  }

  onRead(bytes: Buffer): void {
    if (this.handle === null) return;
    if (this.isReading && this.#held === null) this.owner?.onBytes(bytes);
    else if (this.#held === null) this.#held = [Buffer.from(bytes)];
    else this.#held.push(Buffer.from(bytes));
  }

  override onReadEnd(error: number): void {
    if (this.handle === null) return;
    if (error === endOfFile && (!this.isReading || this.#held !== null)) this.#isEndHeld = true;
    else super.onReadEnd(error);
  }

  deliver(): void {
    while (this.#held !== null && this.isReading && this.handle !== null) {
      const bytes = this.#held.shift() as Buffer;
      if (this.#held.length === 0) this.#held = null;
      this.owner?.onBytes(bytes);
    }
    if (!this.#isEndHeld || !this.isReading) return;
    this.#isEndHeld = false;
    this.onReadEnd(endOfFile);
  }

  // ---- writing

  override uncork(): void {
    const chunks = this.corked;
    this.corked = null;
    if (chunks === null || chunks.length === 0 || this.handle === null || this.isEnding) return;
    let size = 0;
    for (let i = 0; i < chunks.length; i++) size += (chunks[i] as Buffer).length;
    this.#count(size);
    if (!this.#isWriting) return this.#begin(chunks, size);
    for (let i = 0; i < chunks.length; i++) this.#wait(chunks[i] as Buffer);
  }

  override write(bytes: Buffer): void {
    if (this.corked !== null) this.corked.push(bytes);
    else if (this.handle !== null && !this.isEnding) {
      this.#count(bytes.length);
      if (this.#isWriting) this.#wait(bytes);
      else this.#begin(bytes, bytes.length);
    }
  }

  #count(size: number): void {
    this.writableLength += size;
    if (this.writableLength >= writeHighWaterMark) this.#wantsDrain = true;
  }

  #wait(bytes: Buffer): void {
    this.hasCopied = false;
    if (this.#waiting === null) this.#waiting = [bytes];
    else this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  /** An empty write is not one to this handle. */
  #begin(bytes: Buffer | readonly Buffer[], size: number): void {
    const { handle } = this;
    if (size === 0 || handle === null) return;
    const request = this.all.takeRequest();
    request.socket = this;
    request.size = size;
    this.#isWriting = true;
    this.hasCopied = true;
    const error = bytes instanceof Buffer ? handle.writeBuffer(request, bytes) : handle.writev(request, bytes as readonly Buffer[], true);
    if (error !== 0) this.destroy();
  }

  override onWritten(size: number, status: number): void {
    this.writableLength -= size;
    this.#isWriting = false;
    if (this.handle === null) return;
    if (status < 0) return this.destroy();
    const waiting = this.#waiting;
    if (waiting !== null && this.#waitingBytes > 0) {
      const waitingBytes = this.#waitingBytes;
      this.#waiting = null;
      this.#waitingBytes = 0;
      return this.#begin(waiting, waitingBytes);
    }
    if (this.isEnding) return this.shutDown();
    if (!this.#wantsDrain) return;
    this.#wantsDrain = false;
    this.owner?.onDrain();
  }

  // ---- the end

  /** `close_notify` would be lost if it met a write in flight. */
  override end(): void {
    if (this.#isWriting) this.isEnding = true;
    else super.end();
  }

  override destroy(): void {
    this.#waiting = null;
    this.#held = null;
    super.destroy();
  }

  protected override tcpOf(): TcpHandle {
    return this.#tcp;
  }

  override onHandleClosed(): void {
    // A write that was in flight comes back.
    this.#tls.destroySSL();
    super.onHandleClosed();
  }
}
