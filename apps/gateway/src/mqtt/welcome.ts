// What happens between CONNECT and CONNACK, step by step: who is it, where is its session, what may it do. The connection sees only the outcome.
import type { ConnectPacket } from "@mooring/mqtt";
import { ReasonCode } from "@mooring/mqtt";
import type { Space } from "../broker/space.ts";
import type { Changes } from "../changes.ts";
import type { ConnectionCounts } from "../connection-counts.ts";
import { chooseSessionExpiry, fittingConnack, maximumPacketSizeOf } from "./acceptance.ts";
import { protocolNames, type SignOnDeps, SignOnRefused, signOn } from "./connect.ts";
import type { DeviceChannel } from "./device-channel.ts";
import { endSessionBefore, findSession } from "./open-session.ts";
import { Place } from "./place.ts";
import { connackOf, type Member, ownerOf } from "./welcome-answer.ts";
import { type ClaimWelcomeDeps, welcomeClaim } from "./welcome-claim.ts";
import { type ClientWelcomeDeps, welcomeClient } from "./welcome-client.ts";
import { type Arrived, type DeviceWelcomeDeps, welcomeDevice } from "./welcome-device.ts";
import type { Guest, Welcome, Welcomed } from "./welcome-ports.ts";
import { clientWill, deviceWill } from "./wills.ts";

export interface WelcomeDeps extends SignOnDeps, ClientWelcomeDeps, DeviceWelcomeDeps, ClaimWelcomeDeps {
  readonly changes: Pick<Changes, "generation" | "recheck">;
  readonly counts: ConnectionCounts;
}

export function createWelcome(deps: WelcomeDeps): Welcome {
  return async (packet, peer, guest) => {
    const { generation } = deps.changes;
    const signedOn = await signOn(packet, peer, guest, deps);
    if (guest.isGone()) return undefined;
    if (signedOn.kind === "registered") return signedOn;
    if (signedOn.kind === "claim") return welcomeClaim(deps, packet, signedOn, guest);
    const place = takePlace(deps, packet, signedOn, guest);
    const endBefore = (): Promise<void> | undefined => {
      return guest.isGone() ? undefined : endSessionBefore(spaceOf(deps, signedOn), packet, ownerOf(signedOn), signedOn.clientId);
    };
    try {
      for (let ending = endBefore(); ending !== undefined; ending = endBefore()) await ending;
      if (guest.isGone()) return place.leave();
      if (signedOn.kind === "client") return place.give(welcomeClient(deps, packet, signedOn, guest.output));
      const protocol = protocolNames[packet.protocolLevel];
      const way = { protocol, ...(guest.address === undefined ? {} : { address: guest.address }) };
      const arrival = await deps.attendance.arrive(signedOn.identity, signedOn.clientId, way);
      const welcomed = await welcomeArrived(deps, packet, { signedOn, arrival }, guest, endBefore);
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

/** Undefined when it went while its arrival was made known. Another one may have come and gone under its client id meanwhile. */
async function welcomeArrived(
  deps: WelcomeDeps,
  packet: ConnectPacket,
  arrived: Arrived,
  guest: Guest,
  endBefore: () => Promise<void> | undefined,
): Promise<Welcomed | undefined> {
  try {
    for (let ending = endBefore(); ending !== undefined; ending = endBefore()) await ending;
    if (!guest.isGone()) return welcomeDevice(deps, packet, arrived, guest);
  } catch (error) {
    deps.attendance.leave(arrived.arrival, "refused");
    throw error;
  }
  deps.attendance.leave(arrived.arrival, "lost");
  return undefined;
}

function spaceOf({ spaces }: WelcomeDeps, signedOn: Member): Space {
  return spaces.of(signedOn.kind === "client" ? signedOn.tenantId : signedOn.identity.device.tenantId);
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
