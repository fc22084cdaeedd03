// Hot: a plain TCP connection on Node's own handle, without net.Socket: half of what a connection costs to open and to close is that object with its
// two stream states and its listeners, and a fifth of what a lone message costs. Reads go into one buffer of the process.
//
//   kernel --onread--> owner.onBytes          write, writev --as much as the kernel takes--> kernel
//                                                    '---the rest waits in the handle, and its buffers with it--> onDrain
//
// The handle is reached through `process.binding`, which Node keeps and does not promise to keep. `openRawSockets` says whether it is what this file
// needs; where it is not, plain-sockets.ts serves.
import { type ByteStream, type StreamOwner, writeHighWaterMark } from "./byte-stream.ts";

const readBytes = 65_536;
/** As many as may well be in flight at once. */
const returnedMax = 1_024;
const needed = ["useUserBuffer", "readStart", "readStop", "writeBuffer", "writev", "shutdown", "setNoDelay", "getpeername", "close"];

/** What Node's handles are asked for; each returns 0, or an error of libuv's as a negative number. */
export interface StreamHandle {
  onread: () => void;
  /** Ours. */
  socket: RawSocket | null;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  writev(request: WriteRequest, chunks: readonly Uint8Array[], areAllBuffers: true): number;
  shutdown(request: object): number;
  setNoDelay(isOn: boolean): number;
  getpeername(out: { address?: string }): number;
}

export interface TcpHandle extends StreamHandle {
  close(onClosed: () => void): void;
}

export interface WriteRequest {
  oncomplete: (status: number) => void;
  /** Ours: whose it is, and what the kernel has not taken yet, so that it stays. */
  socket: RawSocket | null;
  bytes: Uint8Array | readonly Uint8Array[] | null;
  size: number;
}

interface StreamWrap {
  readonly WriteWrap: new () => WriteRequest;
  readonly ShutdownWrap: new () => { oncomplete: () => void; socket: RawSocket };
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

/** Null where Node has not what is needed. */
export function openRawSockets(): RawSockets | null {
  try {
    const { binding } = process as unknown as { readonly binding: (name: "stream_wrap") => Partial<StreamWrap> };
    const { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = binding("stream_wrap");
    if (typeof WriteWrap !== "function" || typeof ShutdownWrap !== "function" || streamBaseState === undefined) return null;
    if (typeof kReadBytesOrError !== "number" || typeof kLastWriteWasAsync !== "number") return null;
    return new RawSockets({ WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync });
  } catch {
    // A permission model, or a Node without it.
    return null;
  }
}

/** What all raw sockets of the process share. */
export class RawSockets {
  readonly wrap: StreamWrap;
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes);
  readonly #onread: () => void;
  #spare: WriteRequest;
  readonly #returned: WriteRequest[] = [];
  #lastReturned: WriteRequest | null = null;
  #fits: boolean | undefined;

  constructor(wrap: StreamWrap) {
    this.wrap = wrap;
    const { streamBaseState, kReadBytesOrError } = wrap;
    const buffer = this.#buffer;
    this.#onread = function (this: TcpHandle): void {
      const length = streamBaseState[kReadBytesOrError] as number;
      if (length > 0) this.socket?.owner?.onBytes(buffer.subarray(0, length));
      else if (length < 0) this.socket?.onReadEnd(length);
    } as () => void;
    this.#spare = this.#createRequest();
  }

  /** Whether a listener's handles have what is needed; they are all alike. */
  fits(handle: object): handle is TcpHandle {
    this.#fits ??= needed.every((name) => typeof (handle as Record<string, unknown>)[name] === "function");
    return this.#fits;
  }

  /** Nothing is read before `resume`. */
  open(handle: TcpHandle): RawSocket {
    handle.onread = this.#onread;
    handle.useUserBuffer(this.#buffer);
    return new RawSocket(handle, this);
  }

  /** One for all writes that the kernel takes at once, which is nearly every one: such a write leaves nothing in it. */
  get request(): WriteRequest {
    return this.#spare;
  }

  /** Whether the kernel took less than it was given; then the request belongs to that write. */
  get wasAsync(): boolean {
    return this.wrap.streamBaseState[this.wrap.kLastWriteWasAsync] !== 0;
  }

  takeRequest(): WriteRequest {
    const request = this.#spare;
    this.#spare = this.#returned.pop() ?? this.#createRequest();
    return request;
  }

  /** Called last by a request that has completed well: Node lets go of it only behind that, so that it can be taken when the next one has come back. */
  giveBack(request: WriteRequest): void {
    if (this.#lastReturned !== null && this.#returned.length < returnedMax) this.#returned.push(this.#lastReturned);
    this.#lastReturned = request;
  }

  #createRequest(): WriteRequest {
    const request = new this.wrap.WriteWrap();
    request.oncomplete = onWritten;
    request.socket = null;
    request.bytes = null;
    request.size = 0;
    return request;
  }
}

function onWritten(this: WriteRequest, status: number): void {
  const { socket, size } = this;
  this.bytes = null;
  this.socket = null;
  socket?.onWritten(size, status);
  if (status === 0) socket?.all.giveBack(this);
}

function onShutdown(this: { readonly socket: RawSocket }): void {
  this.socket.onShutdown();
}

function onHandleClosed(this: TcpHandle): void {
  const { socket } = this;
  this.socket = null;
  socket?.onHandleClosed();
}

export const endOfFile = -4_095;

export class RawSocket implements ByteStream {
  owner: StreamOwner | null = null;
  readonly remoteAddress: string | undefined;
  /** Given to the kernel, which has not taken it; never less than that. */
  writableLength = 0;
  protected handle: StreamHandle | null;
  readonly all: RawSockets;
  protected corked: Buffer[] | null = null;
  protected isReading = false;
  protected isEnding = false;
  #hasEnded = false;
  #isShut = false;

  constructor(handle: StreamHandle, all: RawSockets) {
    this.handle = handle;
    this.all = all;
    handle.socket = this;
    const peer: { address?: string } = {};
    handle.getpeername(peer);
    this.remoteAddress = peer.address;
  }

  setNoDelay(isOn: boolean): void {
    this.handle?.setNoDelay(isOn);
  }

  // ---- reading

  resume(): void {
    if (this.handle === null || this.#hasEnded || this.isReading) return;
    this.isReading = true;
    if (this.handle.readStart() !== 0) this.destroy();
  }

  pause(): void {
    if (!this.isReading) return;
    this.isReading = false;
    this.handle?.readStop();
  }

  onReadEnd(error: number): void {
    if (error !== endOfFile) return this.destroy();
    this.#hasEnded = true;
    this.pause();
    this.owner?.onEnd();
    if (this.#isShut) this.destroy();
  }

  // ---- writing

  get writableNeedDrain(): boolean {
    return this.writableLength >= writeHighWaterMark;
  }

  cork(): void {
    this.corked = [];
  }

  uncork(): void {
    const chunks = this.corked;
    this.corked = null;
    if (chunks === null || chunks.length === 0 || this.handle === null) return;
    let size = 0;
    for (let i = 0; i < chunks.length; i++) size += (chunks[i] as Buffer).length;
    this.#written(this.handle.writev(this.all.request, chunks, true), chunks, size);
  }

  write(bytes: Buffer): void {
    if (this.corked !== null) this.corked.push(bytes);
    else if (this.handle !== null && !this.isEnding) this.#written(this.handle.writeBuffer(this.all.request, bytes), bytes, bytes.length);
  }

  #written(error: number, bytes: Buffer | readonly Buffer[], size: number): void {
    if (this.all.wasAsync) {
      const request = this.all.takeRequest();
      request.socket = this;
      request.bytes = bytes;
      request.size = size;
      this.writableLength += size;
    }
    if (error !== 0) this.destroy();
  }

  onWritten(size: number, status: number): void {
    this.writableLength -= size;
    if (this.handle === null) return;
    if (status < 0) return this.destroy();
    if (this.writableLength === 0) this.owner?.onDrain();
  }

  // ---- the end

  /** Says that nothing follows, behind what is written; closed once the peer has said so too. */
  end(): void {
    if (this.handle === null || this.isEnding) return;
    this.isEnding = true;
    this.shutDown();
  }

  protected shutDown(): void {
    const request = new this.all.wrap.ShutdownWrap();
    request.oncomplete = onShutdown as () => void;
    request.socket = this;
    if (this.handle?.shutdown(request) !== 0) this.destroy();
  }

  onShutdown(): void {
    this.#isShut = true;
    if (this.#hasEnded) this.destroy();
  }

  /** The owner is told in a turn of its own. */
  destroy(): void {
    const handle = this.handle;
    if (handle === null) return;
    this.handle = null;
    this.corked = null;
    this.tcpOf(handle).close(onHandleClosed);
  }

  protected tcpOf(handle: StreamHandle): TcpHandle {
    return handle as TcpHandle;
  }

  onHandleClosed(): void {
    this.owner?.onClosed();
  }
}
