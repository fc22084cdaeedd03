// What a connection needs of the stream that carries it: a Duplex has it, and RawSocket has little else.
import type { Duplex } from "node:stream";

/** Unsent bytes from which on it is told when all of them have gone: that of Node's sockets. */
export const writeHighWaterMark = 65_536;

export interface ByteStream {
  /** Written, and not taken by the kernel. */
  readonly writableLength: number;
  /** It is told when that is 0 again. */
  readonly writableNeedDrain: boolean;
  /** Of what was written last: nobody looks at it again, though it may not have gone. Absent where only `writableLength` tells. */
  readonly hasCopied?: boolean;
  /** The buffer belongs to the stream until `writableLength` is 0, or until `hasCopied`. */
  write(bytes: Buffer): unknown;
  cork(): unknown;
  /** What was written since `cork` leaves in one system call. */
  uncork(): unknown;
  pause(): unknown;
  resume(): unknown;
  end(): unknown;
  destroy(): unknown;
}

/** Who follows a stream. None of these throws. */
export interface StreamOwner {
  /** The chunk may be reused when this returns. */
  onBytes(chunk: Buffer): void;
  /** The peer says nothing more. */
  onEnd(): void;
  /** All that was written has gone. */
  onDrain(): void;
  /** Once, and last. */
  onClosed(): void;
}

function destroyStream(this: Duplex): void {
  this.destroy();
}

/** All events but `drain`: most clients never fall behind, so that listener is made for those that do. */
export function followDuplex(stream: Duplex, owner: StreamOwner): void {
  // What the stream's error was does not matter to anyone: `close` follows.
  stream.on("error", destroyStream);
  stream.on("end", () => owner.onEnd());
  stream.on("close", () => owner.onClosed());
  stream.on("data", (chunk: Buffer) => owner.onBytes(chunk));
}
