// Hot: how the bytes of plain TCP sockets are read: all into one buffer of the process, instead of one allocation and one stream event per read.
import { type Server, Socket } from "node:net";

const readBytes = 65_536;

/** Handed to Socket's documented `onread`; what is read is dealt with before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(readBytes);

/** What a listening server has inside: a function that is called with every connection's handle. */
interface Listening {
  readonly _handle: { onconnection: (this: unknown, status: number, handle?: object) => void } | null;
}

/**
 * Calls `accept` for every connection with its socket; `resume` it. Its bytes come to the function that `accept` returns, not as `data`; a chunk
 * is good until that function returns.
 */
export function onPlainConnection(server: Server, accept: (socket: Socket) => ((chunk: Buffer) => void) | undefined): void {
  server.on("listening", () => {
    const { _handle: listening } = server as unknown as Listening;
    if (listening === null) return;
    const { onconnection } = listening;
    // `onread` can be asked for when a socket is made only, and a server makes its own ones without it.
    listening.onconnection = function (status, handle) {
      if (status !== 0 || handle === undefined) onconnection.call(this, status, handle);
      else openSocket(handle, accept);
    };
  });
}

function openSocket(handle: object, accept: (socket: Socket) => ((chunk: Buffer) => void) | undefined): void {
  let onBytes: ((chunk: Buffer) => void) | undefined;
  const onread = {
    buffer: readBuffer,
    callback: (length: number, buffer: Uint8Array): boolean => {
      onBytes?.((buffer as Buffer).subarray(0, length));
      return true;
    },
  };
  const socket = new Socket({ handle, onread } as unknown as ConstructorParameters<typeof Socket>[0]);
  onBytes = accept(socket);
}
