// Hot: one connection: bytes in, holding back, deadlines, the end. The only file that reads a transport; socket-writer.ts writes to it.
//
//   waiting --CONNECT--> signing on --CONNACK 0--> open --> closed
//      \------------ deadline, refusal, malformed bytes ------^
//
// While signing on the decoder is paused: what a client sends right behind its CONNECT waits, in a bounded buffer. Packets go to SigningOn, and to
// the channel once the connection is open.
// Whatever throws ends it, and nothing else: see guarded.ts.
import {
  type ConnectPacket,
  encodeAuth,
  encodeConnack,
  encodeDisconnect,
  isDisconnectCodeOf,
  ProtocolLevel,
  ReasonCode,
  type ReasonPacket,
  ServerDecoder,
} from "@mooring/mqtt";
import { chooseKeepAlive, fittingConnack, maximumPacketSizeOf } from "./acceptance.ts";
import type { AuthExchange } from "./auth-exchange.ts";
import type { ByteStream, StreamOwner } from "./byte-stream.ts";
import type { Channel } from "./channel.ts";
import type { Peer } from "./connect.ts";
import type { ConnectionDeps, Transport } from "./connection-ports.ts";
import { Guarded } from "./guarded.ts";
import { malformedConnack } from "./refusal.ts";
import { type Host, SigningOn } from "./signing-on.ts";
import { SocketWriter, type WriterOwner } from "./socket-writer.ts";
import type { Stay, Welcomed } from "./welcome-ports.ts";

/** How long a closing connection may take to send its last words. */
const lingerMs = 2_000;

/** To a client that has asked to be let in. */
const faultConnack = encodeConnack(
  { sessionPresent: false, reasonCode: ReasonCode.ImplementationSpecificError, properties: null },
  ProtocolLevel.V5,
);

const State = { Waiting: 0, SigningOn: 1, Open: 2, Closed: 3 } as const;
type State = (typeof State)[keyof typeof State];

/** Why reading is paused, as bits: it goes on when none is set. */
const Hold = { Channel: 1, Congestion: 2, Writing: 4 } as const;

export class Connection extends Guarded implements Host, WriterOwner, StreamOwner {
  readonly outgoing: SocketWriter;
  protected readonly guardedDeps: ConnectionDeps;
  readonly #stream: ByteStream;
  readonly #transport: Transport;
  readonly #deps: ConnectionDeps;
  readonly #decoder: ServerDecoder;
  #state: State = State.Waiting;
  #channel: Channel | null = null;
  #stay: Stay | null = null;
  /** Absent when no method was agreed on in CONNECT. */
  #auth: AuthExchange | null = null;
  #holds = 0;
  /** Times on the wheel's clock; 0 for not stalled. */
  #heardAtMs: number;
  #stalledAtMs = 0;
  /** 0 until open, and for clients without keep-alive. */
  #silenceMsMax = 0;
  /** What the client takes; known from CONNECT. */
  #maximumPacketSize = Number.MAX_SAFE_INTEGER;
  #endWord = "lost";

  /** The stream is followed from now on. */
  constructor(transport: Transport, peer: Peer, deps: ConnectionDeps) {
    super();
    const { stream } = transport;
    const { writeBytesMax, connectBytesMax, connectMs } = deps.limits;
    this.#stream = stream;
    this.#transport = transport;
    this.#deps = deps;
    this.guardedDeps = deps;
    this.outgoing = new SocketWriter(transport, writeBytesMax, this, deps.gatherer);
    this.#decoder = new ServerDecoder(new SigningOn(this, peer, deps), connectBytesMax);
    this.#heardAtMs = deps.wheel.nowMs;
    deps.wheel.schedule(this, connectMs);
    transport.follow(this);
  }

  // ---- bytes in

  onBytes(chunk: Buffer): void {
    if (this.#state === State.Closed) return;
    this.#heardAtMs = this.#deps.wheel.nowMs;
    try {
      const reasonCode = this.#decoder.push(chunk);
      if (reasonCode !== 0) this.#refuseBytes(reasonCode);
      // What a client sends behind its CONNECT waits in the kernel, but for what came with it: it may be more than a stranger is given room for.
      else if (this.#state === State.SigningOn && this.#decoder.heldBytes > 0) this.#stream.pause();
    } catch (error) {
      this.fail(error);
    }
  }

  onEnd(): void {
    this.close(0, "lost");
  }

  /** Malformed bytes close this connection, and no other; a refused CONNECT is answered as far as its version has an answer. */
  #refuseBytes(reasonCode: number): void {
    if (reasonCode === ReasonCode.PacketTooLarge) this.#channel?.onTooLarge(this.#deps.limits.packetBytesMax);
    if (this.#state !== State.Waiting) return this.close(reasonCode, "malformed");
    const connack = malformedConnack(this.#decoder.protocolLevel, reasonCode);
    if (connack !== undefined) this.put(connack);
    this.close(0, "malformed");
  }

  // ---- signing on

  get address(): string | undefined {
    return this.#transport.address;
  }

  get isSigningOn(): boolean {
    return this.#state === State.SigningOn;
  }

  onConnect(packet: ConnectPacket, auth: AuthExchange | null): void {
    this.#state = State.SigningOn;
    this.#maximumPacketSize = maximumPacketSizeOf(packet);
    this.#auth = auth;
    this.#decoder.pause();
  }

  holdBytes(): void {
    this.#decoder.pause();
    this.#stream.pause();
  }

  readOn(): void {
    const reasonCode = this.#decoder.resume();
    if (reasonCode !== 0) this.#refuseBytes(reasonCode);
    this.#stream.resume();
  }

  open(packet: ConnectPacket, { channel, stay, connack: offered }: Welcomed): void {
    if (this.#state !== State.SigningOn) {
      // Another connection took the session over before this one heard that it had it.
      channel.onClosed();
      stay.onClosed(this.#endWord);
      return;
    }
    const { limits, counters, wheel } = this.#deps;
    this.#channel = channel;
    this.#stay = stay;
    this.#state = State.Open;
    this.#decoder.handler = channel;
    this.#transport.onSignedOn();
    counters.connections++;
    this.#silenceMsMax = chooseKeepAlive(packet, limits) * 1_500; // [MQTT-3.1.2-22]
    this.#heardAtMs = wheel.nowMs;
    wheel.cancel(this);
    if (this.#silenceMsMax > 0) wheel.schedule(this, this.#silenceMsMax);
    const connack = fittingConnack(offered, packet.protocolLevel, this.#maximumPacketSize);
    if (connack === undefined) return this.close(ReasonCode.PacketTooLarge, "packetSize");
    this.put(connack);
    this.#decoder.packetBytesMax = limits.packetBytesMax;
    channel.onOpen();
    this.#resumeDecoder();
    if (this.#holds === 0 && this.#state === State.Open) this.#stream.resume();
  }

  onAuth(packet: ReasonPacket): void {
    if (this.#auth === null)
      this.close(ReasonCode.ProtocolError, "protocol"); // [MQTT-4.12.0-6]
    else this.#auth.onAuth(packet, this.#stay?.reauthenticate);
  }

  sendAuth(packet: ReasonPacket): void {
    const bytes = encodeAuth(packet);
    if (bytes.length <= this.#maximumPacketSize) this.put(bytes);
    else this.close(ReasonCode.PacketTooLarge, "packetSize");
  }

  // ---- bytes out

  get isWritable(): boolean {
    return this.outgoing.isWritable;
  }

  put(bytes: Buffer): void {
    if (this.#state !== State.Closed) this.outgoing.put(bytes);
  }

  /** Acknowledgements cannot be dropped, so what causes them is not read until the client takes what there is. */
  onStalled(): void {
    if (this.#state !== State.Open) return;
    this.#stalledAtMs = Math.max(1, this.#deps.wheel.nowMs);
    this.#hold(Hold.Writing);
    this.#deps.wheel.schedule(this, this.#deps.limits.stalledMs);
  }

  onFlowing(): void {
    if (this.#stalledAtMs === 0) return;
    this.#stalledAtMs = 0;
    this.#release(Hold.Writing);
    this.#heardAtMs = this.#deps.wheel.nowMs;
    if (this.#silenceMsMax > 0) this.#deps.wheel.schedule(this, this.#silenceMsMax);
    else this.#deps.wheel.cancel(this);
  }

  onDrain(): void {
    this.guarded(() => this.outgoing.onDrain());
  }

  onRoom(): void {
    if (this.#state === State.Open) this.guarded(() => this.#channel?.onWritable());
  }

  // ---- holding back

  pauseReading(): void {
    this.#hold(Hold.Channel);
  }

  resumeReading(): void {
    this.#release(Hold.Channel);
  }

  /** The whole node holds back, because a store is behind. */
  setCongested(congested: boolean): void {
    this.guarded(() => (congested ? this.#hold(Hold.Congestion) : this.#release(Hold.Congestion)));
  }

  #hold(reason: number): void {
    if (this.#holds === 0 && this.#state === State.Open) this.holdBytes();
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

  // ---- deadlines

  override onDeadline(): void {
    this.guarded(() => this.#judge());
  }

  #judge(): void {
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

  // ---- the end

  close(reasonCode: number, word: string): void {
    if (this.#state !== State.Closed) this.guarded(() => this.#close(reasonCode, word));
  }

  /** Without a word, and without waiting for what is written. */
  cut(): void {
    this.#stream.destroy();
  }

  #close(reasonCode: number, word: string): void {
    const isV5 = this.#decoder.protocolLevel === ProtocolLevel.V5;
    if (this.#state === State.Open && reasonCode !== 0 && isV5 && isDisconnectCodeOf(false, reasonCode)) {
      const bytes = encodeDisconnect({ reasonCode, properties: null }, ProtocolLevel.V5);
      if (bytes.length <= this.#maximumPacketSize) this.put(bytes);
    }
    this.#endWord = word;
    this.#leave();
    this.outgoing.flush();
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

  /** Out of everything others look at, at once; the socket may take longer. What one of them breaks on does not keep the others from hearing of it. */
  #leave(): void {
    if (this.#state === State.Open) this.#deps.counters.connections--;
    this.#state = State.Closed;
    this.#deps.rare.onConnectionEnd(this.#endWord);
    this.attempt(() => this.#decoder.stop());
    if (this.#auth !== null) this.attempt(() => this.#auth?.end());
    if (this.#channel === null) return;
    this.attempt(() => this.#channel?.onClosed());
    this.attempt(() => this.#stay?.onClosed(this.#endWord));
  }

  onClosed(): void {
    this.#deps.wheel.cancel(this);
    this.outgoing.close();
    if (this.#state !== State.Closed) this.#leave();
    this.attempt(() => this.#transport.onClosed(this));
  }

  // ---- errors of ours

  protected override whoFailed() {
    return { address: this.address, clientId: this.#channel?.session.clientId };
  }

  /** A second failure cuts the connection without a word. */
  protected override onFault(isAgain: boolean): void {
    if (this.#channel !== null) this.#channel.session.isInDoubt = true;
    if (isAgain || this.#state === State.Closed) {
      this.#stream.destroy();
      return;
    }
    if (this.#state !== State.Open && this.#decoder.protocolLevel === ProtocolLevel.V5) this.guarded(() => this.put(faultConnack));
    this.close(ReasonCode.ImplementationSpecificError, "fault");
  }
}
