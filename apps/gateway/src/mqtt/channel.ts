// Hot: the protocol of one signed-on connection: packets in, effects out. Sans-I/O: no socket, timer or promise here; ChannelOutput is the only way
// out. What outlives the connection is in its Session; what a client may say and hear is in the two kinds of channel.
//
//   packets --> Channel --+--> publish (client-channel: the broker; device-channel: Uplink) --> ... settle --> PUBACK, PUBREC in order of arrival
//                         |--> subscribe --> Space --> SUBACK, retained messages
//                         '--> PUBACK, PUBREC, PUBCOMP --> Session --> sendFlight, sendPubrel
//
// Memory: this object and its Session are 1.2 KB while idle (measured, Node 24.21).
import { type SessionOp, sessionLimitsDefault } from "@mooring/contracts";
import {
  type AckType,
  encodeAck,
  encodePingresp,
  encodeSuback,
  encodeUnsuback,
  isValidTopicFilter,
  isValidTopicName,
  PacketType,
  type Properties,
  ProtocolLevel,
  type PublishPacket,
  parseSharedFilter,
  publishHeader,
  ReasonCode,
  type ReasonPacket,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from "@mooring/mqtt";
import type { Flight } from "../broker/flight.ts";
import { isPlain, type Message } from "../broker/message.ts";
import type { SessionChannel } from "../broker/ports.ts";
import type { Session } from "../broker/session.ts";
import { Form, formOf, type Space } from "../broker/space.ts";
import type { Subscription, SubscriptionOptions } from "../broker/subscription.ts";
import type { GatewayCounters } from "../counters.ts";
import { AckWindow } from "./ack-window.ts";
import { ReceivedAliases } from "./aliases.ts";
import type { ChannelLimits, ChannelOutput, ChannelStart } from "./channel-ports.ts";
import { putFitting } from "./packet-size.ts";
import { RateLimit } from "./rate-limit.ts";
import { Replay } from "./replay.ts";
import { Sender } from "./sender.ts";

export type { ChannelLimits, ChannelOutput, ChannelStart } from "./channel-ports.ts";

export const noToken = -1;
const pingresp = encodePingresp();
/** Longer reasons are cut: a packet that explains must not grow with what it explains. */
const reasonCharactersMax = 256;

export abstract class Channel implements SessionChannel {
  readonly session: Session;
  readonly protocolLevel: ProtocolLevel;
  readonly windowMax: number;
  protected readonly space: Space;
  protected readonly counters: GatewayCounters;
  protected readonly limits: ChannelLimits;
  protected readonly out: ChannelOutput;
  protected readonly isV5: boolean;
  protected isOpen = true;
  readonly #start: ChannelStart;
  readonly #window: AckWindow;
  readonly #received: ReceivedAliases | null;
  readonly #sender: Sender;
  readonly #rate: RateLimit;
  #replays: Replay[] | null = null;
  #isPaused = false;

  constructor(start: ChannelStart, session: Session, limits: ChannelLimits, counters: GatewayCounters, out: ChannelOutput) {
    this.session = session;
    this.space = session.space;
    this.protocolLevel = start.protocolLevel;
    this.windowMax = start.windowMax;
    this.counters = counters;
    this.limits = limits;
    this.out = out;
    this.isV5 = start.protocolLevel === ProtocolLevel.V5;
    this.#start = start;
    this.#window = new AckWindow(start.receiveMaximum);
    this.#received = start.topicAliasMaximum > 0 ? new ReceivedAliases(start.topicAliasMaximum) : null;
    this.#sender = new Sender(start, session.space, counters, out.outgoing);
    this.#rate = new RateLimit(limits.publishRateMax);
  }

  // ---- what kinds of clients differ in

  /** Handles a message whose topic is valid. With a token (not `noToken`) it is settled once. `form` says what its bytes are. */
  protected abstract handle(packet: PublishPacket, topic: string, form: number, token: number): void;
  /** 0, or why the client may not hear what this filter (without `$share/...`) matches. */
  protected abstract refuseFilter(filter: string, isShared: boolean): number;
  /** The client listens to these filters from now on. */
  protected abstract onSubscribed(filters: readonly string[]): void;

  // ---- what the client sends

  onPublish(packet: PublishPacket): void {
    const { qos, properties } = packet;
    let { topic } = packet;
    let form = this.#sender.plainForm;
    if (properties !== null) {
      if (!isPlain(properties)) form = Form.V5;
      if (properties.topicAlias !== undefined) {
        topic = this.#received === null ? "" : this.#received.resolve(topic, properties.topicAlias);
        if (topic === "") return this.close(ReasonCode.TopicAliasInvalid, "protocol"); // [MQTT-3.3.2-7]
      }
    }
    this.space.counters.messagesIn++;
    if (!this.#rate.take(this.space.wheel.nowMs)) return this.close(ReasonCode.MessageRateTooHigh, "messageRate");
    if (qos === 0) {
      this.counters.messagesInQos0++;
      if (this.#isTopic(topic)) this.handle(packet, topic, form, noToken);
      return;
    }
    if (qos === 1) this.counters.messagesInQos1++;
    else {
      this.counters.messagesInQos2++;
      if (this.#isRepeated(packet.packetId)) return;
    }
    if (this.#isWindowFull()) return this.close(ReasonCode.ReceiveMaximumExceeded, "receiveMaximum"); // [MQTT-3.3.4-7]
    const token = this.#window.push(packet.packetId, qos);
    if (qos === 2) this.#remember(packet.packetId);
    if (this.#isTopic(topic)) this.handle(packet, topic, form, token);
    // Before MQTT 5 a client knows no Receive Maximum: it is held back by not being read.
    if (this.#window.isFull && !this.isV5 && this.isOpen) {
      this.#isPaused = true;
      this.out.pauseReading();
    }
  }

  /** The last one that was looked at. The decoder gives the same string for the same topic again, so that this costs no comparison. */
  #validTopic = "";

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

  #isWindowFull(): boolean {
    if (!this.isV5) return this.#window.isFull;
    return this.#window.count + (this.session.received?.size ?? 0) - this.#pendingQos2 >= this.#start.receiveMaximum;
  }

  /** QoS 2 ids that are in the window and among the received. */
  #pendingQos2 = 0;

  #remember(packetId: number): void {
    this.session.received ??= new Set();
    this.session.received.add(packetId);
    this.#pendingQos2++;
  }

  /** A QoS 2 message that came before [MQTT-4.3.3-10]: it is acknowledged again, and not handled. */
  #isRepeated(packetId: number): boolean {
    const { session } = this;
    if (session.received?.has(packetId) !== true) return false;
    // It may have come by a connection before this one, and not be on disk yet.
    if (!this.#window.has(packetId)) this.#acknowledgeKept("putReceived", PacketType.Pubrec, packetId, 0);
    return true;
  }

  /** Acknowledges what is known of a QoS 2 id. */
  #acknowledgeKept(op: "putReceived" | "deleteReceived", type: AckType, packetId: number, code: number): void {
    this.#write([{ op, sessionId: this.session.id, packetIds: [packetId] }], () => this.#sendAck(type, packetId, code, ""));
  }

  /** Answers once what is to be kept of the session is on disk; at once when that is nothing. */
  #write(ops: readonly SessionOp[], answer: () => void): void {
    if (!this.session.isDurable || ops.length === 0) return answer();
    const onCommitted = (isCommitted: boolean): void => {
      if (!this.isOpen) return;
      if (isCommitted) answer();
      else this.close(ReasonCode.ServerUnavailable, "unavailable");
    };
    // They are committed in this order, so the last one speaks for all.
    for (let i = 0; i < ops.length; i++) this.space.store.write(ops[i] as SessionOp, i === ops.length - 1 ? { onCommitted } : null);
  }

  onPuback(packetId: number): void {
    this.#onAcknowledged(this.session.onPuback(packetId));
  }

  onPubrec(packetId: number, reasonCode: number): void {
    const wrong = this.session.onPubrec(packetId, reasonCode);
    if (wrong === ReasonCode.PacketIdentifierNotFound) return this.#sendAck(PacketType.Pubrel, packetId, wrong, "");
    this.#onAcknowledged(wrong);
  }

  onPubcomp(packetId: number): void {
    this.#onAcknowledged(this.session.onPubcomp(packetId));
  }

  #onAcknowledged(wrong: number): void {
    if (wrong !== 0) this.close(wrong, "protocol");
    else if (this.#replays !== null) this.#pumpReplays();
  }

  onPubrel(packetId: number): void {
    const isKnown = this.session.received?.delete(packetId) === true;
    // Said before it is on disk, the client could use the id again, and after a crash its new message would be taken for the old one. Also an id
    // that is unknown may have been released just now, by a connection before this one.
    this.#acknowledgeKept("deleteReceived", PacketType.Pubcomp, packetId, isKnown || !this.isV5 ? 0 : ReasonCode.PacketIdentifierNotFound);
  }

  onSubscribe({ packetId, subscriptions, properties }: SubscribePacket): void {
    const id = properties?.subscriptionIds?.[0] ?? 0;
    const reasonCodes: number[] = [];
    const granted: string[] = [];
    const replays: Replay[] = [];
    for (const request of subscriptions) {
      const code = this.#subscribe(request, id, replays);
      reasonCodes.push(code);
      if (code < 0x80) granted.push(request.filter);
    }
    this.#write(granted.map(this.#subscriptionOp), () => {
      this.#putFitting(encodeSuback({ packetId, reasonCodes, properties: null }, this.protocolLevel)); // [MQTT-3.8.4-1]
      if (granted.length > 0) this.onSubscribed(granted);
      for (const replay of replays) this.#replay(replay);
    });
  }

  /** The SUBACK code of one filter. What is not granted is not kept. */
  #subscribe(request: SubscriptionRequest, id: number, replays: Replay[]): number {
    const { filter, qos, retainHandling } = request;
    if (!isValidTopicFilter(filter, this.limits.topicBytesMax, this.limits.topicLevelsMax)) return ReasonCode.TopicFilterInvalid;
    const shared = parseSharedFilter(filter);
    const refused = this.refuseFilter(shared === null ? filter : shared.filter, shared !== null);
    if (refused !== 0) return refused;
    const { subscriptions, isDurable } = this.session;
    const max = isDurable ? Math.min(this.limits.subscriptionsMax, sessionLimitsDefault.subscriptionsMax) : this.limits.subscriptionsMax;
    if (subscriptions.size >= max && !subscriptions.has(filter)) return ReasonCode.QuotaExceeded;
    const options = { qos, noLocal: request.noLocal, retainAsPublished: request.retainAsPublished, ids: id === 0 ? null : [id] };
    const isNew = this.space.subscribe(this.session, filter, options);
    // [MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11]; shared subscriptions are sent none (s4.8.2).
    if (shared === null && (retainHandling === 0 || (retainHandling === 1 && isNew))) this.#prepareReplay(filter, options, replays);
    return qos;
  }

  #prepareReplay(filter: string, options: SubscriptionOptions, replays: Replay[]): void {
    if (this.space.retained.count === 0) return;
    const messages = this.space.retained.match(filter, Number.MAX_SAFE_INTEGER);
    if (messages.length > 0) replays.push(new Replay(filter, messages, options));
  }

  readonly #subscriptionOp = (filter: string): SessionOp => {
    const { qos, noLocal, retainAsPublished, ids } = this.session.subscriptions.get(filter) as SubscriptionOptions;
    const choice = { filter, qos, noLocal, retainAsPublished, retainHandling: 0, subscriptionId: ids?.[0] ?? 0 };
    return { op: "putSubscription", sessionId: this.session.id, ...choice };
  };

  onUnsubscribe({ packetId, filters }: UnsubscribePacket): void {
    const reasonCodes: number[] = [];
    const ops: SessionOp[] = [];
    for (const filter of filters) {
      const isGone = this.space.unsubscribe(this.session, filter);
      reasonCodes.push(isGone ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted);
      if (isGone) ops.push({ op: "deleteSubscription", sessionId: this.session.id, filter });
    }
    this.onUnsubscribed();
    // Said before it is on disk, the subscription could be back after a crash.
    this.#write(ops, () => this.#putFitting(encodeUnsuback({ packetId, reasonCodes, properties: null }, this.protocolLevel)));
  }

  #putFitting(bytes: Buffer): void {
    putFitting(this.out, bytes, this.#start.maximumPacketSize);
  }

  protected onUnsubscribed(): void {
    // For who remembers what the client listens to.
  }

  /** A packet had more bytes than are read, so that nobody knows what it is. */
  onTooLarge(_packetBytesMax: number): void {
    // For who reports refusals.
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

  /** The client ended the connection in order. */
  isClean = false;

  // ---- what became of the client's messages

  /** Acknowledges a message. `code` is a reason code of PUBACK and PUBREC. */
  protected settle(token: number, code: number, reason: string): void {
    this.#window.settle(token, code, reason);
    this.#window.drain(this.#acknowledge);
    if (!this.#isPaused || this.#window.isFull) return;
    this.#isPaused = false;
    this.out.resumeReading();
  }

  /** The packet id of a QoS 2 message is being written down with what it caused: it stays known whatever becomes of the connection. */
  protected keepId(token: number): void {
    this.#window.keep(token);
  }

  protected qosOf(token: number): number {
    return this.#window.qosOf(token);
  }

  protected packetIdOf(token: number): number {
    return this.#window.packetIdOf(token);
  }

  readonly #acknowledge = (packetId: number, qos: number, code: number, reason: string): void => {
    if (qos === 2) {
      this.#pendingQos2--;
      if (code >= 0x80) this.session.received?.delete(packetId); // The exchange is over (s4.3.3).
    }
    this.#sendAck(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId, this.isV5 ? code : 0, reason);
  };

  #sendAck(type: AckType, packetId: number, reasonCode: number, reason: string): void {
    if (!this.isV5 || (reasonCode === 0 && reason === "")) return this.out.outgoing.ack(type, packetId);
    const properties: Properties | null =
      reason === "" || !this.#start.saysProblems ? null : { reasonString: reason.slice(0, reasonCharactersMax) };
    let bytes = encodeAck(type, { packetId, reasonCode, properties }, this.protocolLevel);
    // [MQTT-3.4.2-2]: no reason string that would make the packet larger than the client takes.
    if (bytes.length > this.#start.maximumPacketSize)
      bytes = encodeAck(type, { packetId, reasonCode, properties: null }, this.protocolLevel);
    this.out.outgoing.put(bytes);
  }

  // ---- SessionChannel: what the client is sent

  get isWritable(): boolean {
    return this.isOpen && this.out.isWritable;
  }

  sendQos0(source: PublishPacket | Message, topic: string, form: number, to: Subscription): void {
    if (!this.isWritable) {
      this.counters.shedDownlink++;
      this.space.counters.qos0Dropped++;
      return;
    }
    const retain = to.retainAsPublished && source.retain;
    this.#sender.send(source, topic, form, { qos: 0, header: publishHeader(0, retain, false), packetId: 0, ids: to.ids });
  }

  sendFlight({ message, qos, retain, wasSent, packetId, ids }: Flight): boolean {
    if (message === null) return false;
    return this.#sender.send(message, message.topic, formOf(message), { qos, header: publishHeader(qos, retain, wasSent), packetId, ids });
  }

  sendPubrel(packetId: number): void {
    this.out.outgoing.ack(PacketType.Pubrel, packetId);
  }

  #replay(replay: Replay): void {
    if (replay.pump(this.session, this.#sendRetained)) return;
    // In place of one that is under way to the same filter: a client that subscribes again and again does not gather them.
    const others = (this.#replays ?? []).filter((one) => one.filter !== replay.filter);
    this.#replays = [...others, replay];
  }

  readonly #sendRetained = (message: Message, ids: readonly number[] | null): void => {
    this.#sendMessage(message, true, ids);
  };

  #sendMessage(message: Message, retain: boolean, ids: readonly number[] | null): boolean {
    const leaving = { qos: 0, header: publishHeader(0, retain, false), packetId: 0, ids } as const;
    return this.#sender.send(message, message.topic, formOf(message), leaving);
  }

  /** Sends with QoS 0. False when it is too large for the client. */
  protected send(message: Message, ids: readonly number[] | null): boolean {
    return this.#sendMessage(message, false, ids);
  }

  #pumpReplays(): void {
    while (this.#replays !== null) {
      const [first] = this.#replays;
      if (first === undefined) this.#replays = null;
      else if (first.pump(this.session, this.#sendRetained)) this.#replays.shift();
      else return;
    }
  }

  /** The client reads again. */
  onWritable(): void {
    this.session.pump();
    this.#pumpReplays();
  }

  onRoom(): void {
    if (this.#replays !== null) this.#pumpReplays();
  }

  // ---- the end

  takeOver(): void {
    this.close(ReasonCode.SessionTakenOver, "takenOver");
  }

  endSession(reasonCode: number, word: string): void {
    this.close(reasonCode, word);
  }

  protected close(reasonCode: number, word: string): void {
    if (!this.isOpen) return;
    this.out.close(reasonCode, word);
  }

  /** The connection is gone: what is still under way has nobody to be told to. */
  onClosed(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    // What is not handled for good is not known: it is to be handled when it comes again [MQTT-4.4.0-1].
    for (const packetId of this.#window.unsettledQos2()) this.session.received?.delete(packetId);
    if (this.session.channel === this) this.session.detach(this.isClean);
  }
}
