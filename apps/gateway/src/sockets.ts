// Raw sockets of a server, counted in before TLS or HTTP sees a byte.
import type { Server, Socket } from "node:net";
import type { Admission, Ticket } from "./admission.ts";

export interface AdmittedSockets {
  /** The ticket of a connection, given the raw socket or the TLS socket over it; undefined when it is gone. */
  ticketOf(socket: Socket): Ticket | undefined;
  /** The same; but whoever has it now leaves with it, and cuts the socket. */
  takeTicketOf(socket: Socket): Ticket | undefined;
  /** Cuts all that are left. */
  destroyAll(): void;
}

/** Every socket the server accepts from now on enters here, or is dropped. */
export function admitSockets(server: Server, admission: Admission): AdmittedSockets {
  const sockets = createPlainSockets(admission);
  // A raw socket and the TLS socket over it have no public link; their remote port tells which is whose.
  const tickets = new Map<string, { readonly ticket: Ticket; readonly raw: Socket }>();
  const keyOf = (socket: Socket): string => `${socket.remoteAddress}|${socket.remotePort}`;
  server.on("connection", (raw: Socket) => {
    const ticket = sockets.enter(raw);
    if (ticket === undefined) return;
    const key = keyOf(raw);
    tickets.set(key, { ticket, raw });
    raw.on("close", () => {
      if (tickets.get(key)?.raw === raw) tickets.delete(key);
    });
  });
  return {
    ticketOf: (socket) => tickets.get(keyOf(socket))?.ticket,
    takeTicketOf(socket) {
      const key = keyOf(socket);
      const found = tickets.get(key);
      if (found === undefined) return undefined;
      tickets.delete(key);
      sockets.forget(found.raw);
      return found.ticket;
    },
    destroyAll: () => sockets.destroyAll(),
  };
}

export interface PlainSockets {
  enter(socket: Socket): Ticket | undefined;
  /** Somebody else leaves with its ticket. */
  forget(socket: Socket): void;
  destroyAll(): void;
}

/** For sockets that nothing lies over: each gets its ticket, or is dropped. */
export function createPlainSockets(admission: Admission): PlainSockets {
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
        if (admitted.delete(socket)) ticket.leave();
      });
      return ticket;
    },
    forget(socket) {
      admitted.delete(socket);
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
