import {
  type AckPacket,
  type ConnectPacket,
  encodeAuth,
  encodeConnect,
  encodeDisconnect,
  encodePingreq,
  encodePuback,
  encodePubcomp,
  encodePublish,
  encodePubrec,
  encodePubrel,
  encodeSubscribe,
  encodeUnsubscribe,
  type Properties,
  type ProtocolLevel,
  type PublishMessage,
  type Qos,
  type SubscriptionRequest,
} from "@mooring/mqtt";
import { bytesOf } from "./bytes.ts";
import { Inbox, type PacketName, type Received } from "./inbox.ts";
import type { Wire } from "./wire.ts";

export type ConnectOptions = Partial<Omit<ConnectPacket, "protocolLevel">>;
export type PublishOptions = Partial<Omit<PublishMessage, "topic" | "payload">>;
/** A filter alone is at QoS 0. */
export type Subscription = string | ({ readonly filter: string } & Partial<SubscriptionRequest>);
export type Connack = Received<"connack">;

/** A broker closes at once what it means to close, but another process may have the processor. */
const probeAfterMs = 1_500;

/** The raw client of this suite: it says what a test tells it, right or wrong, and judges what comes back. */
export class Client {
  readonly level: ProtocolLevel;
  readonly inbox: Inbox;
  clientId = "";
  #wire: Wire | undefined;
  #lastPacketId = 0;
  #lastSent = "";

  constructor(level: ProtocolLevel) {
    this.level = level;
    this.inbox = new Inbox(level);
  }

  attach(wire: Wire): this {
    this.#wire = wire;
    return this;
  }

  /** Bytes as they are, or as a line such as `c0 00` (see `bytesOf`). */
  send(bytes: Uint8Array | string): void {
    const packet = typeof bytes === "string" ? bytesOf(bytes) : bytes;
    this.#lastSent = Buffer.from(packet).subarray(0, 60).toString("hex");
    this.#wire?.send(packet);
  }

  /** Packet ids of this client's own: 1, 2, 3. */
  packetId(): number {
    this.#lastPacketId += 1;
    return this.#lastPacketId;
  }

  sendConnect(options: ConnectOptions): void {
    const packet = { cleanStart: true, keepAliveS: 0, clientId: "", username: null, password: null, will: null, properties: null };
    const connect = { ...packet, ...options, protocolLevel: this.level };
    this.clientId = connect.clientId;
    this.inbox.holdTo(connect);
    this.send(encodeConnect(connect));
  }

  /** CONNECT, and the CONNACK that lets it in. */
  async connect(options: ConnectOptions): Promise<Connack> {
    this.sendConnect(options);
    const connack = await this.next("connack");
    if (connack.reasonCode !== 0) throw new Error(`not let in: 0x${connack.reasonCode.toString(16)}`);
    return connack;
  }

  /** The next packet, which must be of this kind. */
  async next<K extends PacketName>(type: K): Promise<Received<K>> {
    const packet = await this.inbox.next();
    if (packet.type !== type)
      throw new Error(`expected ${type}, not ${packet.type} ${packet.raw.toString("hex")}; then ${this.inbox.describe()}`);
    return packet as Received<K>;
  }

  /** The first packet of this kind, whatever else has arrived. */
  take<K extends PacketName>(type: K): Promise<Received<K>> {
    return this.inbox.take(type);
  }

  async subscribe(...subscriptions: Subscription[]): Promise<Received<"suback">> {
    return this.subscribeWith(null, ...subscriptions);
  }

  async subscribeWith(properties: Properties | null, ...subscriptions: Subscription[]): Promise<Received<"suback">> {
    const requests = subscriptions.map((subscription) => {
      const options = typeof subscription === "string" ? { filter: subscription } : subscription;
      return { qos: 0 as Qos, noLocal: false, retainAsPublished: false, retainHandling: 0, ...options };
    });
    this.send(encodeSubscribe({ packetId: this.packetId(), subscriptions: requests, properties }, this.level));
    return this.take("suback");
  }

  async unsubscribe(...filters: string[]): Promise<Received<"unsuback">> {
    this.send(encodeUnsubscribe({ packetId: this.packetId(), filters, properties: null }, this.level));
    return this.take("unsuback");
  }

  /** PUBLISH and nothing else. Returns its packet id, 0 with QoS 0. */
  sendPublish(topic: string, payload: string | Uint8Array, options: PublishOptions = {}): number {
    const packetId = options.packetId ?? (options.qos ? this.packetId() : 0);
    const message = {
      topic,
      payload: Buffer.from(payload),
      qos: 0 as Qos,
      retain: false,
      dup: false,
      properties: null,
      ...options,
      packetId,
    };
    this.send(encodePublish(message, this.level));
    return packetId;
  }

  /** PUBLISH and all that belongs to its QoS. Resolves with the reason code that ended it. */
  async publish(topic: string, payload: string | Uint8Array, options: PublishOptions = {}): Promise<number> {
    const packetId = this.sendPublish(topic, payload, options);
    if (packetId === 0) return 0;
    const acknowledgement = await this.take(options.qos === 2 ? "pubrec" : "puback");
    if (acknowledgement.packetId !== packetId) throw new Error(`packet id ${packetId} was acknowledged as ${acknowledgement.packetId}`);
    if (options.qos !== 2 || acknowledgement.reasonCode >= 0x80) return acknowledgement.reasonCode;
    this.pubrel(packetId);
    const completed = await this.take("pubcomp");
    if (completed.packetId !== packetId) throw new Error(`packet id ${packetId} was completed as ${completed.packetId}`);
    return completed.reasonCode;
  }

  puback(packetId: number, reasonCode = 0): void {
    this.inbox.acknowledged(packetId);
    this.send(encodePuback(ack(packetId, reasonCode), this.level));
  }
  pubrec(packetId: number, reasonCode = 0): void {
    if (reasonCode >= 0x80) this.inbox.acknowledged(packetId);
    this.send(encodePubrec(ack(packetId, reasonCode), this.level));
  }
  pubrel(packetId: number): void {
    this.send(encodePubrel(ack(packetId, 0), this.level));
  }
  pubcomp(packetId: number): void {
    this.inbox.acknowledged(packetId);
    this.send(encodePubcomp(ack(packetId, 0), this.level));
  }

  /** The next packet, which must be a message, received as its QoS demands. */
  async receive(): Promise<Received<"publish">> {
    const message = await this.next("publish");
    await this.complete(message);
    return message;
  }

  /** Acknowledges a message to the end. */
  async complete({ qos, packetId }: PublishMessage): Promise<void> {
    if (qos === 1) this.puback(packetId);
    if (qos !== 2) return;
    this.pubrec(packetId);
    const released = await this.take("pubrel");
    if (released.packetId !== packetId) throw new Error(`packet id ${packetId} was released as ${released.packetId}`);
    this.pubcomp(packetId);
  }

  /** Resolves when the broker has answered a PINGREQ: it has read all that was sent before. */
  async ping(): Promise<void> {
    this.send(encodePingreq());
    await this.take("pingresp");
  }

  /** Nothing is there, and a PINGREQ is answered before anything else comes. */
  async expectNothing(): Promise<void> {
    this.send(encodePingreq());
    await this.next("pingresp");
    if (this.inbox.waiting.length > 0) throw new Error(`expected nothing, not ${this.inbox.describe()}`);
  }

  sendDisconnect(reasonCode = 0, properties: Properties | null = null): void {
    this.send(encodeDisconnect({ reasonCode, properties }, this.level));
  }

  /** DISCONNECT; resolves when the broker has closed the connection. */
  async disconnect(reasonCode = 0, properties: Properties | null = null): Promise<void> {
    this.sendDisconnect(reasonCode, properties);
    await this.inbox.closed();
  }

  sendAuth(reasonCode: number, properties: Properties | null): void {
    this.send(encodeAuth({ reasonCode, properties }));
  }

  /** Resolves when the broker has closed the connection, with what it said before; nothing but a DISCONNECT or CONNACK may be there. */
  async closed(): Promise<Received<"disconnect" | "connack"> | undefined> {
    if (!(await this.inbox.closesWithin(probeAfterMs))) {
      const sent = this.#lastSent;
      // Who answers this has no mind to close; else there is more to wait for.
      this.send(encodePingreq());
      await Promise.race([this.inbox.closed(), this.#failOnPingresp(sent)]);
    }
    const rest = await this.inbox.closed();
    const [last] = rest;
    if (rest.length > 1 || (last !== undefined && last.type !== "disconnect" && last.type !== "connack")) {
      throw new Error(`closed, but not without ${rest.map(({ type }) => type).join(", ")}`);
    }
    return last as Received<"disconnect" | "connack"> | undefined;
  }

  async #failOnPingresp(sent: string): Promise<void> {
    await this.take("pingresp");
    throw new Error(`the connection was not closed after ${sent}; there is ${this.inbox.describe()}`);
  }

  /** As `closed`; a reason code, if the broker gave one, is one of these. */
  async closedFor(...reasonCodes: number[]): Promise<void> {
    const last = await this.closed();
    if (last === undefined || this.level !== 5 || reasonCodes.includes(last.reasonCode)) return;
    throw new Error(
      `closed with ${last.type} 0x${last.reasonCode.toString(16)}, not 0x${reasonCodes.map((code) => code.toString(16)).join(" or 0x")}`,
    );
  }

  /** The network fails; resolves when our side is closed. */
  async drop(): Promise<void> {
    this.#wire?.drop();
    await this.inbox.closed();
  }

  /** For the end of a test. */
  dispose(): void {
    this.#wire?.drop();
  }
}

function ack(packetId: number, reasonCode: number): AckPacket {
  return { packetId, reasonCode, properties: null };
}
