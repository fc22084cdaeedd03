// A TCP proxy that does to connections what networks do: bytes come late, connections break in the middle of a message, or nothing comes any more
// and nobody says so.
//
//   client ══▶ proxy ══▶ server
//          late / cut after some bytes / swallowed in both directions
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export interface FaultProxyOptions {
  /** Asked at each connection: `host:port` of who is behind it, which may have moved after a restart. */
  readonly target: () => string;
  /** An address of this machine; a free port is taken. 127.0.0.1 unless told. */
  readonly host?: string;
  /** 0 to 1, seeded. */
  readonly random: () => number;
}

/** What happens to connections, those that are there and those that come. */
type Weather =
  | { readonly kind: "clear" }
  /** Each piece comes later by `ms` and up to as much again, in order. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Each connection is reset after up to so many bytes, counted in both directions: anywhere in a message or a handshake. */
  | { readonly kind: "cut"; readonly bytesMax: number }
  /** Connections stay open and bytes vanish, in both directions. Connections that were swallowed are never heard of again, also in clear weather. */
  | { readonly kind: "halfOpen" };

export interface FaultProxy {
  /** `host:port` that clients are told. */
  readonly address: string;
  /** Connections open now, swallowed ones included. */
  readonly connections: number;
  set(weather: Weather): void;
  /** Ends all connections and takes no more. */
  stop(): Promise<void>;
}

export type { Weather };

/** A slow reader's bytes that are kept here; above it nothing more is read from the other side. */
const waitingBytesMax = 1_048_576;

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const links = new Set<Link>();
  let weather: Weather = { kind: "clear" };
  const server = createServer({ noDelay: true }, (client) => {
    const link: Link = new Link(client, options, () => links.delete(link));
    links.add(link);
    link.set(weather);
  });
  await listen(server, options.host ?? "127.0.0.1");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("a proxy listens on a port");
  return {
    address: `${bound.address}:${bound.port}`,
    get connections() {
      return links.size;
    },
    set(next) {
      weather = next;
      for (const link of [...links]) link.set(next);
    },
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const link of [...links]) link.reset();
      await closed;
    },
  };
}

async function listen(server: Server, host: string): Promise<void> {
  server.listen(0, host);
  await once(server, "listening");
}

class Link {
  readonly #client: Socket;
  readonly #random: () => number;
  readonly #onEnd: () => void;
  /** Made at the first clear moment: who comes in half-open weather never gets through. */
  #server: Socket | undefined;
  readonly #target: () => string;
  #weather: Weather = { kind: "clear" };
  #isSwallowed = false;
  /** Bytes until the cut. */
  #left = 0;
  /** When the last piece of each direction is due: pieces stay in order. */
  readonly #dueAtMs = new Map<Socket, number>();
  readonly #waiting = new Map<Socket, (() => void)[]>();

  constructor(client: Socket, options: FaultProxyOptions, onEnd: () => void) {
    this.#client = client;
    this.#random = options.random;
    this.#target = options.target;
    this.#onEnd = onEnd;
    client.on("error", () => undefined);
    client.on("close", () => this.#onClose());
  }

  set(weather: Weather): void {
    this.#weather = weather;
    if (weather.kind === "halfOpen") this.#isSwallowed = true;
    if (weather.kind === "cut") this.#left = 1 + Math.floor(this.#random() * weather.bytesMax);
    if (this.#isSwallowed) {
      // The network is back: an end that still talks hears that the other one is gone. Two ends that both wait hear nothing.
      const isHalfGone = this.#client.destroyed || this.#server?.destroyed === true;
      if (weather.kind !== "halfOpen" && isHalfGone) return this.reset();
      this.#client.resume();
      return;
    }
    if (this.#server === undefined) this.#open();
  }

  reset(): void {
    for (const socket of [this.#client, this.#server]) if (socket !== undefined && !socket.destroyed) socket.resetAndDestroy();
    this.#onEnd();
  }

  #open(): void {
    const [host = "", port] = this.#target().split(":");
    const server = connect({ host, port: Number(port), noDelay: true });
    this.#server = server;
    server.on("error", () => undefined);
    server.on("close", () => this.#onClose());
    this.#pump(this.#client, server);
    this.#pump(server, this.#client);
  }

  #pump(from: Socket, to: Socket): void {
    from.on("data", (chunk: Buffer) => this.#onData(from, to, chunk));
    from.on("end", () => {
      if (!this.#isSwallowed) this.#later(from, () => to.end());
    });
    to.on("drain", () => from.resume());
  }

  #onData(from: Socket, to: Socket, chunk: Buffer): void {
    if (this.#isSwallowed) return;
    if (this.#weather.kind === "cut" && chunk.length >= this.#left) {
      to.write(chunk.subarray(0, this.#left), () => this.reset());
      this.#isSwallowed = true;
      return;
    }
    this.#left -= chunk.length;
    this.#later(from, () => {
      if (this.#isSwallowed || to.destroyed) return;
      to.write(chunk);
      if (to.writableLength > waitingBytesMax) from.pause();
    });
  }

  /** At once in clear weather, unless something of the same direction still waits. */
  #later(from: Socket, act: () => void): void {
    const nowMs = performance.now();
    const delayMs = this.#weather.kind === "delay" ? this.#weather.ms * (1 + this.#random()) : 0;
    const dueAtMs = Math.max(nowMs + delayMs, this.#dueAtMs.get(from) ?? 0);
    const isFirst = this.#waiting.get(from) === undefined;
    if (dueAtMs <= nowMs && isFirst) return act();
    this.#dueAtMs.set(from, dueAtMs);
    // Timers of different lengths may fire out of order; each one runs the oldest piece.
    const waiting = this.#waiting.get(from) ?? [];
    this.#waiting.set(from, waiting);
    waiting.push(act);
    setTimeout(() => {
      waiting.shift()?.();
      if (waiting.length === 0) this.#waiting.delete(from);
    }, dueAtMs - nowMs);
  }

  /** One end is gone: the other one gets what was written to it, and its end. */
  #closeOther(): void {
    for (const socket of [this.#client, this.#server]) if (socket !== undefined && !socket.destroyed) socket.destroySoon();
    if (this.#client.destroyed && (this.#server?.destroyed ?? true)) this.#onEnd();
  }

  #onClose(): void {
    // What is still on its way in delayed weather is lost with the connection, as it may be.
    if (!this.#isSwallowed) return this.#closeOther();
    const isOver = this.#weather.kind !== "halfOpen" || (this.#client.destroyed && (this.#server?.destroyed ?? true));
    if (isOver) this.reset();
  }
}
