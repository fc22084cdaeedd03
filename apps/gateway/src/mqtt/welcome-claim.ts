// A claim that has signed on: a channel that can do one thing, and a session that ends with the connection.
import { randomUUID } from "node:crypto";
import { type ConnectPacket, ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import type { ClaimWatch } from "../auth/claim-watch.ts";
import type { ProvisioningDeps } from "../route/provisioning.ts";
import { acceptance } from "./acceptance.ts";
import { ClaimChannel, claimSpace } from "./claim-channel.ts";
import { type ClaimSignedOn, protocolNames, type SignedOn, SignOnRefused } from "./connect.ts";
import type { WelcomeDeps } from "./welcome.ts";
import { channelStart } from "./welcome-answer.ts";
import type { Guest, Welcomed } from "./welcome-ports.ts";

export interface ClaimWelcomeDeps {
  readonly claimWatch: Pick<ClaimWatch, "hasRoom" | "add" | "remove">;
  readonly provisioning: ProvisioningDeps;
}

/** Throws SignOnRefused. */
export function welcomeClaim(
  deps: WelcomeDeps,
  packet: ConnectPacket,
  { claim, clientId, isAssigned }: SignedOn & ClaimSignedOn,
  { address = "", output }: Guest,
): Welcomed {
  // Before MQTT 5 firmware sets wills by default and cannot be told: those are let in without, as devices are.
  if (packet.will !== null && packet.protocolLevel === ProtocolLevel.V5) throw new SignOnRefused(ReasonCode.NotAuthorized, "protocol");
  if (!deps.claimWatch.hasRoom(claim)) throw new SignOnRefused(ReasonCode.QuotaExceeded, "tenantLimit");
  deps.counts.enter(claim.tenantId, address, undefined);
  const space = deps.spaces.of(claimSpace);
  // A whole fleet has this claim, and often one client id: nobody takes anybody over.
  const session = space.create(clientId, `claim:${claim.claimId}/${randomUUID()}`);
  session.protocolLevel = packet.protocolLevel;
  const origin = { protocol: protocolNames[packet.protocolLevel], address };
  const { provisioning, clientLimits: limits, counters } = deps;
  const channel = new ClaimChannel(channelStart(packet, deps.connack), session, { claim, origin, provisioning, limits, counters }, output);
  session.attach(channel, null);
  deps.claimWatch.add(claim, channel);
  const accepted = {
    sessionPresent: false,
    clientId,
    isAssigned,
    sessionExpiryS: 0,
    responseInformation: undefined,
    serverFinal: undefined,
  };
  return {
    channel,
    connack: acceptance(packet, accepted, deps.connack),
    stay: {
      onClosed: () => {
        deps.claimWatch.remove(claim, channel);
        deps.counts.leave(claim.tenantId, address);
      },
    },
  };
}
