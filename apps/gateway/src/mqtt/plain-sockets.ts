// Hot: how the bytes of plain TCP sockets are read: all into one buffer of the process, instead of one allocation and one stream event per read.
import { type Server, Socket } from "node:net";

const readBytes = 65_536;

type OnBytes = (chunk: Buffer) => void;

/** Handed to Socket's documented `onread`; what is read is dealt with before the next read. One for all, so that a socket costs no closure. */
const onread = {
  buffer: Buffer.allocUnsafeSlow(readBytes),
  /** Called on the socket. */
  callback(this: PlainSocket, length: number, buffer: Uint8Array): boolean {
    this.onBytes?.((buffer as Buffer).subarray(0, length));
    return true;
  },
};

class PlainSocket extends Socket {
  onBytes: OnBytes | undefined;

  constructor(handle: object) {
    super({ handle, onread } as unknown as ConstructorParameters<typeof Socket>[0]);
  }
}

/** What a listening server has inside: a function that is called with every connection's handle. */
interface Listening {
  readonly _handle: { onconnection: (this: unknown, status: number, handle?: object) => void } | null;
}

/**
 * Calls `accept` for every connection with its socket; `resume` it. Its bytes come to the function that `accept` returns, not as `data`; a chunk
 * is good until that function returns.
 */
export function onPlainConnection(server: Server, accept: (socket: Socket) => OnBytes | undefined): void {
  server.on("listening", () => {
    const { _handle: listening } = server as unknown as Listening;
    if (listening === null) return;
    const { onconnection } = listening;
    // `onread` can be asked for when a socket is made only, and a server makes its own ones without it.
    listening.onconnection = function (status, handle) {
      if (status !== 0 || handle === undefined) onconnection.call(this, status, handle);
      else {
        const socket = new PlainSocket(handle);
        socket.onBytes = accept(socket);
      }
    };
  });
}
