// The listener for devices with a pre-shared key (RFC 4279). It shows no certificate, so there is nothing to fall back to: no key, no handshake.
//
//   socket --> PskGate --identity--> devices.findPreSharedKey --key--> TLS 1.2 --"secure"--> Connection, checked again at CONNECT
//
// TLS asking for a key proves nothing. Who somebody is, is what was asked for by this connection's own handshake, once that has ended well.
import { constants, randomBytes } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { type DeviceApi, type DeviceIdentity, PlatformError, type SignOnOrigin, serviceCaller } from "@mooring/contracts";
import { type TimerWheel, WheelEntry } from "@mooring/kit";
import { type Claim, claimOf, type Guard } from "../auth/guard.ts";
import { parsePskDevice } from "../auth/psk-device.ts";
import type { RareCounters } from "../counters.ts";
import { peerAddress } from "../sockets.ts";
import { PskGate } from "./psk-gate.ts";

export interface PskDoorDeps {
  readonly devices: Pick<DeviceApi, "findPreSharedKey">;
  readonly guard: Pick<Guard, "mayTry" | "failed">;
  readonly wheel: TimerWheel;
  readonly rare: RareCounters;
  readonly connectMs: number;
}

/** Takes a connection whose handshake has ended well. */
export type OnSecure = (tls: TLSSocket, identity: DeviceIdentity) => void;

export const pskProtocol = "mqtt-psk";

/** With a fresh key agreement where the device can; those that can compute no curve have plain PSK, and no forward secrecy. */
const ciphers = [
  "ECDHE-PSK-CHACHA20-POLY1305",
  "ECDHE-PSK-AES128-CBC-SHA256",
  "ECDHE-PSK-AES256-CBC-SHA384",
  "PSK-AES128-GCM-SHA256",
  "PSK-AES256-GCM-SHA384",
  "PSK-AES128-CCM8",
  "PSK-AES128-CBC-SHA256",
].join(":");

/** `admit` says who takes the connection on this socket; undefined when it is not to be served. */
export function createPskServer(deps: PskDoorDeps, admit: (socket: Socket) => OnSecure | undefined): Server {
  // With TLS 1.3 the key would silently not be used. Without tickets and renegotiation a connection has one handshake and one identity.
  const secureContext = createSecureContext({
    ciphers,
    minVersion: "TLSv1.2",
    maxVersion: "TLSv1.2",
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  });
  return createServer({ noDelay: true }, (socket) => {
    const onSecure = admit(socket);
    if (onSecure !== undefined) new Handshake(deps, socket, onSecure).begin(secureContext);
  });
}

interface Found {
  readonly pskIdentity: string;
  readonly claim: Claim;
  readonly key: Uint8Array;
  /** Undefined when there is no such device: then the key is made up, so that it fails as a wrong one does. */
  readonly identity: DeviceIdentity | undefined;
}

class Handshake extends WheelEntry {
  readonly #deps: PskDoorDeps;
  readonly #socket: Socket;
  readonly #onSecure: OnSecure;
  readonly #origin: SignOnOrigin;
  #found: Found | undefined;
  #isOver = false;

  constructor(deps: PskDoorDeps, socket: Socket, onSecure: OnSecure) {
    super();
    this.#deps = deps;
    this.#socket = socket;
    this.#onSecure = onSecure;
    this.#origin = { protocol: pskProtocol, address: peerAddress(socket) ?? "" };
  }

  begin(secureContext: ReturnType<typeof createSecureContext>): void {
    this.#deps.wheel.schedule(this, this.#deps.connectMs);
    const gate = new PskGate(this.#socket, { onIdentity: (identity) => this.#find(identity), onBroken: () => this.#onFailed() });
    const pskCallback = (_socket: TLSSocket, identity: string): Uint8Array | null =>
      this.#found !== undefined && this.#found.pskIdentity === identity ? this.#found.key : null;
    const tls = new TLSSocket(gate, { isServer: true, secureContext, pskCallback } as ConstructorParameters<typeof TLSSocket>[1]);
    tls.once("secure", () => this.#onDone(tls));
    tls.on("_tlsError", () => this.#onFailed());
    tls.on("error", () => this.#onFailed());
    tls.on("close", () => this.#onFailed());
  }

  async #find(pskIdentity: string): Promise<void> {
    const { devices, guard } = this.#deps;
    const claim = claimOf(parsePskDevice(pskIdentity));
    if (!guard.mayTry(claim, this.#origin)) throw new PlatformError("quotaExceeded", "held off");
    try {
      const { identity, key } = await devices.findPreSharedKey(serviceCaller("gateway"), { identity: pskIdentity, origin: this.#origin });
      this.#found = { pskIdentity, claim, key, identity };
    } catch (error) {
      if (!(error instanceof PlatformError) || !["unauthenticated", "permissionDenied"].includes(error.code)) throw error;
      this.#found = { pskIdentity, claim, key: randomBytes(32), identity: undefined };
    }
  }

  #onDone(tls: TLSSocket): void {
    if (this.#isOver) return;
    const identity = this.#found?.identity;
    if (identity === undefined || tls.getProtocol() !== "TLSv1.2") return this.#onFailed();
    this.#isOver = true;
    this.#deps.wheel.cancel(this);
    this.#onSecure(tls, identity);
  }

  /** Refused, broken off or too late: nobody is told why. */
  #onFailed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deps.wheel.cancel(this);
    this.#deps.rare.onConnectionRefused("handshake");
    this.#socket.destroy();
    if (this.#found === undefined) return;
    const { identity, claim } = this.#found;
    this.#deps.rare.onAuthFailure("preSharedKey");
    // Why an unknown device has no key the devices service has kept already.
    this.#deps.guard.failed(claim, this.#origin, identity === undefined ? undefined : "wrong-key");
  }

  override onDeadline(): void {
    this.#onFailed();
  }
}
