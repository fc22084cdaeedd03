// CONNECT, from the packet to who it is. Read `signOn` aloud: it is the list of steps. Nothing here sees a socket.

import { randomUUID } from "node:crypto";
import {
  type AccessApi,
  type Caller,
  type ClaimIdentity,
  type DeviceIdentity,
  PlatformError,
  type RegisteredDevice,
  serviceCaller,
} from "@mooring/contracts";
import { type ConnectPacket, ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import type { ShownCertificate } from "../auth/client-certificate.ts";
import { apiKeyOf } from "../auth/operator-keys.ts";
import { parseClientId } from "../auth/secret.ts";
import type { AuthFailure } from "../counters.ts";
import type { ClientRights } from "./client-channel.ts";
import { type DeviceSignOnDeps, signOnDevice } from "./device-sign-on.ts";
import { type Ask, authenticateEnhanced } from "./enhanced.ts";
import { operatorRights } from "./rights.ts";

/** What the transport says about the peer. */
export interface Peer {
  readonly transport: "tls" | "tcp";
  /** Proved in the handshake. */
  readonly certificate: ShownCertificate | undefined;
  /** The same by a pre-shared key: whose it was then. */
  readonly preShared?: DeviceIdentity;
  /** At the development listener: everybody, with these rights in this tenant. */
  readonly anonymous: Anonymous | undefined;
}

export interface Anonymous {
  readonly tenantId: string;
  readonly rights: ClientRights;
}

/** Nobody stays who came to register: it is told what it gets, and comes again with it. */
export interface Registered {
  readonly kind: "registered";
  readonly topic: string;
  readonly payload: Buffer;
}

export type SignedOn = (DeviceSignedOn | ClientSignedOn | ClaimSignedOn) & {
  readonly clientId: string;
  /** The client sent none and is told this one. */
  readonly isAssigned: boolean;
};

export interface DeviceSignedOn {
  readonly kind: "device";
  readonly identity: DeviceIdentity;
}

/** One of a fleet, that has nothing of its own yet. */
export interface ClaimSignedOn {
  readonly kind: "claim";
  readonly claim: ClaimIdentity;
}

/** A client of the broker in its tenant. */
export interface ClientSignedOn {
  readonly kind: "client";
  readonly tenantId: string;
  /** Whose session it is: see StoredSession. */
  readonly owner: string;
  readonly rights: ClientRights;
  /** The API key it signed on with, to be looked at again: see OperatorKeys. Absent for anonymous ones. */
  readonly apiKey?: string;
  /** With enhanced authentication: to be said in CONNACK. */
  readonly serverFinal?: Buffer;
}

/** The client is not let in; it hears the reason code, and nothing about why it does not fit. */
export class SignOnRefused extends Error {
  override readonly name = "SignOnRefused";
  readonly reasonCode: number;
  readonly failure: AuthFailure;

  constructor(reasonCode: number, failure: AuthFailure, cause?: unknown) {
    super(`sign-on refused (${failure})`, { cause });
    this.reasonCode = reasonCode;
    this.failure = failure;
  }
}

/** Who knows who somebody is. */
export interface SignOnDeps extends DeviceSignOnDeps {
  readonly access: Pick<AccessApi, "authenticateKey" | "findScramVerifier">;
}

/** The connection that asks: its peer's address, and how to ask it back. */
export interface Way {
  ask(data: Uint8Array): Promise<Uint8Array>;
  readonly address: string | undefined;
}

export const protocolNames = {
  [ProtocolLevel.V31]: "mqtt-3.1",
  [ProtocolLevel.V311]: "mqtt-3.1.1",
  [ProtocolLevel.V5]: "mqtt-5.0",
} as const;

/** Who this is. Throws SignOnRefused, or rejects with it, whatever happens: when nobody can tell, the client is not let in. */
export function signOn(packet: ConnectPacket, peer: Peer, way: Way, deps: SignOnDeps): SignedOn | Promise<SignedOn | Registered> {
  const method = packet.properties?.authenticationMethod;
  if (method !== undefined) return enhanced(method, packet, way, deps);
  if (peer.anonymous !== undefined) {
    if (peer.transport === "tls" && peer.certificate === undefined) throw new SignOnRefused(ReasonCode.NotAuthorized, "noCredential");
    return { ...anonymous(peer.anonymous), ...chooseClientId(packet, packet.clientId) };
  }
  const isProved = peer.certificate !== undefined || peer.preShared !== undefined;
  const apiKey = isProved ? undefined : apiKeyOf(packet.password);
  return apiKey === undefined ? device(packet, peer, way, deps) : operator(apiKey, packet, deps);
}

async function enhanced(method: string, packet: ConnectPacket, way: Way, deps: SignOnDeps): Promise<SignedOn> {
  const ask: Ask = (data) => way.ask(data);
  const { caller, keyId, serverFinal } = await authenticateEnhanced(method, packet.properties?.authenticationData, ask, deps);
  return { ...operatorOf(caller), apiKey: keyId, serverFinal, ...chooseClientId(packet, packet.clientId) };
}

async function device(packet: ConnectPacket, peer: Peer, way: Way, deps: SignOnDeps): Promise<SignedOn | Registered> {
  const named = parseClientId(packet.clientId);
  const chosen = chooseClientId(packet, named.id);
  const origin = { protocol: protocolNames[packet.protocolLevel], address: way.address ?? "" };
  const signedOn = await signOnDevice({ packet, peer, named, origin }, deps);
  return signedOn.kind === "registered" ? signedOn : { ...signedOn, ...chosen };
}

function anonymous({ tenantId, rights }: Anonymous): ClientSignedOn {
  return { kind: "client", tenantId, owner: "anonymous", rights };
}

/** A back end: an API key as password, with any user name or none. */
async function operator(apiKey: string, packet: ConnectPacket, { access }: SignOnDeps): Promise<SignedOn> {
  const caller = await judged("apiKey", () => access.authenticateKey(serviceCaller("gateway"), { secret: apiKey }));
  return { ...operatorOf(caller), apiKey, ...chooseClientId(packet, packet.clientId) };
}

function operatorOf({ tenantId, principal, role }: Caller): ClientSignedOn {
  if (!tenantId || !principal) throw new SignOnRefused(ReasonCode.ServerUnavailable, "unavailable");
  return { kind: "client", tenantId, owner: principal, rights: operatorRights(role) };
}

/** [MQTT-3.1.3-6]: a client may leave its id to the server; before MQTT 5 only with a clean session [3.1.1 MQTT-3.1.3-8], and in 3.1 never. */
function chooseClientId(
  { protocolLevel, cleanStart }: ConnectPacket,
  named: string,
): { readonly clientId: string; readonly isAssigned: boolean } {
  if (named !== "") {
    if (named.length > clientIdCharactersMax) throw new SignOnRefused(ReasonCode.ClientIdentifierNotValid, "protocol");
    return { clientId: named, isAssigned: false };
  }
  const mayBeEmpty = protocolLevel === ProtocolLevel.V5 || (protocolLevel === ProtocolLevel.V311 && cleanStart);
  if (!mayBeEmpty) throw new SignOnRefused(ReasonCode.ClientIdentifierNotValid, "protocol");
  return { clientId: randomUUID(), isAssigned: true };
}

/** It is kept in presence and in records. */
const clientIdCharactersMax = 128;

/** What was asked, or a refusal: what is not known to be right is not let in. */
export async function judged<T extends DeviceIdentity | Caller | RegisteredDevice | ClaimIdentity>(
  failure: AuthFailure,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const code = error instanceof PlatformError ? error.code : "internal";
    if (code === "permissionDenied") throw new SignOnRefused(ReasonCode.Banned, "tenantSuspended", error);
    const isVerdict = code === "unauthenticated" || code === "notFound" || code === "invalidArgument";
    if (isVerdict) throw new SignOnRefused(ReasonCode.NotAuthorized, failure, error);
    throw new SignOnRefused(ReasonCode.ServerUnavailable, "unavailable", error);
  }
}
