// A channel whose output is put into words, so that a test can say what it expects on the wire.
import { type Running, silentLog, systemClock, TimerWheel } from "@mooring/kit";
import {
  ClientDecoder,
  type ClientPacketHandler,
  encodeConnack,
  encodeConnect,
  type ProtocolLevel,
  ServerDecoder,
  type ServerPacketHandler,
} from "@mooring/mqtt";
import { createMemorySessions } from "@mooring/testkit";
import type { BrokerLimits } from "../broker/limits.ts";
import { Spaces } from "../broker/spaces.ts";
import { StoreStream } from "../broker/store-stream.ts";
import { limits } from "../harness.test-support.ts";
import type { Channel, ChannelOutput, ChannelStart } from "./channel.ts";
import { Outgoing } from "./outgoing.ts";
import { WriteGatherer } from "./write-gatherer.ts";

/** Records what a channel does, in the words of the wire. */
export class Recorder implements ChannelOutput {
  readonly outgoing = new Outgoing(new WriteGatherer());
  readonly address = undefined;
  isWritable = true;
  closedWith: number | undefined;
  isPaused = false;
  channel: Channel | undefined;
  readonly #said: string[] = [];
  readonly #reasons: (string | undefined)[] = [];
  readonly #decoder: ClientDecoder;

  constructor(level: ProtocolLevel) {
    const say = (text: string): void => void this.#said.push(text);
    const handler: ClientPacketHandler = {
      onConnack: () => undefined,
      onPublish: ({ topic, qos }) => say(`publish ${topic.split("/").slice(4).join("/")} ${qos}`),
      onPuback: (id, code) => say(`puback ${id} ${code}`),
      onPubrec: (id, code) => say(`pubrec ${id} ${code}`),
      onPubrel: (id, _code, properties) => {
        say(`pubrel ${id}`);
        this.#reasons.push(properties?.reasonString);
      },
      onPubcomp: (id, code, properties) => {
        say(`pubcomp ${id} ${code}`);
        this.#reasons.push(properties?.reasonString);
      },
      onSuback: ({ reasonCodes, properties }) => {
        say(`suback ${reasonCodes.join()}`);
        this.#reasons.push(properties?.reasonString);
      },
      onUnsuback: ({ reasonCodes, properties }) => {
        say(`unsuback ${reasonCodes.join()}`);
        this.#reasons.push(properties?.reasonString);
      },
      onPingresp: () => say("pingresp"),
      onDisconnect: () => say("disconnect"),
      onAuth: () => say("auth"),
    };
    this.#decoder = new ClientDecoder(handler, 1_000_000, level);
    this.#decoder.push(encodeConnack({ sessionPresent: false, reasonCode: 0, properties: null }, level));
  }

  /** Everything so far. */
  get said(): string[] {
    const bytes = this.outgoing.take();
    for (const one of bytes === null ? [] : [bytes].flat())
      if (this.#decoder.push(one) !== 0) throw new Error("what was said cannot be decoded");
    return this.#said;
  }

  /** Beside the codes of each SUBACK, UNSUBACK, PUBREL and PUBCOMP so far. */
  get reasons(): readonly (string | undefined)[] {
    return this.said.length === 0 ? [] : this.#reasons;
  }

  pauseReading(): void {
    this.isPaused = true;
  }
  resumeReading(): void {
    this.isPaused = false;
  }
  close(reasonCode: number): void {
    this.closedWith = reasonCode;
    this.channel?.onClosed();
  }
  fail(error: unknown): void {
    throw error;
  }
  onAuth(): void {
    throw new Error("nobody sends AUTH");
  }
}

function raise(error: unknown): void {
  throw error;
}

/** Spaces with a store that commits as long as it runs. */
export function createTestSpaces(more: Partial<BrokerLimits> = {}): { readonly spaces: Spaces; readonly running: Running } {
  const store = new StoreStream({ sessions: createMemorySessions(), log: silentLog, onCongestion: () => undefined });
  const deps = { nodeId: "node", store, wheel: new TimerWheel(), clock: systemClock, onWill: () => undefined, onFault: raise };
  return { spaces: new Spaces({ ...deps, limits: { ...limits, ...more } }), running: store.start() };
}

export function startOf(protocolLevel: ProtocolLevel, more: Partial<ChannelStart> = {}): ChannelStart {
  return {
    protocolLevel,
    receiveMaximum: limits.receiveMaximum,
    windowMax: limits.inFlightMax,
    maximumPacketSize: 1_000_000,
    topicAliasMaximum: 0,
    sentAliasMaximum: 0,
    saysProblems: true,
    ...more,
  };
}

/** Packets reach a channel as the decoder makes them. */
export function decoderOf(channel: Channel, protocolLevel: ProtocolLevel): ServerDecoder {
  const handler: ServerPacketHandler = {
    onConnect: () => undefined,
    onPublish: (packet) => channel.onPublish(packet),
    onPuback: (id) => channel.onPuback(id),
    onPubrec: (id, code) => channel.onPubrec(id, code),
    onPubrel: (id) => channel.onPubrel(id),
    onPubcomp: (id) => channel.onPubcomp(id),
    onSubscribe: (packet) => channel.onSubscribe(packet),
    onUnsubscribe: (packet) => channel.onUnsubscribe(packet),
    onPingreq: () => channel.onPingreq(),
    onDisconnect: (packet) => channel.onDisconnect(packet),
    onAuth: () => undefined,
  };
  const decoder = new ServerDecoder(handler, 1_000_000);
  const nobody = { username: null, password: null, will: null, properties: null };
  decoder.push(encodeConnect({ protocolLevel, cleanStart: true, keepAliveS: 0, clientId: "c", ...nobody }));
  return decoder;
}
