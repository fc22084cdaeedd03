// Hot: what a client sends with QoS 1 and 2, from its coming to its acknowledgement. Made for the first such message: most idle devices are only
// listened for.
import { type AckType, PacketType, ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import type { Session } from "../broker/session.ts";
import { AckWindow } from "./ack-window.ts";
import { putAck } from "./acknowledge.ts";
import type { ChannelOutput, ChannelStart } from "./channel-ports.ts";
import { type Answering, answerOnceKept } from "./kept-changes.ts";

export class Receipts {
  readonly #start: ChannelStart;
  readonly #session: Session;
  readonly #out: ChannelOutput;
  readonly #channel: Answering;
  readonly #isV5: boolean;
  readonly #window: AckWindow;
  /** QoS 2 ids that are in the window and among the received. */
  #pendingQos2 = 0;
  #isPaused = false;

  constructor(start: ChannelStart, session: Session, out: ChannelOutput, channel: Answering) {
    this.#start = start;
    this.#session = session;
    this.#out = out;
    this.#channel = channel;
    this.#isV5 = start.protocolLevel === ProtocolLevel.V5;
    this.#window = new AckWindow(start.receiveMaximum);
  }

  /** What counts against the Receive Maximum [MQTT-3.3.4-7]. Before MQTT 5 a client knows none, and may reuse ids of QoS 2 only. */
  get isFull(): boolean {
    if (!this.#isV5) return this.#window.isFull;
    return this.#window.count + (this.#session.received?.size ?? 0) - this.#pendingQos2 >= this.#start.receiveMaximum;
  }

  /** Takes in a message; the caller has checked `isFull` and `isRepeated`. Returns the token to settle it by. */
  take(packetId: number, qos: 1 | 2): number {
    const token = this.#window.push(packetId, qos);
    if (qos === 2) {
      this.#session.received ??= new Set();
      this.#session.received.add(packetId);
      this.#pendingQos2++;
    }
    return token;
  }

  /** Before MQTT 5 a client knows no Receive Maximum: it is held back by not being read. */
  holdBack(): void {
    if (!this.#window.isFull || this.#isV5 || !this.#channel.isOpen) return;
    this.#isPaused = true;
    this.#out.pauseReading();
  }

  /** A QoS 2 message that came before [MQTT-4.3.3-10]: it is acknowledged again, and not handled. */
  isRepeated(packetId: number): boolean {
    const { received } = this.#session;
    if (received?.has(packetId) !== true) return false;
    // It may have come by a connection before this one, and not be on disk yet.
    if (!this.#window.has(packetId)) this.#acknowledgeKept("putReceived", PacketType.Pubrec, packetId, 0);
    return true;
  }

  onPubrel(packetId: number): void {
    const isKnown = this.#session.received?.delete(packetId) === true;
    // Said before it is on disk, the client could use the id again, and after a crash its new message would be taken for the old one. Also an id
    // that is unknown may have been released just now, by a connection before this one.
    this.#acknowledgeKept("deleteReceived", PacketType.Pubcomp, packetId, isKnown || !this.#isV5 ? 0 : ReasonCode.PacketIdentifierNotFound);
  }

  /** Acknowledges what is known of a QoS 2 id. */
  #acknowledgeKept(op: "putReceived" | "deleteReceived", type: AckType, packetId: number, code: number): void {
    const { id } = this.#session;
    const answer = (): void => putAck(this.#out.outgoing, this.#start, type, packetId, code);
    answerOnceKept(this.#session, [{ op, sessionId: id, packetIds: [packetId] }], this.#channel, answer);
  }

  /** Acknowledges a message. `code` is a reason code of PUBACK and PUBREC. */
  settle(token: number, code: number, reason: string): void {
    this.#window.settle(token, code, reason);
    this.#window.drain(this.#acknowledge);
    if (!this.#isPaused || this.#window.isFull) return;
    this.#isPaused = false;
    this.#out.resumeReading();
  }

  readonly #acknowledge = (packetId: number, qos: number, code: number, reason: string): void => {
    if (qos === 2) {
      this.#pendingQos2--;
      if (code >= 0x80) this.#session.received?.delete(packetId); // The exchange is over (s4.3.3).
    }
    putAck(this.#out.outgoing, this.#start, qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId, this.#isV5 ? code : 0, reason);
  };

  /** The packet id of a QoS 2 message is being written down with what it caused: it stays known whatever becomes of the connection. */
  keepId(token: number): void {
    this.#window.keep(token);
  }

  qosOf(token: number): number {
    return this.#window.qosOf(token);
  }

  packetIdOf(token: number): number {
    return this.#window.packetIdOf(token);
  }

  /** The connection is gone. What is not handled for good is not known: it is to be handled when it comes again [MQTT-4.4.0-1]. */
  onClosed(): void {
    for (const packetId of this.#window.unsettledQos2()) this.#session.received?.delete(packetId);
  }
}
