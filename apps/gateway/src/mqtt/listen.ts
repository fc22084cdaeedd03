// The MQTT listeners: from an accepted socket to a Connection. Plain TCP, TLS, and WebSocket over either.
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer, type TLSSocket, Server as TlsServer } from "node:tls";
import { parseAddress, pause, type ServerTls } from "@mooring/kit";
import { ReasonCode } from "@mooring/mqtt";
import type { Admission, Ticket } from "../admission.ts";
import { shownCertificate } from "../auth/client-certificate.ts";
import { admitSockets, boundAddress, createPlainSockets, peerAddress } from "../sockets.ts";
import { deviceTlsOptions, renewTicketKeys } from "../tls.ts";
import { type ByteStream, followDuplex, type StreamOwner } from "./byte-stream.ts";
import type { Peer } from "./connect.ts";
import { Connection } from "./connection.ts";
import type { ConnectionDeps, Transport } from "./connection-ports.ts";
import { onPlainConnection } from "./plain-sockets.ts";
import { createPskServer, type PskDoorDeps } from "./psk-door.ts";
import { RawSocket } from "./raw-socket.ts";
import { openSecureSockets } from "./secure-sockets.ts";
import { onWebSocket, WebSocketStream } from "./web-socket.ts";

export interface MqttDoorDeps extends ConnectionDeps, Omit<PskDoorDeps, "connectMs"> {
  readonly admission: Admission;
  readonly isCongested: () => boolean;
}

/** What is listened for. */
export interface Listener {
  /** `host:port`. */
  readonly address: string;
  readonly tls?: ServerTls | undefined;
  readonly webSocket?: boolean;
  /** TLS with a pre-shared key. */
  readonly preShared?: boolean;
  /** Who everybody is who comes here. */
  readonly anonymous?: Peer["anonymous"];
}

/** MQTT listeners of one kind and their connections. */
export interface MqttDoor {
  /** Resolves with the address bound; rejects with the operating system's error. */
  listen(listener: Listener): Promise<string>;
  /** All connections hold back, or go on. */
  setCongested(congested: boolean): void;
  /** From now on listeners over TLS show this certificate. Throws when it cannot be used, and nothing has changed then. */
  replaceTls(tls: ServerTls): void;
  /** No more connections; those there are told that the server is shutting down. */
  stop(): Promise<void>;
}

/** ALPN names of MQTT: the registered one, and the one that AWS's clients offer on port 443. */
const alpnProtocols = ["mqtt", "x-amzn-mqtt-ca"];

/**
 * Undefined, which ends the handshake, when the client offers names and none of these (RFC 7301 s3.2). Not the option `ALPNProtocols`: of that each TLS
 * socket keeps a copy, cut from Node's pool of buffers, which then keeps 2 KB more per connection from being freed.
 */
function chooseProtocol({ protocols }: { readonly protocols: readonly string[] }): string | undefined {
  return alpnProtocols.find((name) => protocols.includes(name));
}
/** Longest a stopping door waits for its connections to be gone; then they are cut. */
const stopMsMax = 3_000;
const backlog = 4_096;
const secureSockets = openSecureSockets();

/** A class, and no closures: there is one for each connection. */
class DoorTransport implements Transport {
  readonly stream: ByteStream;
  readonly address: string | undefined;
  readonly isPlain: boolean;
  readonly #ticket: Ticket;
  readonly #connections: Set<object>;

  constructor(
    stream: ByteStream,
    socket: Socket | RawSocket,
    isPlain: boolean,
    door: { readonly ticket: Ticket; readonly connections: Set<Connection> },
  ) {
    this.stream = stream;
    this.address = peerAddress(socket);
    this.isPlain = isPlain;
    this.#ticket = door.ticket;
    this.#connections = door.connections;
  }

  onSignedOn(): void {
    this.#ticket.known();
    if (this.stream instanceof WebSocketStream) this.stream.trust();
  }

  onClosed(connection: object): void {
    this.#connections.delete(connection);
    this.#ticket.leave();
  }

  follow(owner: StreamOwner): void {
    if (this.stream instanceof RawSocket) this.stream.owner = owner;
    else followDuplex(this.stream as Duplex, owner);
  }

  /** A raw socket tells its owner without being asked. */
  listenForDrain(owner: StreamOwner): void {
    if (!(this.stream instanceof RawSocket)) (this.stream as Duplex).on("drain", () => owner.onDrain());
  }
}

export function createMqttDoor(deps: MqttDoorDeps): MqttDoor {
  const servers: { readonly server: Server; readonly sockets: { destroyAll(): void } }[] = [];
  const connections = new Set<Connection>();
  const tlsRules = { handshakeMs: deps.limits.connectMs, sessionS: deps.limits.tlsSessionS };

  /** Undefined when the socket is not to be served. */
  const accept = (stream: ByteStream, socket: Socket | RawSocket, peer: Peer, ticket: Ticket | undefined): void => {
    if (ticket === undefined) {
      stream.destroy();
      return;
    }
    socket.setNoDelay(true);
    const isPlain = stream === socket && peer.transport === "tcp";
    const connection = new Connection(new DoorTransport(stream, socket, isPlain, { ticket, connections }), peer, deps);
    connections.add(connection);
    if (deps.isCongested()) connection.setCongested(true);
    stream.resume();
  };
  /** What breaks before there is a connection to end cuts the stream, and nothing else. */
  const guarded = (stream: ByteStream, act: () => void, ticket?: Ticket): void => {
    try {
      act();
    } catch (error) {
      ticket?.leave();
      deps.rare.onConnectionFault();
      deps.log.error({ err: error }, "an error of ours cut a connection");
      stream.destroy();
    }
  };

  const createPlain = (listener: Listener) => {
    const server = createServer();
    const peer: Peer = { transport: "tcp", certificate: undefined, anonymous: listener.anonymous };
    onPlainConnection(server, (socket) =>
      guarded(socket, () => accept(socket, socket, peer, deps.admission.enter(peerAddress(socket) ?? ""))),
    );
    return { server, sockets: { destroyAll: () => undefined } };
  };
  const createSecure = (tls: ServerTls, anonymous: Peer["anonymous"]) => {
    const server = createTlsServer({ ...deviceTlsOptions(tls, tlsRules), ALPNCallback: chooseProtocol });
    renewTicketKeys(server, tlsRules.sessionS);
    const sockets = admitSockets(server, deps.admission);
    server.on("secureConnection", (socket: TLSSocket) => {
      const ticket = sockets.takeTicketOf(socket);
      guarded(
        socket,
        () => {
          const peer: Peer = { transport: "tls", certificate: shownCertificate(socket), anonymous };
          const stream = secureSockets?.take(socket) ?? socket;
          guarded(stream, () => accept(stream, stream, peer, ticket), ticket);
        },
        ticket,
      );
    });
    server.on("tlsClientError", (_error, socket) => {
      deps.rare.onConnectionRefused("handshake");
      socket.destroy();
    });
    return { server, sockets };
  };
  const createPreShared = () => {
    const sockets = createPlainSockets(deps.admission);
    const server = createPskServer({ ...deps, connectMs: deps.limits.connectMs }, (raw) => {
      const ticket = sockets.enter(raw);
      if (ticket === undefined) return undefined;
      return (tls, preShared) =>
        guarded(tls, () => {
          const peer: Peer = { transport: "tls", certificate: undefined, preShared, anonymous: undefined };
          accept(tls, raw, peer, ticket);
        });
    });
    return { server, sockets };
  };
  const createWeb = ({ tls, anonymous }: Listener) => {
    const server = tls === undefined ? createHttpServer() : createHttpsServer(deviceTlsOptions(tls, tlsRules));
    if (server instanceof TlsServer) renewTicketKeys(server, tlsRules.sessionS);
    server.headersTimeout = deps.limits.connectMs;
    server.requestTimeout = deps.limits.connectMs;
    server.on("request", (_request, response) => response.writeHead(426, { upgrade: "websocket", connection: "close" }).end());
    const sockets = admitSockets(server, deps.admission);
    onWebSocket(server, deps.limits.connectBytesMax, (stream, { socket }) =>
      guarded(stream, () => {
        const certificate = tls === undefined ? undefined : shownCertificate(socket as TLSSocket);
        const peer: Peer = { transport: tls === undefined ? "tcp" : "tls", certificate, anonymous };
        accept(stream, socket, peer, sockets.ticketOf(socket));
      }),
    );
    return { server: server as Server, sockets };
  };

  const create = (listener: Listener) => {
    const { tls, webSocket = false, preShared = false } = listener;
    if (preShared) return createPreShared();
    if (webSocket) return createWeb(listener);
    return tls === undefined ? createPlain(listener) : createSecure(tls, listener.anonymous);
  };

  return {
    async listen(listener) {
      const { server, sockets } = create(listener);
      const { host, port } = parseAddress(listener.address);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ port, host, backlog }, () => {
          server.off("error", reject);
          resolve();
        });
      });
      server.on("error", (error) => deps.log.error({ err: error }, "an MQTT listener failed"));
      servers.push({ server, sockets });
      return boundAddress(server, host);
    },
    setCongested(congested) {
      for (const connection of connections) connection.setCongested(congested);
    },
    replaceTls(tls) {
      for (const { server } of servers) {
        if (server instanceof TlsServer) server.setSecureContext(deviceTlsOptions(tls, tlsRules));
      }
    },
    async stop() {
      for (const { server } of servers) server.close();
      for (const connection of connections) connection.close(ReasonCode.ServerShuttingDown, "shutdown");
      const giveUpAt = performance.now() + stopMsMax;
      while (connections.size > 0 && performance.now() < giveUpAt) await pause(10);
      for (const connection of connections) connection.cut();
      for (const { sockets } of servers) sockets.destroyAll();
    },
  };
}
