// A well-behaved MQTT client with a session state of its own: what it sent and was not acknowledged, what it received and has not released.
import {
  ClientDecoder,
  type ClientPacketHandler,
  encodeConnect,
  encodeDisconnect,
  encodePuback,
  encodePubcomp,
  encodePublish,
  encodePubrec,
  encodePubrel,
  encodeSubscribe,
  encodeUnsubscribe,
  ProtocolLevel,
  type PublishPacket,
  type SubscriptionRequest,
} from "@mooring/mqtt";
import { Flights } from "./model-flights.test-support.ts";
import type { Judge, OwnMessage } from "./model-judge.test-support.ts";
import type { Link, Wire } from "./model-node.test-support.ts";
import type { Step } from "./model-steps.test-support.ts";

interface Sent extends OwnMessage {
  readonly packetId: number;
  isReleased: boolean;
}

/** Of SUBSCRIBE and UNSUBSCRIBE; those of messages are below, and low, so that they come again soon. */
const firstRequestId = 1_000;
const success = { reasonCode: 0, properties: null } as const;

export class ModelClient implements Wire {
  readonly name: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly level: ProtocolLevel;
  readonly #judge: Judge;
  link: Link | undefined;
  /** CONNACK has come. */
  isOpen = false;
  answersLater = false;
  /** Its session is new or over, and a crash may still bring back the old one: then it says so again [MQTT-3.2.2-4]. */
  #isAnew = false;
  #decoder: ClientDecoder | undefined;
  #isReading = false;
  #out: Buffer[] = [];
  readonly #sent = new Map<number, Sent>();
  #waiting: OwnMessage[] = [];
  /** QoS 2 ids and what they stand for, until PUBREL. */
  readonly #received = new Map<number, string>();
  /** QoS 1 ids without PUBACK. */
  readonly #unacknowledged = new Map<number, string>();
  #flights = new Flights(65_535);
  #answers: { readonly bytes: Buffer; readonly lands: number }[] = [];
  #quota = 65_535;
  #nextRequestId = firstRequestId;

  constructor(
    who: { readonly name: string; readonly tenantId: string; readonly clientId: string; readonly level: ProtocolLevel },
    judge: Judge,
  ) {
    this.name = who.name;
    this.tenantId = who.tenantId;
    this.clientId = who.clientId;
    this.level = who.level;
    this.#judge = judge;
  }

  get isV5(): boolean {
    return this.level === ProtocolLevel.V5;
  }

  // ---- what it does

  connect(link: Link, choice: Extract<Step, { do: "connect" }>, willPayload: string): void {
    const { expiryS, receiveMaximum, will } = choice;
    const clean = choice.clean || this.#isAnew;
    this.onGone();
    this.link = link;
    if (clean) {
      this.#isAnew = true;
      this.#forget();
    }
    this.#flights = new Flights(this.isV5 ? receiveMaximum : 65_535);
    this.#decoder = new ClientDecoder(this.#handler(link), 100_000, this.level);
    const properties = this.isV5 ? { sessionExpiryIntervalS: expiryS, receiveMaximum } : null;
    const { level: protocolLevel, clientId } = this;
    const payload = Buffer.from(willPayload);
    const willProperties = this.isV5 ? { willDelayIntervalS: will?.delayS ?? 0 } : null;
    this.#say(
      encodeConnect({
        ...{ protocolLevel, clientId, cleanStart: clean, keepAliveS: 0, username: null, password: null, properties },
        will: will === null ? null : { topic: will.topic, qos: will.qos, retain: will.retain, payload, properties: willProperties },
      }),
    );
  }

  disconnect(withWill: boolean, expiryS: number | undefined): void {
    const properties = expiryS === undefined || !this.isV5 ? null : { sessionExpiryIntervalS: expiryS };
    if (properties?.sessionExpiryIntervalS === 0) this.#isAnew = true;
    this.#say(encodeDisconnect({ reasonCode: withWill && this.isV5 ? 4 : 0, properties }, this.level));
  }

  publish(message: OwnMessage): void {
    if (message.qos === 0) return this.#say(this.#encode({ ...message, packetId: 0, isReleased: false }, false));
    this.#waiting.push(message);
    this.#sendWaiting();
  }

  subscribe(request: SubscriptionRequest): void {
    this.#say(encodeSubscribe({ packetId: this.#nextRequestId++, subscriptions: [request], properties: null }, this.level));
  }

  unsubscribe(filter: string): void {
    this.#say(encodeUnsubscribe({ packetId: this.#nextRequestId++, filters: [filter], properties: null }, this.level));
  }

  /** Sends the acknowledgements that it kept back, oldest first. */
  answer(count: number): void {
    for (const { bytes, lands } of this.#answers.splice(0, count)) {
      this.#flights.land(lands);
      this.#unacknowledged.delete(lands);
      this.#say(bytes);
    }
  }

  /** What the broker did for it outlives the process. */
  onAllCommitted(): void {
    this.#isAnew = false;
  }

  get isIdle(): boolean {
    return this.#answers.length === 0 && this.#sent.size === 0 && this.#waiting.length === 0 && this.#received.size === 0;
  }

  onGone(link: Link | undefined = this.link): void {
    if (link !== this.link) return;
    this.link = undefined;
    this.isOpen = false;
    this.#answers = [];
    this.#waiting = [];
    this.#out = [];
    this.#unacknowledged.clear();
  }

  // ---- its own messages

  #sendWaiting(): void {
    while (this.#waiting.length > 0 && this.#sent.size < this.#quota) {
      const message = this.#waiting.shift() as OwnMessage;
      let packetId = 1;
      while (this.#sent.has(packetId)) packetId++;
      const sent = { ...message, packetId, isReleased: false };
      this.#sent.set(packetId, sent);
      this.#say(this.#encode(sent, false));
    }
  }

  #encode({ topic, payload, qos, retain, expiryS, packetId }: Sent, dup: boolean): Buffer {
    const properties = this.isV5 && expiryS !== undefined ? { messageExpiryIntervalS: expiryS } : null;
    return encodePublish({ topic, payload: Buffer.from(payload), qos, retain, dup, packetId, properties }, this.level);
  }

  #resend(): void {
    for (const sent of this.#sent.values()) {
      if (sent.isReleased) this.#say(encodePubrel({ packetId: sent.packetId, ...success }, this.level));
      else this.#say(this.#encode(sent, true));
    }
  }

  #forget(): void {
    this.#sent.clear();
    this.#received.clear();
    this.#unacknowledged.clear();
  }

  // ---- what it hears

  onBytes(link: Link, bytes: Buffer): void {
    if (link !== this.link) return;
    this.#isReading = true;
    const reasonCode = this.#decoder?.push(bytes) ?? 0;
    this.#isReading = false;
    if (reasonCode !== 0) this.#judge.fail(`${this.name} cannot decode what it is sent: ${reasonCode}`);
    this.#flush();
  }

  #say(bytes: Buffer): void {
    this.#out.push(bytes);
    if (!this.#isReading) this.#flush();
  }

  #flush(): void {
    for (let next = this.#out.shift(); next !== undefined; next = this.#out.shift()) this.link?.say(next);
  }

  #handler(link: Link): ClientPacketHandler {
    const judge = this.#judge;
    return {
      onConnack: ({ sessionPresent, properties }) => {
        this.isOpen = true;
        this.#quota = properties?.receiveMaximum ?? 65_535;
        judge.onConnack(this, sessionPresent);
        if (!sessionPresent) {
          this.#isAnew = true;
          this.#forget();
        }
        this.#resend();
      },
      onPublish: (packet) => this.#onPublish(packet, link),
      onPuback: (packetId) => {
        if (this.#sent.get(packetId)?.qos !== 1)
          return judge.fail(`${this.name} was sent a PUBACK for ${packetId}, which it did not publish`);
        judge.onAcknowledged(this, "publish", packetId);
        this.#sent.delete(packetId);
        this.#sendWaiting();
      },
      onPubrec: (packetId, code) => {
        const sent = this.#sent.get(packetId);
        if (sent?.qos !== 2) return judge.fail(`${this.name} was sent a PUBREC for ${packetId}, which it did not publish`);
        if (code >= 0x80) judge.fail(`${this.name} was refused a message: ${code}`);
        judge.onAcknowledged(this, "publish", packetId);
        sent.isReleased = true;
        this.#say(encodePubrel({ packetId, ...success }, this.level));
      },
      onPubrel: (packetId) => {
        this.#received.delete(packetId);
        this.#answer(encodePubcomp({ packetId, ...success }, this.level), packetId);
      },
      onPubcomp: (packetId) => {
        judge.onAcknowledged(this, "pubrel", packetId);
        this.#sent.delete(packetId);
        this.#sendWaiting();
      },
      onSuback: ({ packetId, reasonCodes }) => {
        if (reasonCodes.some((code) => code >= 0x80)) judge.fail(`${this.name} was refused a subscription`);
        judge.onAcknowledged(this, "subscribe", packetId);
      },
      onUnsuback: ({ packetId }) => judge.onAcknowledged(this, "unsubscribe", packetId),
      onPingresp: () => undefined,
      onDisconnect: () => undefined,
      onAuth: () => judge.fail("nobody asked for AUTH"),
    };
  }

  #onPublish(packet: PublishPacket, link: Link): void {
    const { packetId, qos, topic, retain, dup } = packet;
    const payload = packet.payload.toString();
    const delivery = { payload, topic, qos, retain, dup, expiryS: packet.properties?.messageExpiryIntervalS, isLate: link.isLate };
    if (qos === 0) return this.#judge.onDelivery(this, delivery);
    const held = this.#received.get(packetId) ?? this.#unacknowledged.get(packetId);
    if (held !== undefined && (held !== payload || !dup)) {
      this.#judge.fail(`${this.name} holds packet id ${packetId} for ${held}, and it came ${dup ? "again" : "anew"} for ${payload}`);
    }
    const wrong = this.#flights.take(packetId, dup, !link.isPaused && !this.#judge.isExpiring);
    if (wrong !== "") this.#judge.fail(`${this.name} ${wrong}`);
    const own = { packetId, ...success };
    if (qos === 1) {
      this.#judge.onDelivery(this, delivery);
      this.#unacknowledged.set(packetId, payload);
      this.#answer(encodePuback(own, this.level), packetId);
      return;
    }
    if (!this.#received.has(packetId)) this.#judge.onDelivery(this, delivery);
    this.#received.set(packetId, payload);
    this.#answer(encodePubrec(own, this.level), 0);
  }

  /** `lands`: the packet id that is free with it; 0 for none. */
  #answer(bytes: Buffer, lands: number): void {
    this.#answers.push({ bytes, lands });
    if (!this.answersLater) this.answer(this.#answers.length);
  }
}
