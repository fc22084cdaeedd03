// Hot: the only file that sees a transport: bytes in, bytes out, backpressure, deadlines.
//
//   waiting --CONNECT--> signing on --CONNACK 0--> open --> closed
//      \------------ deadline, refusal, malformed bytes ------^
//
// While signing on the decoder is paused: what a client sends right behind its CONNECT waits, in a bounded buffer.
import type { Duplex } from "node:stream";
import { type Log, type TimerWheel, WheelEntry } from "@mooring/kit";
import {
  type ConnectPacket,
  encodeAuth,
  encodeConnack,
  encodeDisconnect,
  encodePublish,
  isDisconnectCodeOf,
  type Properties,
  ProtocolLevel,
  type PublishPacket,
  ReasonCode,
  type ReasonPacket,
  ServerDecoder,
  type ServerPacketHandler,
  type SubscribePacket,
  type UnsubscribePacket,
} from "@mooring/mqtt";
import type { GatewayCounters, RareCounters } from "../counters.ts";
import { type ConnackLimits, chooseKeepAlive, fittingConnack, maximumPacketSizeOf } from "./acceptance.ts";
import { AuthExchange } from "./auth-exchange.ts";
import type { Channel, ChannelOutput } from "./channel.ts";
import { type Peer, type Registered, SignOnRefused } from "./connect.ts";
import { Outgoing } from "./outgoing.ts";
import { signOnReason } from "./reasons.ts";
import type { Welcome, Welcomed } from "./welcome.ts";
import type { WriteGatherer } from "./write-gatherer.ts";

export interface ConnectionLimits extends ConnackLimits {
  /** From accepting the socket to CONNACK, the handshake included. */
  readonly connectMs: number;
  /** Unsent bytes above which only what must be said is written, and nothing is read. */
  readonly writeBytesMax: number;
  /** How long a client may leave it at that. */
  readonly stalledMs: number;
}

export interface ConnectionDeps {
  readonly welcome: Welcome;
  readonly wheel: TimerWheel;
  readonly gatherer: WriteGatherer;
  readonly limits: ConnectionLimits;
  readonly counters: GatewayCounters;
  readonly rare: RareCounters;
  readonly log: Log;
}

/** The bytes' way: a TCP or TLS socket, or a WebSocket. */
export interface Transport {
  readonly stream: Duplex;
  readonly peer: Peer;
  /** Kept, since a closed socket does not know it any more. */
  readonly address: string | undefined;
  /** What was written is the kernel's as soon as nothing of it waits in the stream, and its buffer free: true of plain sockets. */
  readonly isPlain: boolean;
}

/** CONNECT before anything is known about the client. */
export const connectBytesMax = 16 * 1024;
/** How long a closing connection may take to send its last words. */
const lingerMs = 2_000;

const State = { Waiting: 0, SigningOn: 1, Open: 2, Closed: 3 } as const;
type State = (typeof State)[keyof typeof State];

/** Why reading is paused, as bits: it goes on when none is set. */
const Hold = { Channel: 1, Congestion: 2, Writing: 4 } as const;

export class Connection extends WheelEntry implements ChannelOutput, ServerPacketHandler {
  readonly outgoing: Outgoing;
  readonly #stream: Duplex;
  readonly #transport: Transport;
  readonly #deps: ConnectionDeps;
  readonly #decoder: ServerDecoder;
  readonly #onSignedOn: () => void;
  #state: State = State.Waiting;
  #welcomed: Welcomed | undefined;
  #auth: AuthExchange | undefined;
  #channel: Channel | undefined;
  #holds = 0;
  /** What the kernel had not taken when that was last looked at; never less than what it has not taken now. */
  #unsentBytes = 0;
  /** Somebody was told that there is no room. */
  #wantsRoom = false;
  /** Times on the wheel's clock; 0 for not stalled. */
  #heardAtMs: number;
  #stalledAtMs = 0;
  /** 0 until open, and for clients without keep-alive. */
  #silenceMsMax = 0;
  /** What the client takes; known from CONNECT. */
  #maximumPacketSize = Number.MAX_SAFE_INTEGER;
  #endWord = "lost";

  /** `onSignedOn` is called once the client is no longer a stranger. The stream's events are followed from now on; its bytes come to `onBytes`. */
  constructor(transport: Transport, deps: ConnectionDeps, onSignedOn: () => void) {
    super();
    const { stream } = transport;
    this.#stream = stream;
    this.#transport = transport;
    this.#deps = deps;
    this.#onSignedOn = onSignedOn;
    this.outgoing = new Outgoing(this, deps.gatherer);
    this.#decoder = new ServerDecoder(this, connectBytesMax);
    this.#heardAtMs = deps.wheel.nowMs;
    deps.wheel.schedule(this, deps.limits.connectMs);
    stream.on("drain", this.#onDrain);
    // What the stream's error was does not matter to anyone: `close` follows.
    stream.on("error", () => stream.destroy());
    stream.on("end", () => this.close(0, "lost"));
    stream.on("close", this.#onClose);
  }

  // ---- bytes in

  /** The chunk may be reused when this returns. */
  readonly onBytes = (chunk: Buffer): void => {
    if (this.#state === State.Closed) return;
    this.#heardAtMs = this.#deps.wheel.nowMs;
    const reasonCode = this.#decoder.push(chunk);
    if (reasonCode !== 0) this.#refuseBytes(reasonCode);
    // What a client sends behind its CONNECT waits in the kernel, but for what came with it: it may be more than a stranger is given room for.
    else if (this.#state === State.SigningOn && this.#decoder.heldBytes > 0) this.#stream.pause();
  };

  /** Malformed bytes close this connection, and no other; a refused CONNECT is answered as far as its version has an answer. */
  #refuseBytes(reasonCode: number): void {
    if (reasonCode === ReasonCode.PacketTooLarge) this.#channel?.onTooLarge(this.#deps.limits.packetBytesMax);
    if (this.#state !== State.Waiting) return this.close(reasonCode, "malformed");
    const level = this.#decoder.protocolLevel;
    if (level === ProtocolLevel.V5 || (level !== 0 && reasonCode === ReasonCode.ClientIdentifierNotValid)) {
      this.#put(encodeConnack({ sessionPresent: false, reasonCode, properties: null }, level));
    } else if (reasonCode === ReasonCode.UnsupportedProtocolVersion) {
      // In the oldest form there is: whoever it is, it knows that one [3.1.1 MQTT-3.1.2-2].
      this.#put(encodeConnack({ sessionPresent: false, reasonCode, properties: null }, ProtocolLevel.V311));
    } // Anything else that is wrong with a CONNECT before MQTT 5 is not answered [3.1.1 MQTT-3.1.4-1].
    this.close(0, "malformed");
  }

  onConnect(packet: ConnectPacket): void {
    this.#state = State.SigningOn;
    this.#maximumPacketSize = maximumPacketSizeOf(packet);
    this.#decoder.pause();
    const { peer, address } = this.#transport;
    const { authenticationMethod } = packet.properties ?? {};
    if (authenticationMethod !== undefined) this.#auth = new AuthExchange(authenticationMethod, this);
    const ask = (data: Uint8Array): Promise<Uint8Array> => this.#askWhileSigningOn(data);
    this.#deps.welcome(packet, peer, { address, output: this, ask, isGone: () => this.#state !== State.SigningOn }).then(
      (welcomed) => this.#open(packet, welcomed),
      (error: unknown) => this.#refuse(packet, error),
    );
  }

  /** Lets the answer in, and nothing else. */
  async #askWhileSigningOn(data: Uint8Array): Promise<Uint8Array> {
    if (this.#auth === undefined || this.#state !== State.SigningOn) throw new SignOnRefused(ReasonCode.ProtocolError, "protocol");
    const answer = this.#auth.ask(data);
    const reasonCode = this.#decoder.resume();
    if (reasonCode !== 0) this.#refuseBytes(reasonCode);
    this.#stream.resume();
    return answer;
  }

  /** Undefined: the connection went while it was being signed on. */
  #open(packet: ConnectPacket, welcomed: Welcomed | Registered | undefined): void {
    if (welcomed === undefined) return;
    if ("kind" in welcomed) return this.#tellRegistered(packet, welcomed);
    if (this.#state !== State.SigningOn) {
      // Another connection took the session over before this one heard that it had it.
      welcomed.channel.onClosed();
      welcomed.onClosed(this.#endWord);
      return;
    }
    const { limits, counters, wheel } = this.#deps;
    this.#welcomed = welcomed;
    this.#channel = welcomed.channel;
    this.#state = State.Open;
    this.#onSignedOn();
    counters.connections++;
    this.#silenceMsMax = chooseKeepAlive(packet, limits) * 1_500; // [MQTT-3.1.2-22]
    this.#heardAtMs = wheel.nowMs;
    wheel.cancel(this);
    if (this.#silenceMsMax > 0) wheel.schedule(this, this.#silenceMsMax);
    const connack = fittingConnack(welcomed.connack, packet.protocolLevel, this.#maximumPacketSize);
    if (connack === undefined) return this.close(ReasonCode.PacketTooLarge, "packetSize");
    this.#put(connack);
    this.#decoder.packetBytesMax = limits.packetBytesMax;
    welcomed.onOpen();
    this.#resumeDecoder();
    if (this.#holds === 0 && this.#state === State.Open) this.#stream.resume();
  }

  /** Accepted, told what it gets, without asking for it, and sent away to come again with it (wire formats §2.3). */
  #tellRegistered({ protocolLevel }: ConnectPacket, { topic, payload }: Registered): void {
    if (this.#state !== State.SigningOn) return;
    this.#put(encodeConnack({ sessionPresent: false, reasonCode: ReasonCode.Success, properties: null }, protocolLevel));
    const message = { topic, payload, qos: 0, retain: false, dup: false, packetId: 0, properties: null } as const;
    this.#put(encodePublish(message, protocolLevel));
    this.close(0, "registered");
  }

  #refuse(packet: ConnectPacket, error: unknown): void {
    if (this.#state !== State.SigningOn) return;
    const refused = error instanceof SignOnRefused ? error : new SignOnRefused(ReasonCode.ServerUnavailable, "unavailable", error);
    this.#deps.rare.onAuthFailure(refused.failure);
    if (refused.failure === "unavailable") this.#deps.log.warn({ err: refused.cause }, "a client could not be signed on");
    const { reasonCode } = refused;
    const { protocolLevel } = packet;
    const reasonString = packet.properties?.requestProblemInformation === false ? undefined : signOnReason(reasonCode);
    const connack = fittingConnack(
      { sessionPresent: false, reasonCode, properties: { reasonString } },
      protocolLevel,
      this.#maximumPacketSize,
    );
    if (connack !== undefined) this.#put(connack);
    this.close(0, "refused");
  }

  // ---- the packets of an open connection; the decoder lets none through before

  // While it authenticates in several steps a client may only say AUTH and DISCONNECT (MQTT 5 s4.12): there is no channel for anything else.

  onPublish(packet: PublishPacket): void {
    if (this.#channel === undefined) this.#tooEarly();
    else this.#channel.onPublish(packet);
  }
  onPuback(packetId: number): void {
    if (this.#channel === undefined) this.#tooEarly();
    else this.#channel.onPuback(packetId);
  }
  onPubrec(packetId: number, reasonCode: number): void {
    if (this.#channel === undefined) this.#tooEarly();
    else this.#channel.onPubrec(packetId, reasonCode);
  }
  onPubrel(packetId: number): void {
    if (this.#channel === undefined) this.#tooEarly();
    else this.#channel.onPubrel(packetId);
  }
  onPubcomp(packetId: number): void {
    if (this.#channel === undefined) this.#tooEarly();
    else this.#channel.onPubcomp(packetId);
  }
  onSubscribe(packet: SubscribePacket): void {
    if (this.#channel === undefined) this.#tooEarly();
    else this.#channel.onSubscribe(packet);
  }
  onUnsubscribe(packet: UnsubscribePacket): void {
    if (this.#channel === undefined) this.#tooEarly();
    else this.#channel.onUnsubscribe(packet);
  }
  onPingreq(): void {
    if (this.#channel === undefined) this.#tooEarly();
    else this.#channel.onPingreq();
  }
  onDisconnect(packet: ReasonPacket): void {
    if (this.#channel === undefined) this.close(0, "client");
    else this.#channel.onDisconnect(packet);
  }
  #tooEarly(): void {
    this.close(ReasonCode.ProtocolError, "protocol");
  }
  onAuth(packet: ReasonPacket): void {
    if (this.#auth === undefined) return this.close(ReasonCode.ProtocolError, "protocol"); // [MQTT-4.12.0-6]: no method was agreed on in CONNECT.
    if (this.#state === State.SigningOn) {
      this.#decoder.pause();
      this.#stream.pause();
    }
    this.#auth.onAuth(packet, this.#state === State.Open ? this.#welcomed?.reauthenticate : undefined);
  }

  sendAuth(packet: ReasonPacket): void {
    const bytes = encodeAuth(packet);
    if (bytes.length <= this.#maximumPacketSize) this.#put(bytes);
    else this.close(ReasonCode.PacketTooLarge, "packetSize");
  }

  // ---- bytes out

  get isWritable(): boolean {
    const { writeBytesMax } = this.#deps.limits;
    if (this.#unsentBytes + this.outgoing.bytes < writeBytesMax) return true;
    // Much was said within this turn: what counts is what the kernel does not take.
    if (this.#state === State.Open && this.#unsentBytes < writeBytesMax) this.flush();
    this.#unsentBytes = this.#stream.writableLength;
    if (this.#unsentBytes + this.outgoing.bytes < writeBytesMax) return true;
    this.#wantsRoom = true;
    return false;
  }

  #put(bytes: Buffer): void {
    if (this.#state !== State.Closed) this.outgoing.put(bytes);
  }

  /** Hands what there is to the kernel, in one system call where that is possible. */
  flush(): void {
    const bytes = this.outgoing.take();
    if (bytes === null) return;
    const stream = this.#stream;
    if (bytes instanceof Buffer) stream.write(bytes);
    else {
      stream.cork();
      for (let i = 0; i < bytes.length; i++) stream.write(bytes[i]);
      stream.uncork();
    }
    this.#unsentBytes = stream.writableLength;
    this.outgoing.giveBack(this.#unsentBytes === 0 && this.#transport.isPlain);
    if (this.#state !== State.Open || this.#stalledAtMs !== 0) return;
    if (this.#unsentBytes < this.#deps.limits.writeBytesMax) {
      if (this.#wantsRoom) this.#giveRoom();
      return;
    }
    // Acknowledgements cannot be dropped, so what causes them is not read until the client takes what there is.
    this.#stalledAtMs = Math.max(1, this.#deps.wheel.nowMs);
    this.#hold(Hold.Writing);
    this.#deps.wheel.schedule(this, this.#deps.limits.stalledMs);
  }

  #giveRoom(): void {
    this.#wantsRoom = false;
    // In a turn of its own: whoever asked for room is still being told that there was none.
    setImmediate(() => {
      if (this.#state === State.Open) this.#channel?.onWritable();
    });
  }

  readonly #onDrain = (): void => {
    this.#unsentBytes = this.#stream.writableLength;
    if (this.#wantsRoom) this.#giveRoom();
    if (this.#stalledAtMs === 0) return;
    this.#stalledAtMs = 0;
    this.#release(Hold.Writing);
    this.#heardAtMs = this.#deps.wheel.nowMs;
    if (this.#silenceMsMax > 0) this.#deps.wheel.schedule(this, this.#silenceMsMax);
    else this.#deps.wheel.cancel(this);
  };

  // ---- holding back

  pauseReading(): void {
    this.#hold(Hold.Channel);
  }

  resumeReading(): void {
    this.#release(Hold.Channel);
  }

  /** The whole node holds back, because a store is behind. */
  setCongested(congested: boolean): void {
    if (congested) this.#hold(Hold.Congestion);
    else this.#release(Hold.Congestion);
  }

  #hold(reason: number): void {
    if (this.#holds === 0 && this.#state === State.Open) {
      this.#decoder.pause();
      this.#stream.pause();
    }
    this.#holds |= reason;
  }

  #release(reason: number): void {
    if (this.#holds === 0) return;
    this.#holds &= ~reason;
    if (this.#holds !== 0 || this.#state !== State.Open) return;
    this.#heardAtMs = this.#deps.wheel.nowMs;
    this.#resumeDecoder();
    if (this.#holds === 0 && this.#state === State.Open) this.#stream.resume();
  }

  #resumeDecoder(): void {
    if (this.#holds !== 0) {
      this.#stream.pause();
      return;
    }
    const reasonCode = this.#decoder.resume();
    if (reasonCode !== 0) this.#refuseBytes(reasonCode);
  }

  // ---- deadlines and the end

  override onDeadline(): void {
    const { wheel, limits, rare } = this.#deps;
    if (this.#state === State.Closed) {
      this.#stream.destroy();
    } else if (this.#state !== State.Open) {
      rare.onConnectionRefused("deadline");
      this.#stream.destroy();
    } else if (this.#stalledAtMs !== 0) {
      const left = this.#stalledAtMs + limits.stalledMs - wheel.nowMs;
      if (left > 0) return wheel.schedule(this, left);
      this.close(ReasonCode.QuotaExceeded, "slowConsumer");
    } else {
      // A client that is not being read cannot be heard.
      if (this.#holds !== 0) this.#heardAtMs = wheel.nowMs;
      const left = this.#heardAtMs + this.#silenceMsMax - wheel.nowMs;
      if (left > 0) wheel.schedule(this, left);
      else this.close(ReasonCode.KeepAliveTimeout, "keepAlive");
    }
  }

  close(reasonCode: number, word: string): void {
    if (this.#state === State.Closed) return;
    const wasOpen = this.#state === State.Open;
    if (wasOpen && reasonCode !== 0 && this.#decoder.protocolLevel === ProtocolLevel.V5 && isDisconnectCodeOf(false, reasonCode)) {
      const bytes = encodeDisconnect({ reasonCode, properties: null satisfies Properties | null }, ProtocolLevel.V5);
      if (bytes.length <= this.#maximumPacketSize) this.#put(bytes);
    }
    this.#endWord = word;
    this.#decoder.stop();
    this.#state = State.Closed;
    this.#leave(wasOpen);
    this.flush();
    this.outgoing.close();
    // A client that said goodbye says nothing more, and waits for nothing that the kernel does not have yet.
    if (word === "client" && this.#transport.isPlain && this.#stream.writableLength === 0) {
      this.#stream.destroy();
      return;
    }
    this.#stream.end();
    // Reading goes on into the void: a socket closed with unread bytes is reset, and the last words would be lost with it.
    this.#stream.resume();
    this.#deps.wheel.schedule(this, lingerMs);
  }

  /** Out of everything others look at, at once; the socket may take longer. */
  #leave(wasOpen: boolean): void {
    this.#deps.rare.onConnectionEnd(this.#endWord);
    this.#auth?.end();
    this.#channel?.onClosed();
    this.#welcomed?.onClosed(this.#endWord);
    if (wasOpen) this.#deps.counters.connections--;
  }

  readonly #onClose = (): void => {
    this.#deps.wheel.cancel(this);
    this.outgoing.close();
    if (this.#state === State.Closed) return;
    const wasOpen = this.#state === State.Open;
    this.#state = State.Closed;
    this.#decoder.stop();
    this.#leave(wasOpen);
  };
}
