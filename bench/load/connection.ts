// Hot: one device on one socket. What is to be said within one turn leaves in one write; times are taken once per turn.
import type { Socket } from "node:net";
import {
  ACK_BYTES,
  ClientDecoder,
  type ClientPacketHandler,
  type ConnackPacket,
  encodeConnect,
  encodeSubscribe,
  PacketType,
  ProtocolLevel,
  type PublishPacket,
  type SubscriptionAckPacket,
  writeAck,
} from "@mooring/mqtt";
import type { LoadDevice } from "./plan.ts";
import { Post } from "./post.ts";

const packetIds = 65_535;
const packetBytesMax = 65_536;

/** What a connection tells the whole run. */
export interface LoadSink {
  /** `sentAtMs` on the clock of `performance.now()`. */
  onAcknowledged(sentAtMs: number, nowMs: number): void;
  onLost(reason: string): void;
}

export class LoadConnection implements ClientPacketHandler {
  readonly #socket: Socket;
  readonly #device: LoadDevice;
  readonly #sink: LoadSink;
  readonly #wantsReply: boolean;
  readonly #post: Post;
  readonly #decoder: ClientDecoder;
  /** When each packet id was sent; 0 for not in flight. */
  readonly #sentAtMs = new Float64Array(packetIds + 1);
  readonly #ready = Promise.withResolvers<void>();
  /** Acknowledgements of replies, to leave with the next write. */
  #replyIds: number[] = [];
  #nowMs = 0;
  sent = 0;
  acknowledged = 0;
  replies = 0;
  unexpected = 0;
  /** Whether each acknowledgement is followed by another message: a window that stays full. */
  refills = false;
  #closing = false;

  /** The socket is connected, its handshake done. Call `connect` next. */
  constructor(socket: Socket, device: LoadDevice, wantsReply: boolean, sink: LoadSink) {
    this.#socket = socket;
    this.#device = device;
    this.#sink = sink;
    this.#wantsReply = wantsReply;
    this.#post = new Post(device.topic, wantsReply);
    this.#decoder = new ClientDecoder(this, packetBytesMax, ProtocolLevel.V311);
    socket.setNoDelay(true);
    socket.on("data", this.#onData);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#fail("the connection was closed"));
  }

  get inFlight(): number {
    return this.sent - this.acknowledged;
  }

  /** Signs on, and subscribes where replies are wanted. Rejects when either is refused. */
  connect(): Promise<void> {
    const { clientId, username, password } = this.#device;
    this.#socket.write(
      encodeConnect({
        protocolLevel: ProtocolLevel.V311,
        cleanStart: true,
        keepAliveS: 60,
        clientId,
        username: username === "" ? null : username,
        password: username === "" ? null : Buffer.from(password),
        will: null,
        properties: null,
      }),
    );
    return this.#ready.promise;
  }

  /** Posts `count` messages, and acknowledges the replies that came, in one write. */
  post(count: number, nowMs: number): void {
    const target = Buffer.allocUnsafe(count * this.#post.bytes + this.#replyIds.length * ACK_BYTES);
    let at = 0;
    for (const id of this.#replyIds) at = writeAck(target, at, PacketType.Puback, id);
    this.#replyIds.length = 0;
    for (let i = 0; i < count; i++) {
      const packetId = (this.sent % packetIds) + 1;
      if (this.#sentAtMs[packetId] !== 0) throw new Error("every packet id is in flight");
      this.#sentAtMs[packetId] = nowMs;
      at = this.#post.write(target, at, this.sent, packetId);
      this.sent++;
    }
    this.#socket.write(target);
  }

  /** Closes without a word, as devices do. */
  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#nowMs = performance.now();
    const before = this.acknowledged;
    const code = this.#decoder.push(chunk);
    if (code !== 0) this.#fail(`the server sent malformed bytes (${code})`);
    if (this.#closing) return;
    const freed = this.refills ? this.acknowledged - before : 0;
    if (freed > 0 || this.#replyIds.length > 0) this.post(freed, this.#nowMs);
  };

  onPuback(packetId: number): void {
    const sentAtMs = this.#sentAtMs[packetId] as number;
    if (sentAtMs === 0) {
      this.unexpected++;
      return;
    }
    this.#sentAtMs[packetId] = 0;
    this.acknowledged++;
    this.#sink.onAcknowledged(sentAtMs, this.#nowMs);
  }

  onPublish(packet: PublishPacket): void {
    this.replies++;
    if (packet.qos === 1) this.#replyIds.push(packet.packetId);
  }

  onConnack({ reasonCode }: ConnackPacket): void {
    if (reasonCode !== 0) return this.#fail(`CONNECT was refused (${reasonCode})`);
    if (!this.#wantsReply) return this.#ready.resolve();
    const filter = `${this.#device.topic}_reply`;
    const subscription = { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    this.#socket.write(encodeSubscribe({ packetId: 1, subscriptions: [subscription], properties: null }, ProtocolLevel.V311));
  }

  onSuback({ reasonCodes }: SubscriptionAckPacket): void {
    if (reasonCodes[0] === 1) this.#ready.resolve();
    else this.#fail("SUBSCRIBE was refused");
  }

  onDisconnect(): void {
    this.#fail("the server disconnected");
  }

  onPubrec(): void {
    this.#fail("a packet of QoS 2 came");
  }

  onPubrel(): void {
    this.#fail("a packet of QoS 2 came");
  }

  onPubcomp(): void {
    this.#fail("a packet of QoS 2 came");
  }

  onAuth(): void {
    this.#fail("an AUTH came");
  }

  onUnsuback(): void {
    this.#fail("an UNSUBACK came that nobody asked for");
  }

  onPingresp(): void {
    this.#fail("a PINGRESP came that nobody asked for");
  }

  #fail(reason: string): void {
    if (this.#closing) return;
    this.close();
    const message = `${this.#device.clientId}: ${reason}`;
    this.#ready.reject(new Error(message));
    this.#sink.onLost(message);
  }
}
