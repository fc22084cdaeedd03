import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import type { JsonObject, TopicDialect } from "@mooring/contracts";
import {
  ClientDecoder,
  type ClientPacketHandler,
  encodeConnect,
  encodePuback,
  encodePublish,
  encodeSubscribe,
  ProtocolLevel,
  type PublishPacket,
} from "@mooring/mqtt";
import { type ShadowDoor, until } from "@mooring/testkit";
import { onTestFinished } from "vitest";
import type { TestDevice } from "./devices.ts";

interface Heard {
  readonly topic: string;
  readonly body: JsonObject;
}

const level = ProtocolLevel.V311;
const packetBytesMax = 4 * 1024 * 1024;

/** A device over MQTT 3.1.1 that subscribes, asks and writes down what it hears, all on one connection. */
export class ShadowClient implements ClientPacketHandler {
  readonly heard: Heard[] = [];
  readonly #socket: TLSSocket;
  readonly #decoder = new ClientDecoder(this, packetBytesMax, level);
  #isAccepted = false;
  #granted: readonly number[] | undefined;
  #acknowledged = 0;
  #packetId = 0;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#decoder.push(chunk));
    // What went wrong shows in what is waited for in vain.
    socket.on("error", () => undefined);
  }

  /** Signs on within a test, with which the connection ends. */
  static async open({ platform, certFile, keyFile }: TestDevice): Promise<ShadowClient> {
    const { host, port } = platform.mqtts;
    const [ca, cert, key] = [platform.caFile, certFile, keyFile].map((file) => readFileSync(file));
    const client = new ShadowClient(connect({ host, port, ca, cert, key, checkServerIdentity: () => undefined }));
    onTestFinished(() => void client.#socket.destroy());
    const packet = { protocolLevel: level, cleanStart: true, keepAliveS: 60, clientId: randomUUID() };
    client.#socket.write(encodeConnect({ ...packet, username: null, password: null, will: null, properties: null }));
    await until("CONNACK", () => client.#isAccepted);
    return client;
  }

  async subscribe(filter: string): Promise<void> {
    this.#granted = undefined;
    const subscriptions = [{ filter, qos: 1 as const, noLocal: false, retainAsPublished: false, retainHandling: 0 }];
    this.#socket.write(encodeSubscribe({ packetId: ++this.#packetId, subscriptions, properties: null }, level));
    const granted = await until(`${filter} to be granted`, () => this.#granted);
    if (granted[0] !== 1) throw new Error(`${filter} was not granted: ${granted}`);
  }

  /** QoS 1; resolves with the PUBACK. */
  async publish(topic: string, payload: string): Promise<void> {
    const before = this.#acknowledged;
    const message = { topic, payload: Buffer.from(payload), qos: 1, retain: false, dup: false, properties: null } as const;
    this.#socket.write(encodePublish({ ...message, packetId: ++this.#packetId }, level));
    await until(`the PUBACK of ${topic}`, () => this.#acknowledged > before);
  }

  /** For the table of shadow cases. */
  door(device: TestDevice, dialect: TopicDialect): ShadowDoor {
    return {
      device,
      dialect,
      ask: async ({ topic, payload, accepted, rejected }) => {
        const before = this.heard.length;
        await this.publish(topic, payload);
        const answer = await until(`an answer to ${topic}`, () =>
          this.heard.slice(before).find((heard) => heard.topic === accepted || heard.topic === rejected),
        );
        return { isAccepted: answer.topic === accepted, body: answer.body };
      },
    };
  }

  onConnack({ reasonCode }: { readonly reasonCode: number }): void {
    this.#isAccepted = reasonCode === 0;
  }
  onPublish({ topic, payload, qos, packetId }: PublishPacket): void {
    this.heard.push({ topic, body: JSON.parse(payload.toString()) as JsonObject });
    if (qos === 1) this.#socket.write(encodePuback({ packetId, reasonCode: 0, properties: null }, level));
  }
  onPuback(): void {
    this.#acknowledged++;
  }
  onSuback({ reasonCodes }: { readonly reasonCodes: readonly number[] }): void {
    this.#granted = reasonCodes;
  }
  onUnsuback(): void {
    throw unasked("Unsuback");
  }
  onPingresp(): void {
    throw unasked("Pingresp");
  }
  onPubrec(): void {
    throw unasked("Pubrec");
  }
  onPubrel(): void {
    throw unasked("Pubrel");
  }
  onPubcomp(): void {
    throw unasked("Pubcomp");
  }
  onDisconnect(): void {
    this.#isAccepted = false;
  }
  onAuth(): void {
    throw unasked("Auth");
  }
}

function unasked(packet: string): Error {
  return new Error(`${packet} was not asked for`);
}
