// Hot: the protocol of one signed-on connection: packets in, effects out. Sans-I/O: no socket, timer or promise here; ChannelOutput is the only way
// out. What outlives the connection is in its Session; what a client may say and hear is in the two kinds of channel; what it is sent is in
// sending-channel.ts.
//
//   packets --> Channel --+--> publish (client-channel: the broker; device-channel: Uplink) --> ... Receipts --> PUBACK, PUBREC in order of arrival
//                         |--> subscribe --> Space --> SUBACK, retained messages
//                         '--> PUBACK, PUBREC, PUBCOMP --> Session --> sendFlight, sendPubrel
//
// Others call in here too, the broker with messages and the store with commits: what throws then ends this connection, and never who called.
// Memory: an idle plain connection with one subscription is 2.1 KB in all (bench "idle connections"), of which this object with its Session, Sender and
// subscription is 0.8 KB (heap snapshots, Node 24.21); Receipts, Replays and aliases come with the first message that needs them.
import {
  encodePingresp,
  isValidTopicName,
  PacketType,
  type PublishPacket,
  ReasonCode,
  type ReasonPacket,
  type ServerPacketHandler,
  type SubscribePacket,
  type UnsubscribePacket,
} from "@mooring/mqtt";
import { isPlain } from "../broker/message.ts";
import type { Session } from "../broker/session.ts";
import { Form } from "../broker/space.ts";
import type { GatewayCounters } from "../counters.ts";
import { putAck, subackOf, unsubackOf } from "./acknowledge.ts";
import { ReceivedAliases } from "./aliases.ts";
import type { ChannelLimits, ChannelOutput, ChannelStart } from "./channel-ports.ts";
import { answerOnceKept } from "./kept-changes.ts";
import { putFitting } from "./packet-size.ts";
import { RateLimit } from "./rate-limit.ts";
import { Receipts } from "./receipts.ts";
import { SendingChannel } from "./sending-channel.ts";
import { type Subscriber, subscribe, unsubscribe } from "./subscribe.ts";

export type { ChannelLimits, ChannelOutput, ChannelStart } from "./channel-ports.ts";

export const noToken = -1;
const pingresp = encodePingresp();

export abstract class Channel extends SendingChannel implements ServerPacketHandler, Subscriber {
  readonly limits: ChannelLimits;
  /** The client ended the connection in order. */
  isClean = false;
  readonly #rate: RateLimit | null;
  #aliases: ReceivedAliases | null = null;
  #receipts: Receipts | null = null;
  /** The last one that was looked at. The decoder gives the same string for the same topic again, so that this costs no comparison. */
  #validTopic = "";

  constructor(start: ChannelStart, session: Session, limits: ChannelLimits, counters: GatewayCounters, out: ChannelOutput) {
    super(start, session, counters, out);
    this.limits = limits;
    this.#rate = limits.publishRateMax === 0 ? null : new RateLimit(limits.publishRateMax);
  }

  // ---- what kinds of clients differ in

  /** Handles a message whose topic is valid. With a token (not `noToken`) it is settled once. `form` says what its bytes are. */
  protected abstract handle(packet: PublishPacket, topic: string, form: number, token: number): void;
  abstract refuseFilter(filter: string, isShared: boolean): number;
  /** The client listens to these filters from now on. */
  protected abstract onSubscribed(filters: readonly string[]): void;

  protected onUnsubscribed(): void {
    // For who remembers what the client listens to.
  }

  /** A packet had more bytes than are read, so that nobody knows what it is. */
  onTooLarge(_packetBytesMax: number): void {
    // For who reports refusals.
  }

  // ---- messages of the client

  onPublish(packet: PublishPacket): void {
    const { qos, properties } = packet;
    let { topic } = packet;
    let form = this.sender.plainForm;
    if (properties !== null) {
      if (!isPlain(properties)) form = Form.V5;
      if (properties.topicAlias !== undefined) {
        topic = this.#resolve(topic, properties.topicAlias);
        if (topic === "") return this.close(ReasonCode.TopicAliasInvalid, "protocol"); // [MQTT-3.3.2-7]
      }
    }
    this.space.counters.messagesIn++;
    if (this.#rate?.take(this.space.wheel.nowMs) === false) return this.close(ReasonCode.MessageRateTooHigh, "messageRate");
    if (qos === 0) {
      this.counters.messagesInQos0++;
      if (this.#isTopic(topic)) this.handle(packet, topic, form, noToken);
      return;
    }
    const receipts = this.#receive();
    if (qos === 1) this.counters.messagesInQos1++;
    else {
      this.counters.messagesInQos2++;
      if (receipts.isRepeated(packet.packetId)) return;
    }
    if (receipts.isFull) return this.close(ReasonCode.ReceiveMaximumExceeded, "receiveMaximum"); // [MQTT-3.3.4-7]
    const token = receipts.take(packet.packetId, qos);
    if (this.#isTopic(topic)) this.handle(packet, topic, form, token);
    receipts.holdBack();
  }

  #resolve(topic: string, alias: number): string {
    this.#aliases ??= new ReceivedAliases(this.start.topicAliasMaximum);
    return this.#aliases.resolve(topic, alias);
  }

  #receive(): Receipts {
    this.#receipts ??= new Receipts(this.start, this.session, this.out, this);
    return this.#receipts;
  }

  /** Topics that are too long end the connection: MQTT has no other word for it before version 5, and clients do not expect it. */
  #isTopic(topic: string): boolean {
    if (topic === this.#validTopic) return true;
    if (isValidTopicName(topic, this.limits.topicBytesMax, this.limits.topicLevelsMax)) {
      this.#validTopic = topic;
      return true;
    }
    this.close(ReasonCode.TopicNameInvalid, "topicLimit");
    return false;
  }

  onPubrel(packetId: number): void {
    this.#receive().onPubrel(packetId);
  }

  /** Acknowledges a message. `code` is a reason code of PUBACK and PUBREC. */
  protected settle(token: number, code: number, reason: string): void {
    this.#receipts?.settle(token, code, reason);
  }

  /** See Receipts; for tokens of messages that are not settled yet. */
  protected get receipts(): Receipts {
    return this.#receive();
  }

  // ---- acknowledgements of the client

  onPuback(packetId: number): void {
    this.#onAcknowledged(this.session.onPuback(packetId));
  }

  onPubrec(packetId: number, reasonCode: number): void {
    const wrong = this.session.onPubrec(packetId, reasonCode);
    if (wrong === ReasonCode.PacketIdentifierNotFound) putAck(this.out.outgoing, this.start, PacketType.Pubrel, packetId, wrong);
    else this.#onAcknowledged(wrong);
  }

  onPubcomp(packetId: number): void {
    this.#onAcknowledged(this.session.onPubcomp(packetId));
  }

  #onAcknowledged(wrong: number): void {
    if (wrong !== 0) this.close(wrong, "protocol");
    else this.onRoom();
  }

  // ---- the rest of what the client says

  /** The decoder lets no second one through. */
  onConnect(): void {
    this.close(ReasonCode.ProtocolError, "protocol");
  }

  onAuth(packet: ReasonPacket): void {
    this.out.onAuth(packet);
  }

  onSubscribe(packet: SubscribePacket): void {
    const { reasonCodes, granted, ops, replays } = subscribe(this, packet);
    answerOnceKept(this.session, ops, this, () => {
      const { packetId } = packet;
      this.#putFitting(subackOf(this.start, packetId, reasonCodes)); // [MQTT-3.8.4-1]
      if (granted.length > 0) this.onSubscribed(granted);
      for (const replay of replays) this.beginReplay(replay);
    });
  }

  onUnsubscribe({ packetId, filters }: UnsubscribePacket): void {
    const { reasonCodes, ops } = unsubscribe(this.session, filters);
    this.onUnsubscribed();
    // Said before it is on disk, the subscription could be back after a crash.
    answerOnceKept(this.session, ops, this, () => this.#putFitting(unsubackOf(this.start, packetId, reasonCodes)));
  }

  #putFitting(bytes: Buffer): void {
    putFitting(this.out, bytes, this.start.maximumPacketSize);
  }

  onPingreq(): void {
    this.out.outgoing.put(pingresp);
  }

  /** `DisconnectWithWill` and everything but a normal end leave the will in force [MQTT-3.14.4-3]. */
  onDisconnect({ reasonCode, properties }: ReasonPacket): void {
    const expiryS = properties?.sessionExpiryIntervalS;
    if (expiryS !== undefined) {
      // [MQTT-3.14.2-2]: what ends with the connection cannot be made to last.
      if (this.session.expiryS === 0 && expiryS !== 0) return this.close(ReasonCode.ProtocolError, "protocol");
      this.session.changeExpiry(Math.min(expiryS, this.space.limits.sessionExpirySMax));
    }
    this.isClean = reasonCode === ReasonCode.Success;
    this.close(0, "client");
  }

  // ---- the end

  /** The connection is gone: what is still under way has nobody to be told to. */
  onClosed(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    try {
      this.#receipts?.onClosed();
    } finally {
      if (this.session.channel === this) this.detach(this.isClean);
    }
  }
}
