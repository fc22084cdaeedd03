import {
  type AckPacket,
  ClientDecoder,
  type ClientPacketHandler,
  type ConnackPacket,
  type ConnectPacket,
  type Properties,
  type ProtocolLevel,
  type PublishMessage,
  type PublishPacket,
  REMAINING_LENGTH_MAX,
  type ReasonPacket,
  type SubscriptionAckPacket,
} from "@mooring/mqtt";

interface Packets {
  connack: ConnackPacket;
  /** `topic` is the one its alias stands for; `text` is the payload. */
  publish: PublishMessage & { readonly text: string };
  puback: AckPacket;
  pubrec: AckPacket;
  pubrel: AckPacket;
  pubcomp: AckPacket;
  suback: SubscriptionAckPacket;
  unsuback: SubscriptionAckPacket;
  pingresp: object;
  disconnect: ReasonPacket;
  auth: ReasonPacket;
}
export type PacketName = keyof Packets;
/** A packet from the broker, with its bytes. */
export type Received<K extends PacketName = PacketName> = { [P in K]: Packets[P] & { readonly type: P; readonly raw: Buffer } }[K];

/** Long enough for a machine with much else to do; what conforms answers in milliseconds. */
const waitMsMax = 6_000;
const packetBytesMax = 1 << 20;

/** What one client was sent, in order. It also watches what must hold for every packet; `fault` is the first rule that was broken. */
export class Inbox implements ClientPacketHandler {
  readonly #level: ProtocolLevel;
  readonly #decoder: ClientDecoder;
  readonly #queue: Received[] = [];
  readonly #aliases = new Map<number, string>();
  readonly #unacknowledged = new Set<number>();
  /** Messages to other topics are dropped: for subscriptions that reach beyond a test. */
  topicsOnly: (topic: string) => boolean = () => true;
  fault: string | undefined;
  isClosed = false;
  #connect: ConnectPacket | undefined;
  #wasDisconnected = false;
  #bytes = Buffer.alloc(0);
  #frame = Buffer.alloc(0);
  readonly #waiters = new Set<() => void>();

  constructor(level: ProtocolLevel) {
    this.#level = level;
    this.#decoder = new ClientDecoder(this, packetBytesMax, level);
  }

  /** What the client asked for in CONNECT holds for all that follows. */
  holdTo(connect: ConnectPacket): void {
    this.#connect = connect;
  }

  /** The client has acknowledged this packet id for good. */
  acknowledged(packetId: number): void {
    this.#unacknowledged.delete(packetId);
  }

  onBytes(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (let size = frameSize(this.#bytes); size > 0; size = frameSize(this.#bytes)) {
      this.#frame = this.#bytes.subarray(0, size);
      this.#bytes = this.#bytes.subarray(size);
      if (this.#wasDisconnected) this.#fail("sent after DISCONNECT [MQTT-3.14.4-1]");
      const code = this.#decoder.push(this.#frame);
      if (code !== 0) this.#fail(`not well-formed (0x${code.toString(16)})`);
    }
    this.#wake();
  }

  onClosed(): void {
    this.isClosed = true;
    this.#wake();
  }

  /** The next packet, whichever it is. */
  async next(): Promise<Received> {
    await this.#until("a packet", () => this.#queue.length > 0);
    return this.#queue.shift() as Received;
  }

  /** The first packet of a kind. What came before it stays. */
  async take<K extends PacketName>(type: K): Promise<Received<K>> {
    const find = (): number => this.#queue.findIndex((packet) => packet.type === type);
    await this.#until(type.toUpperCase(), () => find() >= 0);
    return this.#queue.splice(find(), 1)[0] as Received<K>;
  }

  /** Resolves when the broker has closed the connection, with what is left to be read. */
  async closed(ms = waitMsMax): Promise<Received[]> {
    await this.#until("the connection to be closed", () => this.isClosed, { mayBeClosed: true, ms });
    return this.#queue.splice(0);
  }

  /** Whether the broker closes the connection within this time. */
  async closesWithin(ms: number): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (!this.isClosed && Date.now() < deadline) await this.#change(deadline - Date.now());
    return this.isClosed;
  }

  /** Takes no notice of messages to a topic, whether they are there or to come. */
  ignore(topic: string): void {
    const others = this.topicsOnly;
    this.topicsOnly = (name) => name !== topic && others(name);
    const left = this.#queue.filter((packet) => packet.type !== "publish" || packet.topic !== topic);
    this.#queue.splice(0, this.#queue.length, ...left);
  }

  /** What has arrived and was not taken. */
  get waiting(): readonly Received[] {
    return this.#queue;
  }

  /** What has arrived and was not taken, one line each. */
  describe(): string {
    const lines = this.#queue.map(({ type, raw }) => `${type} ${raw.subarray(0, 60).toString("hex")}`);
    return lines.length === 0 ? "nothing" : lines.join(", ");
  }

  async #until(what: string, isThere: () => boolean, { mayBeClosed = false, ms = waitMsMax } = {}): Promise<void> {
    const deadline = Date.now() + ms;
    for (;;) {
      if (this.fault !== undefined) throw new Error(this.fault);
      if (isThere()) return;
      if (this.isClosed && !mayBeClosed)
        throw new Error(`waited for ${what}, but the broker closed the connection after ${this.describe()}`);
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw new Error(`waited ${ms} ms in vain for ${what}; there is ${this.describe()}`);
      await this.#change(leftMs);
    }
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#waiters.add(wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  #fail(why: string): void {
    this.fault ??= `the broker sent ${this.#frame.subarray(0, 80).toString("hex")}, which is ${why}`;
  }

  #hear<K extends PacketName>(type: K, packet: Packets[K], properties: Properties | null): void {
    const asked = this.#connect?.properties;
    // 0 is no size, and what refuses it has one.
    const bytesMax = asked?.maximumPacketSize || REMAINING_LENGTH_MAX;
    if (this.#frame.length > bytesMax) this.#fail(`larger than the ${bytesMax} bytes the client takes`);
    const explains = properties?.reasonString !== undefined || properties?.userProperties !== undefined;
    const mayExplain = type === "publish" || type === "connack" || type === "disconnect";
    if (asked?.requestProblemInformation === false && explains && !mayExplain) this.#fail("an explanation nobody wanted [MQTT-3.1.2-29]");
    this.#queue.push({ type, raw: this.#frame, ...packet } as unknown as Received);
  }

  onConnack(packet: ConnackPacket): void {
    this.#hear("connack", packet, packet.properties);
  }

  onPublish(packet: PublishPacket): void {
    const { qos, retain, dup, packetId, properties } = packet;
    const topic = this.#resolve(packet);
    if (!this.topicsOnly(topic)) return;
    if (qos > 0) this.#unacknowledged.add(packetId);
    const window = this.#connect?.properties?.receiveMaximum ?? 65_535;
    if (this.#level === 5 && this.#unacknowledged.size > window) this.#fail(`beyond the Receive Maximum of ${window} [MQTT-3.3.4-9]`);
    const payload = packet.copyPayload();
    this.#hear("publish", { topic, payload, text: payload.toString(), qos, retain, dup, packetId, properties }, properties);
  }

  #resolve({ topic, properties }: PublishPacket): string {
    const alias = properties?.topicAlias;
    if (alias === undefined) return topic;
    const max = this.#connect?.properties?.topicAliasMaximum ?? 0;
    if (alias > max) this.#fail(`a topic alias above ${max} [MQTT-3.1.2-26]`);
    if (topic !== "") this.#aliases.set(alias, topic);
    const known = this.#aliases.get(alias);
    if (known === undefined) this.#fail("a topic alias that was never explained");
    return known ?? "";
  }

  onPuback(packetId: number, reasonCode: number, properties: Properties | null): void {
    this.#hear("puback", { packetId, reasonCode, properties }, properties);
  }
  onPubrec(packetId: number, reasonCode: number, properties: Properties | null): void {
    this.#hear("pubrec", { packetId, reasonCode, properties }, properties);
  }
  onPubrel(packetId: number, reasonCode: number, properties: Properties | null): void {
    this.#hear("pubrel", { packetId, reasonCode, properties }, properties);
  }
  onPubcomp(packetId: number, reasonCode: number, properties: Properties | null): void {
    this.#hear("pubcomp", { packetId, reasonCode, properties }, properties);
  }
  onSuback(packet: SubscriptionAckPacket): void {
    this.#hear("suback", packet, packet.properties);
  }
  onUnsuback(packet: SubscriptionAckPacket): void {
    this.#hear("unsuback", packet, packet.properties);
  }
  onPingresp(): void {
    this.#hear("pingresp", {}, null);
  }
  onDisconnect(packet: ReasonPacket): void {
    this.#hear("disconnect", packet, packet.properties);
    this.#wasDisconnected = true;
  }
  onAuth(packet: ReasonPacket): void {
    this.#hear("auth", packet, packet.properties);
  }
}

/** Bytes of the packet that begins the buffer; 0 while it is not whole. */
function frameSize(bytes: Buffer): number {
  let remaining = 0;
  for (let count = 1; count <= 4 && count < bytes.length; count++) {
    const byte = bytes[count] as number;
    remaining |= (byte & 127) << (7 * (count - 1));
    if (byte > 127) continue;
    const size = 1 + count + remaining;
    return size <= bytes.length ? size : 0;
  }
  return 0;
}
