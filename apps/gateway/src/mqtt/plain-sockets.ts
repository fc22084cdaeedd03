// Hot: the connections of a plain TCP listener, as raw sockets where Node has what they need, else as its own.
import type { Server, Socket } from "node:net";
import { openRawSockets, RawSocket, type RawSockets } from "./raw-socket.ts";

export type { StreamOwner } from "./byte-stream.ts";
export { RawSocket };

/** What a listening server has inside: a function that is called with every connection's handle. */
interface Listening {
  readonly _handle: { onconnection: (this: unknown, status: number, handle?: object) => void } | null;
}

const rawSockets = openRawSockets();

/** Calls `accept` for every connection, with a socket that is not read yet. */
export function onPlainConnection(server: Server, accept: (socket: RawSocket | Socket) => void, raw: RawSockets | null = rawSockets): void {
  server.on("connection", (socket: Socket) => accept(socket));
  if (raw === null) return;
  server.on("listening", () => {
    const { _handle: listening } = server as unknown as Listening;
    if (listening === null) return;
    const { onconnection } = listening;
    listening.onconnection = function (status, handle) {
      if (status !== 0 || handle === undefined || !raw.fits(handle)) return onconnection.call(this, status, handle);
      accept(raw.open(handle));
    };
  });
}
