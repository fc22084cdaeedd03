// One life of a gateway's broker, and its end of each connection: all that is real, but for the sockets.
import { type Clock, silentLog, TimerWheel } from "@mooring/kit";
import {
  type ConnectPacket,
  encodeConnack,
  encodeDisconnect,
  isDisconnectCodeOf,
  ProtocolLevel,
  type PublishPacket,
  type ReasonPacket,
  ServerDecoder,
  type ServerPacketHandler,
  type SubscribePacket,
  type UnsubscribePacket,
} from "@mooring/mqtt";
import type { MemorySessions } from "@mooring/testkit";
import { createOperatorKeys } from "../auth/operator-keys.ts";
import { GatewayCounters } from "../counters.ts";
import { limits } from "../harness.test-support.ts";
import type { ChannelOutput } from "../mqtt/channel.ts";
import { Outgoing } from "../mqtt/outgoing.ts";
import { developmentRights } from "../mqtt/rights.ts";
import { welcomeClient } from "../mqtt/welcome-client.ts";
import type { Welcomed } from "../mqtt/welcome-ports.ts";
import { WriteGatherer } from "../mqtt/write-gatherer.ts";
import { Figures } from "./figures.ts";
import { restoreSessions } from "./restore.ts";
import { Spaces } from "./spaces.ts";
import { StoreStream } from "./store-stream.ts";

/** QoS 1 and 2 messages that a client may have unacknowledged. */
export const receiveMaximum = 4;
const expectedWords = new Set(["client", "lost", "keepAlive", "takenOver", "shutdown"]);
/** Nobody here has a key. */
const refuse = (): Promise<never> => Promise.reject(new Error("nobody asks"));
const access = { authenticateKey: refuse, findScramVerifier: refuse };
const operatorKeys = createOperatorKeys({ access, log: silentLog });
const rights = developmentRights([]);

/** Hears of everything at the moment the broker does, before it does. */
export interface Watch {
  onConnect(link: Link, packet: ConnectPacket): void;
  onWelcomed(link: Link, isPresent: boolean): void;
  onPublish(link: Link, packet: PublishPacket): void;
  onPubrel(link: Link, packetId: number): void;
  onSubscribe(link: Link, packet: SubscribePacket): void;
  onUnsubscribe(link: Link, packet: UnsubscribePacket): void;
  onDisconnect(link: Link, packet: ReasonPacket): void;
  onClose(link: Link): void;
  /** The broker publishes this will now. */
  onWill(payload: string): void;
  /** What came before is over. */
  onDone(): void;
  /** A promise was broken. */
  fail(words: string): void;
}

export class Node {
  readonly wheel = new TimerWheel();
  readonly gatherer = new WriteGatherer();
  readonly counters = new GatewayCounters();
  readonly store: StoreStream;
  readonly spaces: Spaces;
  readonly figures: Figures;
  readonly watch: Watch;
  readonly links = new Set<Link>();
  readonly clock: Clock;
  readonly #sessions: MemorySessions;
  readonly inFlightMax: number;
  isDead = false;

  constructor(
    sessions: MemorySessions,
    clock: Clock,
    watch: Watch,
    some: { readonly queuedMessagesMax: number; readonly inFlightMax: number },
  ) {
    this.inFlightMax = some.inFlightMax;
    this.#sessions = sessions;
    this.clock = clock;
    this.watch = watch;
    const never = new Promise<never>(() => undefined);
    const mine = {
      write: ((caller, frames) =>
        this.isDead
          ? { [Symbol.asyncIterator]: () => ({ next: () => never }) }
          : sessions.write(caller, frames)) as MemorySessions["write"],
      loadQueue: ((caller, request) => (this.isDead ? never : sessions.loadQueue(caller, request))) as MemorySessions["loadQueue"],
    };
    this.store = new StoreStream({ sessions: mine, log: silentLog, onCongestion: () => undefined, retryMs: 1 });
    this.spaces = new Spaces({
      ...{ nodeId: "node", store: this.store, wheel: this.wheel, clock },
      limits: { ...limits, ...some, sessionExpirySMax: 3_600, willDelaySMax: 3_600 },
      onWill: (session, message, tell) => {
        watch.onWill(message.payload.toString());
        session.space.store.together();
        session.space.route(message, message.topic, 0, session);
        tell("published");
      },
      onFault: (error) => watch.fail(`something broke: ${error}`),
    });
    this.figures = new Figures(this.spaces);
  }

  async start(): Promise<void> {
    await restoreSessions({
      sessions: this.#sessions,
      spaces: this.spaces,
      onStoreLimits: () => undefined,
      clock: this.clock,
      log: silentLog,
    });
    this.watch.onDone();
    this.store.start();
  }

  /** Nothing of it does anything any more. */
  die(): void {
    this.isDead = true;
    for (const link of this.links) link.isGone = true;
  }
}

/** The receiving end of what the broker says. */
export interface Wire {
  onBytes(link: Link, bytes: Buffer): void;
  onGone(link: Link): void;
}

class LinkOutgoing extends Outgoing {
  readonly #link: Link;

  constructor(link: Link, gatherer: WriteGatherer) {
    super(gatherer);
    this.#link = link;
  }

  override flush(): void {
    this.#link.flush();
  }
}

/** What Connection is to a socket, without a socket. */
export class Link implements ChannelOutput, ServerPacketHandler {
  readonly outgoing: Outgoing;
  readonly address = undefined;
  readonly tenantId: string;
  /** What the client has been told is not read yet. */
  isStalled = false;
  /** What arrives was said some time ago. */
  isLate = false;
  isGone = false;
  isPaused = false;
  isClean = false;
  readonly #node: Node;
  readonly #wire: Wire;
  readonly #decoder = new ServerDecoder(this, 100_000);
  #welcomed: Welcomed | undefined;
  #unread: Buffer[] = [];
  #wantsRoom = false;

  constructor(node: Node, tenantId: string, wire: Wire) {
    this.#node = node;
    this.tenantId = tenantId;
    this.#wire = wire;
    this.outgoing = new LinkOutgoing(this, node.gatherer);
    node.links.add(this);
  }

  // ---- the client's side

  say(bytes: Buffer): void {
    if (this.isGone) return;
    const reasonCode = this.#decoder.push(bytes);
    if (reasonCode !== 0) this.#node.watch.fail(`a well-formed packet was refused: ${reasonCode}`);
  }

  /** Nothing arrives any more, in either direction. */
  lose(): void {
    this.isStalled = true;
    this.close(0, "lost");
  }

  read(): void {
    this.isStalled = false;
    const unread = this.#unread;
    this.#unread = [];
    this.isLate = true;
    for (const bytes of unread) this.#wire.onBytes(this, bytes);
    this.isLate = false;
    if (this.#wantsRoom && !this.isGone) this.#welcomed?.channel.onWritable();
    this.#wantsRoom = false;
  }

  // ---- the broker's side

  get isWritable(): boolean {
    if (this.isStalled) this.#wantsRoom = true;
    return !this.isStalled;
  }

  flush(): void {
    const bytes = this.outgoing.take();
    if (bytes === null || this.#node.isDead) return;
    for (const one of [bytes].flat()) {
      const copy = Buffer.from(one);
      if (this.isStalled) this.#unread.push(copy);
      else this.#wire.onBytes(this, copy);
    }
  }

  pauseReading(): void {
    this.isPaused = true;
    this.#decoder.pause();
  }

  resumeReading(): void {
    // In a turn of its own, as a socket does: it may be asked for within a packet.
    setImmediate(() => {
      if (this.isGone) return;
      this.isPaused = false;
      this.#decoder.resume();
    });
  }

  close(reasonCode: number, word: string): void {
    if (this.isGone) return;
    if (!expectedWords.has(word)) this.#node.watch.fail(`a well-behaved client was sent away: ${word}, ${reasonCode}`);
    const isTold = reasonCode !== 0 && this.#decoder.protocolLevel === ProtocolLevel.V5 && isDisconnectCodeOf(false, reasonCode);
    if (isTold) this.outgoing.put(encodeDisconnect({ reasonCode, properties: null }, ProtocolLevel.V5));
    this.#decoder.stop();
    this.isGone = true;
    this.#node.links.delete(this);
    this.#node.watch.onClose(this);
    this.#welcomed?.channel.onClosed();
    this.#welcomed?.stay.onClosed(word);
    this.#node.watch.onDone();
    this.flush();
    this.outgoing.close();
    this.#wire.onGone(this);
  }

  onConnect(packet: ConnectPacket): void {
    const { counters, spaces, figures, watch, inFlightMax } = this.#node;
    watch.onConnect(this, packet);
    const { clientId } = packet;
    const signedOn = { kind: "client", owner: "anonymous", tenantId: this.tenantId, clientId, rights, isAssigned: false } as const;
    const connack = { ...limits, receiveMaximum, inFlightMax };
    const deps = { spaces, counters, connack, clientLimits: limits, operatorKeys, access, figures };
    const welcomed = welcomeClient(deps, packet, signedOn, this);
    this.#welcomed = welcomed;
    watch.onWelcomed(this, welcomed.connack.sessionPresent);
    this.outgoing.put(encodeConnack(welcomed.connack, packet.protocolLevel));
    welcomed.channel.onOpen();
    watch.onDone();
  }

  onPublish(packet: PublishPacket): void {
    this.#node.watch.onPublish(this, packet);
    this.#welcomed?.channel.onPublish(packet);
    this.#node.watch.onDone();
  }
  onPubrel(packetId: number): void {
    this.#node.watch.onPubrel(this, packetId);
    this.#welcomed?.channel.onPubrel(packetId);
    this.#node.watch.onDone();
  }
  onSubscribe(packet: SubscribePacket): void {
    this.#node.watch.onSubscribe(this, packet);
    this.#welcomed?.channel.onSubscribe(packet);
    this.#node.watch.onDone();
  }
  onUnsubscribe(packet: UnsubscribePacket): void {
    this.#node.watch.onUnsubscribe(this, packet);
    this.#welcomed?.channel.onUnsubscribe(packet);
    this.#node.watch.onDone();
  }
  onDisconnect(packet: ReasonPacket): void {
    this.#node.watch.onDisconnect(this, packet);
    this.#welcomed?.channel.onDisconnect(packet);
    this.#node.watch.onDone();
  }
  onPuback(packetId: number): void {
    this.#welcomed?.channel.onPuback(packetId);
  }
  onPubrec(packetId: number, reasonCode: number): void {
    this.#welcomed?.channel.onPubrec(packetId, reasonCode);
  }
  onPubcomp(packetId: number): void {
    this.#welcomed?.channel.onPubcomp(packetId);
  }
  onPingreq(): void {
    this.#welcomed?.channel.onPingreq();
  }
  onAuth(): void {
    this.#node.watch.fail("nobody sends AUTH");
  }
  fail(error: unknown): void {
    this.#node.watch.fail(`something broke: ${error}`);
  }
}
