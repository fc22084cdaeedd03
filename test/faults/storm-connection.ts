import { readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import type { JsonObject } from "@mooring/contracts";
import {
  ClientDecoder,
  type ClientPacketHandler,
  type ConnackPacket,
  encodeConnect,
  encodePuback,
  encodePublish,
  encodeSubscribe,
  ProtocolLevel,
  type PublishPacket,
} from "@mooring/mqtt";
import type { TestDevice } from "../e2e/harness/devices.ts";

const level = ProtocolLevel.V311;
const packetBytesMax = 4 * 1024 * 1024;
const reconnectMs = 200;
/** Longer than a healthy platform needs for anything. */
const answerMsMax = 8_000;

export interface Heard {
  readonly topic: string;
  readonly body: JsonObject;
}

interface Question {
  isAnswer(heard: Heard): boolean;
  /** Undefined: nothing was heard, and what became of the question is not known. */
  answer(heard: Heard | undefined): void;
}

export interface StormConnectionOptions {
  readonly device: TestDevice;
  readonly clientId: string;
  readonly filters: readonly string[];
  /** Everything that is heard, in the order in which it comes. */
  readonly onHeard?: (heard: Heard) => void;
}

/** A connection of a device that is made again whenever it is lost. Nothing is sent twice: what was not answered by then is not known. */
export class StormConnection implements ClientPacketHandler {
  readonly #options: StormConnectionOptions;
  readonly #tls: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
  readonly #questions = new Set<Question>();
  #socket: TLSSocket | undefined;
  #decoder: ClientDecoder | undefined;
  #isReady = false;
  #isStopped = false;
  #packetId = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StormConnectionOptions) {
    this.#options = options;
    const { platform, certFile, keyFile } = options.device;
    const [ca, cert, key] = [platform.caFile, certFile, keyFile].map((file) => readFileSync(file));
    this.#tls = { ca: ca as Buffer, cert: cert as Buffer, key: key as Buffer };
    this.#connect();
  }

  /** Publishes with QoS 1 and waits for what answers it. Undefined when it was not sent, or what became of it is not known. */
  ask(topic: string, payload: JsonObject, isAnswer: Question["isAnswer"]): Promise<Heard | "not sent" | undefined> {
    if (!this.#isReady) return Promise.resolve("not sent");
    return new Promise((resolve) => {
      const timer = setTimeout(() => question.answer(undefined), answerMsMax);
      const question: Question = {
        isAnswer,
        answer: (heard) => {
          clearTimeout(timer);
          this.#questions.delete(question);
          resolve(heard);
        },
      };
      this.#questions.add(question);
      const message = {
        topic,
        payload: Buffer.from(JSON.stringify(payload)),
        qos: 1,
        retain: false,
        dup: false,
        properties: null,
      } as const;
      this.#socket?.write(encodePublish({ ...message, packetId: this.#nextId() }, level));
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #nextId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1;
    return this.#packetId;
  }

  #connect(): void {
    const { host, port } = this.#options.device.platform.mqtts;
    this.#decoder = new ClientDecoder(this, packetBytesMax, level);
    const socket = connect({ host, port, ...this.#tls, checkServerIdentity: () => undefined }, () => {
      const packet = { protocolLevel: level, cleanStart: true, keepAliveS: 60, clientId: this.#options.clientId };
      socket.write(encodeConnect({ ...packet, username: null, password: null, will: null, properties: null }));
    });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => {
      if (this.#socket === socket && this.#decoder?.push(chunk) !== 0) socket.destroy();
    });
    // What a loss was about shows in what is not known afterwards.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#isReady = false;
      for (const question of [...this.#questions]) question.answer(undefined);
      if (!this.#isStopped) this.#timer = setTimeout(() => this.#connect(), reconnectMs * (0.5 + Math.random()));
    });
  }

  onConnack({ reasonCode }: ConnackPacket): void {
    if (reasonCode !== 0) return this.#drop();
    const subscriptions = this.#options.filters.map((filter) => ({
      filter,
      qos: 1 as const,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    }));
    this.#socket?.write(encodeSubscribe({ packetId: this.#nextId(), subscriptions, properties: null }, level));
  }

  onSuback({ reasonCodes }: { readonly reasonCodes: readonly number[] }): void {
    this.#isReady = reasonCodes.every((code) => code === 1);
    if (!this.#isReady) this.#drop();
  }

  onPublish({ topic, payload, qos, packetId }: PublishPacket): void {
    const heard = { topic, body: JSON.parse(payload.toString()) as JsonObject };
    if (qos === 1) this.#socket?.write(encodePuback({ packetId, reasonCode: 0, properties: null }, level));
    this.#options.onHeard?.(heard);
    for (const question of this.#questions) {
      if (!question.isAnswer(heard)) continue;
      question.answer(heard);
      return;
    }
  }

  #drop(): void {
    this.#socket?.destroy();
  }

  onPuback(): void {
    // The answer says more.
  }
  onDisconnect(): void {
    this.#drop();
  }
  onPingresp(): void {
    // Nothing was asked.
  }
  onUnsuback(): void {
    this.#drop();
  }
  onPubrec(): void {
    this.#drop();
  }
  onPubrel(): void {
    this.#drop();
  }
  onPubcomp(): void {
    this.#drop();
  }
  onAuth(): void {
    this.#drop();
  }
}
