// What a connection is given: its way to the peer, and what holds for its listener.
import type { Log, TimerWheel } from "@mooring/kit";
import type { GatewayCounters, RareCounters } from "../counters.ts";
import type { ConnackLimits } from "./acceptance.ts";
import type { ByteStream, StreamOwner } from "./byte-stream.ts";
import type { Welcome } from "./welcome-ports.ts";
import type { WriteGatherer } from "./write-gatherer.ts";

export interface ConnectionLimits extends ConnackLimits {
  /** From accepting the socket to CONNACK, the handshake included. */
  readonly connectMs: number;
  /** For how long a TLS session can be resumed; 0 for never. */
  readonly tlsSessionS: number;
  /** Of a CONNECT: nothing is known about the client yet. */
  readonly connectBytesMax: number;
  /** Unsent bytes above which only what must be said is written, and nothing is read. */
  readonly writeBytesMax: number;
  /** How long a client may leave it at that. */
  readonly stalledMs: number;
}

export interface ConnectionDeps {
  readonly welcome: Welcome;
  readonly wheel: TimerWheel;
  readonly gatherer: WriteGatherer;
  readonly limits: ConnectionLimits;
  readonly counters: GatewayCounters;
  readonly rare: RareCounters;
  readonly log: Log;
}

/** The bytes' way: a TCP or TLS socket, or a WebSocket. */
export interface Transport {
  readonly stream: ByteStream;
  /** Kept, since a closed socket does not know it any more. */
  readonly address: string | undefined;
  /** What was written is the kernel's as soon as nothing of it waits in the stream, and its buffer free: true of plain sockets. */
  readonly isPlain: boolean;
  /** Has the stream tell its owner what happens, but for `onDrain`. */
  follow(owner: StreamOwner): void;
  /** And that. Called at most once. */
  listenForDrain(owner: StreamOwner): void;
  /** The client is no longer a stranger. */
  onSignedOn(): void;
  /** The stream is closed. */
  onClosed(connection: object): void;
}
