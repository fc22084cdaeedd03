// Hot: one QoS 1 or 2 message on its way to one session.
import type { Message } from "./message.ts";
import type { Via } from "./subscription.ts";

export const FlightState = {
  /** In the queue, without a packet id. */
  Queued: 0,
  /** Has a packet id; PUBACK or PUBREC is awaited. */
  Sent: 1,
  /** QoS 2: PUBREC came, PUBCOMP is awaited. */
  Released: 2,
} as const;
export type FlightState = (typeof FlightState)[keyof typeof FlightState];

export class Flight {
  /** Null once it is released: only PUBREL is sent again. */
  message: Message | null;
  readonly qos: 1 | 2;
  readonly retain: boolean;
  readonly ids: readonly number[] | null;
  /** As in Via: another member may have it when the session ends. */
  readonly share: string;
  packetId: number;
  state: FlightState;
  /** Grows by one per message of the session: the order in which they leave, and the message's name in the store. */
  readonly seq: number;
  /** False while the store has not committed it, its packet id or its release: then nothing of it leaves. */
  isCommitted: boolean;
  /** The store has it. */
  isStored: boolean;
  /** Of the platform's own: the store does not know it. */
  isTransient: boolean;
  /** Has left in this session at least once: it leaves again with DUP [MQTT-3.3.1-1]. */
  wasSent: boolean;

  constructor(message: Message | null, qos: 1 | 2, retain: boolean, via: Via, seq: number) {
    this.message = message;
    this.qos = qos;
    this.retain = retain;
    this.ids = via.ids;
    this.share = via.share;
    this.packetId = 0;
    this.state = FlightState.Queued;
    this.seq = seq;
    this.isCommitted = true;
    this.isStored = false;
    this.isTransient = false;
    this.wasSent = false;
  }
}
