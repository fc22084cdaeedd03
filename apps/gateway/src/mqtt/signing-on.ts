// What a client may say until it is let in: CONNECT, and while it authenticates in several steps AUTH and DISCONNECT (MQTT 5 s4.12). Let go of once
// the connection is open.
import {
  type ConnectPacket,
  encodeConnack,
  encodePublish,
  type PublishPacket,
  ReasonCode,
  type ReasonPacket,
  type ServerPacketHandler,
} from "@mooring/mqtt";
import { AuthExchange, type AuthOutput } from "./auth-exchange.ts";
import type { ChannelOutput } from "./channel-ports.ts";
import { type Peer, type Registered, SignOnRefused } from "./connect.ts";
import type { ConnectionDeps } from "./connection-ports.ts";
import { refusedConnack } from "./refusal.ts";
import type { Guest, Welcomed } from "./welcome-ports.ts";

/** The connection that is signed on. */
export interface Host extends ChannelOutput, AuthOutput {
  /** From CONNECT until it is let in, refused or gone. */
  readonly isSigningOn: boolean;
  /** Nothing more is read until it is let in, or asked something. */
  onConnect(packet: ConnectPacket, auth: AuthExchange | null): void;
  holdBytes(): void;
  readOn(): void;
  put(bytes: Buffer): void;
  open(packet: ConnectPacket, welcomed: Welcomed): void;
}

export class SigningOn implements ServerPacketHandler, Guest {
  readonly #host: Host;
  readonly #peer: Peer;
  readonly #deps: ConnectionDeps;
  #auth: AuthExchange | null = null;

  constructor(host: Host, peer: Peer, deps: ConnectionDeps) {
    this.#host = host;
    this.#peer = peer;
    this.#deps = deps;
  }

  onConnect(packet: ConnectPacket): void {
    const method = packet.properties?.authenticationMethod;
    if (method !== undefined) this.#auth = new AuthExchange(method, this.#host);
    this.#host.onConnect(packet, this.#auth);
    this.#deps.welcome(packet, this.#peer, this).then(
      (welcomed) => this.#onAnswer(() => this.#admit(packet, welcomed)),
      (error: unknown) => this.#onAnswer(() => this.#refuse(packet, error)),
    );
  }

  #onAnswer(answer: () => void): void {
    try {
      answer();
    } catch (error) {
      this.#host.fail(error);
    }
  }

  /** Undefined: the connection went while it was being signed on. */
  #admit(packet: ConnectPacket, welcomed: Welcomed | Registered | undefined): void {
    if (welcomed === undefined) return;
    if ("kind" in welcomed) this.#tellRegistered(packet, welcomed);
    else this.#host.open(packet, welcomed);
  }

  /** Accepted, told what it gets, without asking for it, and sent away to come again with it (wire formats §2.3). */
  #tellRegistered({ protocolLevel }: ConnectPacket, { topic, payload }: Registered): void {
    if (this.isGone()) return;
    this.#host.put(encodeConnack({ sessionPresent: false, reasonCode: ReasonCode.Success, properties: null }, protocolLevel));
    const message = { topic, payload, qos: 0, retain: false, dup: false, packetId: 0, properties: null } as const;
    this.#host.put(encodePublish(message, protocolLevel));
    this.#host.close(0, "registered");
  }

  #refuse(packet: ConnectPacket, error: unknown): void {
    if (this.isGone()) return;
    const refused = error instanceof SignOnRefused ? error : new SignOnRefused(ReasonCode.ServerUnavailable, "unavailable", error);
    this.#deps.rare.onAuthFailure(refused.failure);
    if (refused.failure === "unavailable") this.#deps.log.warn({ err: refused.cause }, "a client could not be signed on");
    const connack = refusedConnack(packet, refused.reasonCode);
    if (connack !== undefined) this.#host.put(connack);
    this.#host.close(0, "refused");
  }

  // ---- the guest

  get address(): string | undefined {
    return this.#host.address;
  }

  get output(): ChannelOutput {
    return this.#host;
  }

  isGone(): boolean {
    return !this.#host.isSigningOn;
  }

  /** Lets the answer in, and nothing else. */
  async ask(data: Uint8Array): Promise<Uint8Array> {
    if (this.#auth === null || this.isGone()) throw new SignOnRefused(ReasonCode.ProtocolError, "protocol");
    const answer = this.#auth.ask(data);
    this.#host.readOn();
    return answer;
  }

  onAuth(packet: ReasonPacket): void {
    if (this.#auth === null) return this.#tooEarly(); // [MQTT-4.12.0-6]: no method was agreed on in CONNECT.
    this.#host.holdBytes();
    this.#auth.onAuth(packet, undefined);
  }

  onDisconnect(): void {
    this.#host.close(0, "client");
  }

  // ---- what is for those that are in

  #tooEarly(): void {
    this.#host.close(ReasonCode.ProtocolError, "protocol");
  }
  onPublish(_packet: PublishPacket): void {
    this.#tooEarly();
  }
  onPuback(): void {
    this.#tooEarly();
  }
  onPubrec(): void {
    this.#tooEarly();
  }
  onPubrel(): void {
    this.#tooEarly();
  }
  onPubcomp(): void {
    this.#tooEarly();
  }
  onSubscribe(): void {
    this.#tooEarly();
  }
  onUnsubscribe(): void {
    this.#tooEarly();
  }
  onPingreq(): void {
    this.#tooEarly();
  }
}
