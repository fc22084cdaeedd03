// Hot: one connection: signing on, deadlines, the end. held-reading.ts reads its transport, socket-writer.ts writes to it.
//
//   waiting --CONNECT--> signing on --CONNACK 0--> open --> closed
//      \------------ deadline, refusal, malformed bytes ------^
//
// Packets go to SigningOn, and to the channel once the connection is open.
// Whatever throws ends it, and nothing else: see guarded.ts.
import {
  type ConnectPacket,
  encodeAuth,
  encodeConnack,
  encodeDisconnect,
  isDisconnectCodeOf,
  isReasonCodeOf,
  PacketType,
  ProtocolLevel,
  ReasonCode,
  type ReasonPacket,
  ServerDecoder,
} from "@mooring/mqtt";
import { chooseKeepAlive, fittingConnack, maximumPacketSizeOf } from "./acceptance.ts";
import type { AuthExchange } from "./auth-exchange.ts";
import type { StreamOwner } from "./byte-stream.ts";
import type { Channel } from "./channel.ts";
import type { Peer } from "./connect.ts";
import type { ConnectionDeps, Transport } from "./connection-ports.ts";
import { HeldReading, Hold, State } from "./held-reading.ts";
import { type Host, SigningOn } from "./signing-on.ts";
import { SocketWriter, type WriterOwner } from "./socket-writer.ts";
import type { Stay, Welcomed } from "./welcome-ports.ts";

/** How long a closing connection may take to send its last words. */
const lingerMs = 2_000;

export class Connection extends HeldReading implements Host, WriterOwner, StreamOwner {
  readonly outgoing: SocketWriter;
  protected readonly decoder: ServerDecoder;
  readonly #transport: Transport;
  #channel: Channel | null = null;
  #stay: Stay | null = null;
  /** Absent when no method was agreed on in CONNECT. */
  #auth: AuthExchange | null = null;
  /** On the wheel's clock; 0 for not stalled. */
  #stalledAtMs = 0;
  /** 0 until open, and for clients without keep-alive. */
  #silenceMsMax = 0;
  /** What the client takes; known from CONNECT. */
  #maximumPacketSize = Number.MAX_SAFE_INTEGER;
  #endWord = "lost";

  /** The stream is followed from now on. */
  constructor(transport: Transport, peer: Peer, deps: ConnectionDeps) {
    super(transport.stream, deps);
    const { writeBytesMax, connectBytesMax, connectMs } = deps.limits;
    this.#transport = transport;
    this.outgoing = new SocketWriter(transport, writeBytesMax, this, deps.gatherer);
    this.decoder = new ServerDecoder(new SigningOn(this, peer, deps), connectBytesMax);
    deps.wheel.schedule(this, connectMs);
    transport.follow(this);
  }

  onEnd(): void {
    this.close(0, "lost");
  }

  protected override onTooLarge(): void {
    this.#channel?.onTooLarge(this.deps.limits.packetBytesMax);
  }

  // ---- signing on

  get address(): string | undefined {
    return this.#transport.address;
  }

  get isSigningOn(): boolean {
    return this.state === State.SigningOn;
  }

  onConnect(packet: ConnectPacket, auth: AuthExchange | null): void {
    this.state = State.SigningOn;
    this.#maximumPacketSize = maximumPacketSizeOf(packet);
    this.#auth = auth;
    this.decoder.pause();
  }

  open(packet: ConnectPacket, { channel, stay, connack: offered }: Welcomed): void {
    if (this.state !== State.SigningOn) {
      // Another connection took the session over before this one heard that it had it.
      channel.onClosed();
      stay.onClosed(this.#endWord);
      return;
    }
    const { limits, counters, wheel } = this.deps;
    this.#channel = channel;
    this.#stay = stay;
    this.state = State.Open;
    this.decoder.handler = channel;
    this.#transport.onSignedOn();
    counters.connections++;
    this.#silenceMsMax = chooseKeepAlive(packet, limits) * 1_500; // [MQTT-3.1.2-22]
    this.heardAtMs = wheel.nowMs;
    wheel.cancel(this);
    if (this.#silenceMsMax > 0) wheel.scheduleAt(this, this.#silentAtMs);
    const connack = fittingConnack(offered, packet.protocolLevel, this.#maximumPacketSize);
    if (connack === undefined) return this.close(ReasonCode.PacketTooLarge, "packetSize");
    this.put(connack);
    this.decoder.packetBytesMax = limits.packetBytesMax;
    channel.onOpen();
    this.readOpen();
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
    if (this.state !== State.Closed) this.outgoing.put(bytes);
  }

  /** Acknowledgements cannot be dropped, so what causes them is not read until the client takes what there is. */
  onStalled(): void {
    if (this.state !== State.Open) return;
    this.#stalledAtMs = Math.max(1, this.deps.wheel.nowMs);
    this.hold(Hold.Writing);
    this.deps.wheel.schedule(this, this.deps.limits.stalledMs);
  }

  onFlowing(): void {
    if (this.#stalledAtMs === 0) return;
    this.#stalledAtMs = 0;
    this.release(Hold.Writing);
    this.heardAtMs = this.deps.wheel.nowMs;
    if (this.#silenceMsMax > 0) this.deps.wheel.scheduleAt(this, this.#silentAtMs);
    else this.deps.wheel.cancel(this);
  }

  onDrain(): void {
    this.guarded(() => this.outgoing.onDrain());
  }

  onRoom(): void {
    if (this.state === State.Open) this.guarded(() => this.#channel?.onWritable());
  }

  // ---- deadlines

  override onDeadline(): void {
    this.guarded(() => this.#judge());
  }

  /** When it has been silent for too long, on the wheel's clock: it was heard within the tick that began then. */
  get #silentAtMs(): number {
    return this.heardAtMs + this.deps.wheel.tickMs + this.#silenceMsMax;
  }

  #judge(): void {
    const { wheel, limits, rare } = this.deps;
    if (this.state === State.Closed) {
      this.stream.destroy();
    } else if (this.state !== State.Open) {
      rare.onConnectionRefused("deadline");
      this.stream.destroy();
    } else if (this.#stalledAtMs !== 0) {
      const dueAtMs = this.#stalledAtMs + wheel.tickMs + limits.stalledMs;
      if (wheel.nowMs < dueAtMs) return wheel.scheduleAt(this, dueAtMs);
      this.close(ReasonCode.QuotaExceeded, "slowConsumer");
    } else {
      // A client that is not being read cannot be heard.
      if (this.isHeld) this.heardAtMs = wheel.nowMs;
      if (wheel.nowMs < this.#silentAtMs) wheel.scheduleAt(this, this.#silentAtMs);
      else this.close(ReasonCode.KeepAliveTimeout, "keepAlive");
    }
  }

  // ---- the end

  close(reasonCode: number, word: string): void {
    if (this.state !== State.Closed) this.guarded(() => this.#close(reasonCode, word));
  }

  /** Without a word, and without waiting for what is written. */
  cut(): void {
    this.stream.destroy();
  }

  #close(reasonCode: number, word: string): void {
    if (reasonCode !== 0 && this.decoder.protocolLevel === ProtocolLevel.V5) this.#sayWhy(reasonCode);
    this.#endWord = word;
    this.#leave();
    this.outgoing.flush();
    this.outgoing.close();
    // A client that said goodbye says nothing more, and waits for nothing that the kernel does not have yet.
    if (word === "client" && this.#transport.isPlain && this.stream.writableLength === 0) {
      this.stream.destroy();
      return;
    }
    this.stream.end();
    // Reading goes on into the void: a socket closed with unread bytes is reset, and the last words would be lost with it.
    this.stream.resume();
    this.deps.wheel.schedule(this, lingerMs);
  }

  /** As far as there is a word for it: in DISCONNECT, and in CONNACK to who is not let in yet [MQTT-3.14.0-1]. */
  #sayWhy(reasonCode: number): void {
    const isOpen = this.state === State.Open;
    if (isOpen ? !isDisconnectCodeOf(false, reasonCode) : !isReasonCodeOf(PacketType.Connack, reasonCode)) return;
    const said = { reasonCode, properties: null };
    const bytes = isOpen ? encodeDisconnect(said, ProtocolLevel.V5) : encodeConnack({ ...said, sessionPresent: false }, ProtocolLevel.V5);
    if (bytes.length <= this.#maximumPacketSize) this.put(bytes);
  }

  /** Out of everything others look at, at once; the socket may take longer. What one of them breaks on does not keep the others from hearing of it. */
  #leave(): void {
    if (this.state === State.Open) this.deps.counters.connections--;
    this.state = State.Closed;
    this.deps.rare.onConnectionEnd(this.#endWord);
    this.attempt(() => this.decoder.stop());
    if (this.#auth !== null) this.attempt(() => this.#auth?.end());
    if (this.#channel === null) return;
    this.attempt(() => this.#channel?.onClosed());
    this.attempt(() => this.#stay?.onClosed(this.#endWord));
  }

  onClosed(): void {
    this.deps.wheel.cancel(this);
    this.outgoing.close();
    if (this.state !== State.Closed) this.#leave();
    this.attempt(() => this.#transport.onClosed(this));
  }

  // ---- errors of ours

  protected override whoFailed() {
    return { address: this.address, clientId: this.#channel?.session.clientId };
  }

  /** A second failure cuts the connection without a word. */
  protected override onFault(isAgain: boolean): void {
    if (this.#channel !== null) this.#channel.session.isInDoubt = true;
    if (isAgain || this.state === State.Closed) {
      this.stream.destroy();
      return;
    }
    this.close(ReasonCode.ImplementationSpecificError, "fault");
  }
}
