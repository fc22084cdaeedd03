// Raw sockets of a server, counted in before TLS or HTTP sees a byte.
import type { Server, Socket } from "node:net";
import type { Admission, Ticket } from "./admission.ts";

export interface AdmittedSockets {
  /** The ticket of a connection, given the raw socket or the TLS socket over it; undefined when it is gone. */
  ticketOf(socket: Socket): Ticket | undefined;
  /** Cuts all that are left. */
  destroyAll(): void;
}

/** Every socket the server accepts from now on enters here, or is dropped. */
export function admitSockets(server: Server, admission: Admission): AdmittedSockets {
  const sockets = createPlainSockets(admission);
  // A raw socket and the TLS socket over it have no public link; their remote port tells which is whose.
  const tickets = new Map<string, Ticket>();
  const keyOf = (socket: Socket): string => `${socket.remoteAddress}|${socket.remotePort}`;
  server.on("connection", (socket: Socket) => {
    const ticket = sockets.enter(socket);
    if (ticket === undefined) return;
    const key = keyOf(socket);
    tickets.set(key, ticket);
    socket.on("close", () => {
      if (tickets.get(key) === ticket) tickets.delete(key);
    });
  });
  return { ticketOf: (socket) => tickets.get(keyOf(socket)), destroyAll: () => sockets.destroyAll() };
}

/** For sockets that nothing lies over: each gets its ticket, or is dropped. */
export function createPlainSockets(admission: Admission): { enter(socket: Socket): Ticket | undefined; destroyAll(): void } {
  const admitted = new Set<Socket>();
  return {
    enter(socket) {
      const ticket = admission.enter(socket.remoteAddress ?? "");
      if (ticket === undefined) {
        socket.destroy();
        return undefined;
      }
      admitted.add(socket);
      socket.on("close", () => {
        ticket.leave();
        admitted.delete(socket);
      });
      return ticket;
    },
    destroyAll() {
      for (const socket of admitted) socket.destroy();
    },
  };
}

/** The address a server is bound to, as `host:port`. */
export function boundAddress(server: Server, host: string): string {
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The peer's IP address, in IPv4's form where it is one of those inside an IPv6 one; undefined when the socket is gone. */
export function peerAddress(socket: { readonly remoteAddress?: string | undefined }): string | undefined {
  const { remoteAddress } = socket;
  return remoteAddress?.startsWith("::ffff:") && remoteAddress.includes(".") ? remoteAddress.slice(7) : remoteAddress;
}
