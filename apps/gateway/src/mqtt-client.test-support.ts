// A device over MQTT for tests: our codec's client side on a real socket.
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import {
  ClientDecoder,
  type ClientPacketHandler,
  type ConnackPacket,
  type ConnectPacket,
  encodeAuth,
  encodeConnect,
  encodePublish,
  encodeSubscribe,
  type Properties,
  ProtocolLevel,
  type PublishPacket,
  type Qos,
  type ReasonPacket,
  type SubscriptionAckPacket,
} from "@mooring/mqtt";
import { expect } from "vitest";
import type { TestCredential } from "./harness.test-support.ts";

export interface Received {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly packetId: number;
}

export class MqttClient implements ClientPacketHandler {
  readonly socket: Socket;
  readonly level: ProtocolLevel;
  readonly messages: Received[] = [];
  readonly pubacks: { readonly packetId: number; readonly reasonCode: number; readonly reason: string | undefined }[] = [];
  connack: ConnackPacket | undefined;
  suback: SubscriptionAckPacket | undefined;
  unsuback: SubscriptionAckPacket | undefined;
  disconnect: ReasonPacket | undefined;
  readonly auths: ReasonPacket[] = [];
  pongs = 0;
  pubcomps = 0;
  isClosed = false;
  readonly #decoder: ClientDecoder;
  #nextId = 1;

  constructor(socket: Socket, level: ProtocolLevel) {
    this.socket = socket;
    this.level = level;
    this.#decoder = new ClientDecoder(this, 1_000_000, level);
    socket.on("data", (chunk: Buffer) => expect(this.#decoder.push(chunk)).toBe(0));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.isClosed = true;
    });
  }

  /** Sends CONNECT and waits for its CONNACK, or for the end, or for what it is asked. */
  async signOn(packet: Partial<ConnectPacket> = {}): Promise<this> {
    const connect: ConnectPacket = {
      protocolLevel: this.level,
      cleanStart: true,
      keepAliveS: 60,
      clientId: "c1",
      username: null,
      password: null,
      will: null,
      properties: null,
      ...packet,
    };
    this.socket.write(encodeConnect(connect));
    await expect.poll(() => this.connack !== undefined || this.isClosed || this.auths.length > 0).toBe(true);
    return this;
  }

  /** Returns the packet id (0 with QoS 0) without waiting for anything. */
  publish(
    topic: string,
    payload: string | object,
    qos: Qos = 1,
    extra: { readonly retain?: boolean; readonly properties?: Properties } = {},
  ): number {
    const packetId = qos === 0 ? 0 : this.#nextId++;
    const text = typeof payload === "string" ? payload : JSON.stringify(payload);
    const message = {
      topic,
      payload: Buffer.from(text),
      qos,
      retain: extra.retain ?? false,
      dup: false,
      packetId,
      properties: extra.properties ?? null,
    };
    this.socket.write(encodePublish(message, this.level));
    return packetId;
  }

  async subscribe(...filters: readonly string[]): Promise<readonly number[]> {
    this.suback = undefined;
    const subscriptions = filters.map((filter) => ({ filter, qos: 1 as Qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }));
    this.socket.write(encodeSubscribe({ packetId: this.#nextId++, subscriptions, properties: null }, this.level));
    await expect.poll(() => this.suback).toBeDefined();
    return (this.suback as unknown as SubscriptionAckPacket).reasonCodes;
  }

  /** Waits for a PUBACK of this packet id; returns its reason code. */
  async acknowledged(packetId: number): Promise<number> {
    await expect.poll(() => this.pubacks.some((ack) => ack.packetId === packetId)).toBe(true);
    return this.pubacks.find((ack) => ack.packetId === packetId)?.reasonCode ?? -1;
  }

  /** Sends AUTH and waits for what comes back. */
  async auth(reasonCode: number, properties: Properties): Promise<void> {
    const before = this.auths.length;
    this.socket.write(encodeAuth({ reasonCode, properties }));
    const isAnswered = (): boolean => this.isClosed || this.auths.length > before || this.connack !== undefined;
    await expect.poll(isAnswered).toBe(true);
  }

  async closed(): Promise<number | undefined> {
    await expect.poll(() => this.isClosed).toBe(true);
    return this.disconnect?.reasonCode;
  }

  async message(matches: (message: Received) => boolean): Promise<Received> {
    await expect.poll(() => this.messages.some(matches)).toBe(true);
    return this.messages.find(matches) as Received;
  }

  end(): void {
    this.socket.destroy();
  }

  onConnack(packet: ConnackPacket): void {
    this.connack = packet;
  }
  onPublish(packet: PublishPacket): void {
    this.messages.push({ topic: packet.topic, payload: packet.payload.toString(), qos: packet.qos, packetId: packet.packetId });
  }
  onPuback(packetId: number, reasonCode: number, properties: { reasonString?: string | undefined } | null): void {
    this.pubacks.push({ packetId, reasonCode, reason: properties?.reasonString });
  }
  onPubrec(): void {
    throw new Error("no PUBREC was asked for");
  }
  onPubrel(): void {
    throw new Error("no PUBREL was asked for");
  }
  onPubcomp(): void {
    this.pubcomps++;
  }
  onSuback(packet: SubscriptionAckPacket): void {
    this.suback = packet;
  }
  onUnsuback(packet: SubscriptionAckPacket): void {
    this.unsuback = packet;
  }
  onPingresp(): void {
    this.pongs++;
  }
  onDisconnect(packet: ReasonPacket): void {
    this.disconnect = packet;
  }
  onAuth(packet: ReasonPacket): void {
    this.auths.push(packet);
  }
}

/** Opens a connection over TLS, with the device's certificate if there is one, and does not sign on yet. */
export function openTls(
  address: string | undefined,
  ca: string,
  credential?: TestCredential,
  level: ProtocolLevel = ProtocolLevel.V5,
): MqttClient {
  const { host, port } = addressOf(address);
  const own = credential === undefined ? {} : { cert: credential.certificatePem, key: credential.keyPem };
  return new MqttClient(connectTls({ host, port, ca, ...own }), level);
}

export function openTcp(address: string | undefined, level: ProtocolLevel = ProtocolLevel.V5): MqttClient {
  return new MqttClient(connectTcp(addressOf(address)), level);
}

function addressOf(address = ""): { host: string; port: number } {
  const [host = "", port] = address.split(":");
  return { host, port: Number(port) };
}
