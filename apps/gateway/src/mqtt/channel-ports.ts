// What a channel is given: its way out, what CONNECT and CONNACK said, and what holds for its listener.
import type { ProtocolLevel, ReasonPacket } from "@mooring/mqtt";
import type { Outgoing } from "./outgoing.ts";

/** What a channel may cause. The connection implements it with bytes; tests record the calls. */
export interface ChannelOutput {
  /** The peer's, as far as it is known. */
  readonly address: string | undefined;
  readonly outgoing: Outgoing;
  /** False while the client reads slower than it is written to: then only what must be said is. */
  readonly isWritable: boolean;
  /** Reads no further packets until `resumeReading`, also not those that have arrived. */
  pauseReading(): void;
  resumeReading(): void;
  /** Ends the connection. A client that speaks MQTT 5 is told the reason code, unless it is 0. `word` is for the metrics. */
  close(reasonCode: number, word: string): void;
  /** Something of ours broke on this connection: it is logged and counted, and the connection ends. */
  fail(error: unknown): void;
  /** Who is there is the connection's concern, not the channel's. */
  onAuth(packet: ReasonPacket): void;
}

/** What a channel knows from CONNECT and CONNACK. */
export interface ChannelStart {
  readonly protocolLevel: ProtocolLevel;
  /** QoS 1 and 2 messages that may be in flight: from the client, as CONNACK said; to it, as it said. */
  readonly receiveMaximum: number;
  readonly windowMax: number;
  /** The client's limit (MQTT 5); no limit when it names none. */
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
  /** Aliases that the client takes [MQTT-3.1.2-26]. */
  readonly sentAliasMaximum: number;
  /** Whether reason strings may be said [MQTT-3.1.2-29]. */
  readonly saysProblems: boolean;
}

/** What holds for every channel of a listener; see config.ts. */
export interface ChannelLimits {
  readonly topicBytesMax: number;
  readonly topicLevelsMax: number;
  readonly subscriptionsMax: number;
  /** Of a session that is kept, if that is less. */
  readonly keptSubscriptionsMax: number;
  /** Messages a second, and as many at once; 0 for no limit. */
  readonly publishRateMax: number;
}
