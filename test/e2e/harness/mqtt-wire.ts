import { readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import { encodeConnect, encodePublish, ProtocolLevel } from "@mooring/mqtt";
import { until } from "@mooring/testkit";
import type { TestDevice } from "./devices.ts";

/** CONNACK and PUBACK of MQTT 3.1.1 [MQTT-3.2, MQTT-3.4]: nothing else comes to a client that does not subscribe. */
const ackBytes = 4;

/** A TLS connection as a device that sends what it is told, well-formed or not, and writes down what comes back. */
export class MqttWire {
  readonly #socket: TLSSocket;
  /** Told at once of each PUBACK, with how many there are. */
  onAcknowledged: (count: number) => void = () => undefined;
  #received = Buffer.alloc(0);
  #isClosed = false;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      const before = Math.floor(this.#received.length / ackBytes);
      this.#received = Buffer.concat([this.#received, chunk]);
      const after = Math.floor(this.#received.length / ackBytes);
      for (let count = before + 1; count <= after; count += 1) this.onAcknowledged(count);
    });
    // A connection that is reset tells so by closing as well.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#isClosed = true;
    });
  }

  /** Resolves after the TLS handshake; nothing of MQTT has been said. */
  static async open({ platform, certFile, keyFile }: TestDevice): Promise<MqttWire> {
    const { host, port } = platform.mqtts;
    const [ca, cert, key] = [platform.caFile, certFile, keyFile].map((file) => readFileSync(file));
    const socket = connect({ host, port, ca, cert, key, checkServerIdentity: () => undefined });
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    socket.setNoDelay(true);
    return new MqttWire(socket);
  }

  /** Resolves when an MQTT 3.1.1 CONNECT is accepted. */
  static async connect(device: TestDevice, clientId: string): Promise<MqttWire> {
    const wire = await MqttWire.open(device);
    const connectPacket = { protocolLevel: ProtocolLevel.V311, cleanStart: true, keepAliveS: 60, clientId };
    wire.send(encodeConnect({ ...connectPacket, username: null, password: null, will: null, properties: null }));
    await until("CONNACK", () => wire.#received.length >= ackBytes || wire.#isClosed);
    if (wire.#received[0] !== 0x20 || wire.#received[3] !== 0) throw new Error(`not let in: ${wire.#received.toString("hex")}`);
    wire.#received = wire.#received.subarray(ackBytes);
    return wire;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The packet ids acknowledged so far. */
  get acknowledged(): readonly number[] {
    const ids: number[] = [];
    for (let at = 0; at + ackBytes <= this.#received.length; at += ackBytes) {
      if (this.#received.readUInt16BE(at) !== 0x4002) throw new Error(`no PUBACK: ${this.#received.subarray(at).toString("hex")}`);
      ids.push(this.#received.readUInt16BE(at + 2));
    }
    return ids;
  }

  /** QoS 1. */
  publish(packetId: number, topic: string, payload: string): void {
    const message = { topic, payload: Buffer.from(payload), qos: 1, retain: false, dup: false, packetId, properties: null } as const;
    this.send(encodePublish(message, ProtocolLevel.V311));
  }

  send(bytes: Uint8Array): void {
    if (!this.#isClosed) this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }
}
