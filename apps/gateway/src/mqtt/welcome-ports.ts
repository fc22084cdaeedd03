// What a connection that asks to be let in gives, and what it gets.
import type { ConnackPacket, ConnectPacket } from "@mooring/mqtt";
import type { Channel, ChannelOutput } from "./channel.ts";
import type { Peer, Registered } from "./connect.ts";
import type { Ask } from "./enhanced.ts";

/** Who proves itself again while it is connected: it must be who it was. Rejects with SignOnRefused. */
export type Reauthenticate = (clientFirst: Uint8Array | undefined, ask: Ask) => Promise<Buffer>;

/** A client that may stay. */
export interface Welcomed {
  readonly channel: Channel;
  readonly connack: ConnackPacket;
  /** To be kept as long as the connection. */
  readonly stay: Stay;
}

/** What a connection holds beside its channel. */
export interface Stay {
  /** Absent when it did not sign on by enhanced authentication. */
  readonly reauthenticate?: Reauthenticate | undefined;
  /** To be called once the connection is gone. */
  onClosed(word: string): void;
}

/** The connection that asks. */
export interface Guest {
  readonly address: string | undefined;
  readonly output: ChannelOutput;
  /** Says AUTH to it, and resolves with what it answers (MQTT 5 s4.12). */
  ask(data: Uint8Array): Promise<Uint8Array>;
  /** It went away meanwhile. */
  isGone(): boolean;
}

/** Rejects with SignOnRefused; resolves with undefined when the guest is gone. */
export type Welcome = (packet: ConnectPacket, peer: Peer, guest: Guest) => Promise<Welcomed | Registered | undefined>;
