// What happens between CONNECT and CONNACK, step by step: who is it, where is its session, what may it do. The connection sees only the outcome.
import type { ConnackPacket, ConnectPacket } from "@mooring/mqtt";
import { isValidTopicName, ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import type { Arrival, Attendance } from "../attendance.ts";
import type { Expiry } from "../auth/expiry.ts";
import type { OperatorKeys } from "../auth/operator-keys.ts";
import type { WillRights } from "../auth/will-rights.ts";
import type { Figures } from "../broker/figures.ts";
import type { Space } from "../broker/space.ts";
import type { Spaces } from "../broker/spaces.ts";
import type { Changes } from "../changes.ts";
import type { ConnectionCounts } from "../connection-counts.ts";
import type { GatewayCounters } from "../counters.ts";
import type { Registry } from "../route/registry.ts";
import { acceptance, type ConnackLimits, chooseSessionExpiry, fittingConnack, maximumPacketSizeOf } from "./acceptance.ts";
import type { ChannelLimits, ChannelOutput, ChannelStart } from "./channel.ts";
import { ClientChannel } from "./client-channel.ts";
import {
  type ClientSignedOn,
  type DeviceSignedOn,
  protocolNames,
  type SignedOn,
  type SignOnDeps,
  SignOnRefused,
  signOn,
} from "./connect.ts";
import { DeviceChannel, type DeviceChannelDeps } from "./device-channel.ts";
import { authenticateEnhanced, scramMethod } from "./enhanced.ts";
import { findSession, forgetKeptSession, openSession } from "./open-session.ts";
import { type ClaimWelcomeDeps, welcomeClaim } from "./welcome-claim.ts";
import type { Guest, Reauthenticate, Stay, Welcome, Welcomed } from "./welcome-ports.ts";
import { clientWill, deviceWill } from "./wills.ts";

export interface WelcomeDeps extends SignOnDeps, DeviceChannelDeps, ClaimWelcomeDeps {
  readonly attendance: Attendance;
  readonly registry: Registry;
  readonly changes: Pick<Changes, "generation" | "recheck">;
  readonly operatorKeys: OperatorKeys;
  readonly expiry: Expiry;
  readonly willRights: Pick<WillRights, "remember">;
  readonly spaces: Spaces;
  readonly figures: Figures;
  readonly counters: GatewayCounters;
  readonly counts: ConnectionCounts;
  readonly connack: ConnackLimits;
  /** Of clients of the broker; devices have narrower ones. */
  readonly clientLimits: ChannelLimits;
}

export function createWelcome(deps: WelcomeDeps): Welcome {
  return async (packet, peer, guest) => {
    const { generation } = deps.changes;
    const signedOn = await signOn(packet, peer, guest, deps);
    if (guest.isGone()) return undefined;
    if (signedOn.kind === "registered") return signedOn;
    if (signedOn.kind === "claim") return welcomeClaim(deps, packet, signedOn, guest);
    const place = takePlace(deps, packet, signedOn, guest);
    try {
      const forgetting = forgetKeptSession(spaceOf(deps, signedOn), packet, ownerOf(signedOn), signedOn.clientId);
      if (forgetting !== undefined) await forgetting;
      if (guest.isGone()) return place.leave();
      if (signedOn.kind === "client") return place.give(welcomeClient(deps, packet, signedOn, guest.output));
      const protocol = protocolNames[packet.protocolLevel];
      const way = { protocol, ...(guest.address === undefined ? {} : { address: guest.address }) };
      const arrival = await deps.attendance.arrive(signedOn.identity, signedOn.clientId, way);
      const welcomed = welcomeArrived(deps, packet, { signedOn, arrival }, guest);
      if (welcomed === undefined) return place.leave();
      // A right may have been taken away while it was being looked at.
      if (deps.changes.generation !== generation) deps.changes.recheck(welcomed.channel as DeviceChannel);
      return place.give(welcomed);
    } catch (error) {
      place.leave();
      throw error;
    }
  };
}

/** Undefined when it went while its arrival was made known. */
function welcomeArrived(deps: WelcomeDeps, packet: ConnectPacket, arrived: Arrived, guest: Guest): Welcomed | undefined {
  if (guest.isGone()) {
    deps.attendance.leave(arrived.arrival, "lost");
    return undefined;
  }
  try {
    return welcomeDevice(deps, packet, arrived, guest);
  } catch (error) {
    deps.attendance.leave(arrived.arrival, "refused");
    throw error;
  }
}

/** Whoever has a session in a tenant. */
type Member = SignedOn & (DeviceSignedOn | ClientSignedOn);

function spaceOf({ spaces }: WelcomeDeps, signedOn: Member): Space {
  return spaces.of(signedOn.kind === "client" ? signedOn.tenantId : signedOn.identity.device.tenantId);
}

function ownerOf(signedOn: Member): string {
  return signedOn.kind === "client" ? signedOn.owner : `device:${signedOn.identity.device.deviceId}`;
}

/** What a connection takes of the limits of its tenant and its address. */
class Place implements Stay {
  readonly #counts: ConnectionCounts;
  readonly #tenantId: string;
  readonly #address: string;
  #inner: Stay | undefined;

  constructor(counts: ConnectionCounts, tenantId: string, address: string) {
    this.#counts = counts;
    this.#tenantId = tenantId;
    this.#address = address;
  }

  get reauthenticate(): Reauthenticate | undefined {
    return this.#inner?.reauthenticate;
  }

  /** It stays taken until the connection ends. */
  give(welcomed: Welcomed): Welcomed {
    this.#inner = welcomed.stay;
    return { channel: welcomed.channel, connack: welcomed.connack, stay: this };
  }

  leave(): undefined {
    this.#counts.leave(this.#tenantId, this.#address);
  }

  onClosed(word: string): void {
    this.leave();
    this.#inner?.onClosed(word);
  }
}

/**
 * Looks at all that may stand against a client that has signed on, and counts it in. Nothing of the session it would find has been touched when this
 * throws SignOnRefused.
 */
function takePlace(deps: WelcomeDeps, packet: ConnectPacket, signedOn: Member, { address = "" }: Guest): Place {
  const space = spaceOf(deps, signedOn);
  const { tenantId } = space;
  const { sessionExpirySMax, willDelaySMax } = space.limits;
  if (signedOn.kind === "client") clientWill(packet, signedOn.rights, deps.clientLimits, willDelaySMax);
  else deviceWill(packet, signedOn, deps.limits, willDelaySMax);
  refuseUnlessAnswerable(deps, packet, signedOn, sessionExpirySMax);
  const before = findSession(space, packet, ownerOf(signedOn), signedOn.clientId)?.channel ?? null;
  deps.counts.enter(tenantId, address, before === null ? undefined : (before.address ?? ""));
  return new Place(deps.counts, tenantId, address);
}

/** Only a client of MQTT 5 can say that CONNACK is too large for it [MQTT-3.1.2-24]. */
function refuseUnlessAnswerable(deps: WelcomeDeps, packet: ConnectPacket, signedOn: Member, sessionExpirySMax: number): void {
  if (packet.properties?.maximumPacketSize === undefined) return;
  const expected = connackOf(deps, packet, signedOn, { isPresent: false, expiryS: chooseSessionExpiry(packet, sessionExpirySMax) });
  if (fittingConnack(expected, packet.protocolLevel, maximumPacketSizeOf(packet)) !== undefined) return;
  throw new SignOnRefused(ReasonCode.PacketTooLarge, "protocol");
}

/** What a client of the broker is welcomed with. */
export type ClientWelcomeDeps = Pick<
  WelcomeDeps,
  "access" | "operatorKeys" | "spaces" | "figures" | "counters" | "connack" | "clientLimits"
>;

/** Of a client that has signed on: its session, and a channel to it. Throws SignOnRefused. */
export function welcomeClient(
  deps: ClientWelcomeDeps,
  packet: ConnectPacket,
  signedOn: SignedOn & ClientSignedOn,
  output: ChannelOutput,
): Welcomed {
  const { tenantId, owner, clientId, rights, apiKey } = signedOn;
  const space = deps.spaces.of(tenantId);
  const { clientLimits: limits, counters, figures } = deps;
  const will = clientWill(packet, rights, limits, space.limits.willDelaySMax);
  const { session, isPresent } = openSession(space, packet, owner, clientId);
  const start = channelStart(packet, deps.connack);
  const channel = new ClientChannel(start, session, { limits, counters, rights, figures }, output);
  session.attach(channel, will);
  if (apiKey !== undefined) deps.operatorKeys.add(apiKey, channel);
  const reauthenticate = signedOn.serverFinal === undefined ? undefined : reauthenticateAs(owner, deps);
  return {
    channel,
    connack: connackOf(deps, packet, signedOn, { expiryS: session.expiryS, isPresent }),
    stay: apiKey === undefined ? guestStay : new KeyHolderStay(deps.operatorKeys, apiKey, channel, reauthenticate),
  };
}

/** Of a client without a credential: there is nothing to be let go of. */
const guestStay: Stay = { onClosed: () => undefined };

class KeyHolderStay implements Stay {
  readonly reauthenticate: Reauthenticate | undefined;
  readonly #operatorKeys: OperatorKeys;
  readonly #apiKey: string;
  readonly #channel: ClientChannel;

  constructor(operatorKeys: OperatorKeys, apiKey: string, channel: ClientChannel, reauthenticate: Reauthenticate | undefined) {
    this.reauthenticate = reauthenticate;
    this.#operatorKeys = operatorKeys;
    this.#apiKey = apiKey;
    this.#channel = channel;
  }

  onClosed(): void {
    this.#operatorKeys.remove(this.#apiKey, this.#channel);
  }
}

function reauthenticateAs(owner: string, deps: Pick<WelcomeDeps, "access">): Reauthenticate {
  return async (clientFirst, ask) => {
    const { caller, serverFinal } = await authenticateEnhanced(scramMethod, clientFirst, ask, deps);
    if (caller.principal !== owner) throw new SignOnRefused(ReasonCode.NotAuthorized, "identityMismatch");
    return serverFinal;
  };
}

interface Arrived {
  readonly signedOn: SignedOn & DeviceSignedOn;
  readonly arrival: Arrival;
}

function welcomeDevice(deps: WelcomeDeps, packet: ConnectPacket, { signedOn, arrival }: Arrived, { output }: Guest): Welcomed {
  const { identity, clientId } = signedOn;
  const space = deps.spaces.of(identity.device.tenantId);
  const will = deviceWill(packet, signedOn, deps.limits, space.limits.willDelaySMax);
  if (will === null && packet.will !== null) deps.counters.ignoredWills++;
  const { session, isPresent } = openSession(space, packet, ownerOf(signedOn), clientId);
  deps.willRights.remember(session, identity.credentialId);
  const start = {
    ...channelStart(packet, deps.connack),
    identity,
    epoch: arrival.entry.epoch,
    protocol: protocolNames[packet.protocolLevel],
  };
  const channel = new DeviceChannel(start, session, deps, output);
  session.attach(channel, will);
  if (!deps.registry.add(channel)) {
    channel.onClosed();
    throw new SignOnRefused(ReasonCode.ServerBusy, "unavailable");
  }
  deps.expiry.add(channel);
  return {
    channel,
    connack: connackOf(deps, packet, signedOn, { expiryS: session.expiryS, isPresent }),
    stay: new DeviceStay(deps, channel, arrival),
  };
}

class DeviceStay implements Stay {
  readonly #deps: Pick<WelcomeDeps, "expiry" | "registry" | "attendance">;
  readonly #channel: DeviceChannel;
  readonly #arrival: Arrival;

  constructor(deps: Pick<WelcomeDeps, "expiry" | "registry" | "attendance">, channel: DeviceChannel, arrival: Arrival) {
    this.#deps = deps;
    this.#channel = channel;
    this.#arrival = arrival;
  }

  onClosed(word: string): void {
    this.#deps.expiry.remove(this.#channel);
    this.#deps.registry.remove(this.#channel);
    this.#deps.attendance.leave(this.#arrival, word);
  }
}

export function channelStart(packet: ConnectPacket, connack: ConnackLimits): ChannelStart {
  const { protocolLevel, properties } = packet;
  return {
    protocolLevel,
    receiveMaximum: connack.receiveMaximum,
    windowMax: Math.min(properties?.receiveMaximum ?? 65_535, connack.inFlightMax),
    maximumPacketSize: maximumPacketSizeOf(packet),
    topicAliasMaximum: protocolLevel === ProtocolLevel.V5 ? connack.topicAliasMaximum : 0,
    sentAliasMaximum: Math.min(properties?.topicAliasMaximum ?? 0, connack.topicAliasMaximum),
    saysProblems: properties?.requestProblemInformation !== false,
  };
}

function connackOf(
  deps: Pick<WelcomeDeps, "connack" | "clientLimits">,
  packet: ConnectPacket,
  signedOn: Member,
  { expiryS, isPresent }: { readonly expiryS: number; readonly isPresent: boolean },
): ConnackPacket {
  const { clientId, isAssigned } = signedOn;
  const asks = packet.properties?.requestResponseInformation === true;
  const responseInformation = asks ? responseTopicOf(signedOn, deps.clientLimits) : undefined;
  const serverFinal = signedOn.kind === "client" ? signedOn.serverFinal : undefined;
  const accepted = { sessionPresent: isPresent, clientId, isAssigned, sessionExpiryS: expiryS, responseInformation, serverFinal };
  return acceptance(packet, accepted, deps.connack);
}

/** Where the client may ask to be answered: a topic that is its own (s4.10.1). Undefined when its client id is too long for one. */
function responseTopicOf(signedOn: Member, { topicBytesMax, topicLevelsMax }: ChannelLimits): string | undefined {
  if (signedOn.kind === "device") {
    const { productKey, deviceName } = signedOn.identity.device;
    return `/${productKey}/${deviceName}/user/response`;
  }
  // A client id may have what no topic may.
  const topic = `response/${signedOn.clientId.replaceAll(/[%+#]/g, encodeURIComponent)}`;
  return isValidTopicName(topic, topicBytesMax, topicLevelsMax) ? topic : undefined;
}
