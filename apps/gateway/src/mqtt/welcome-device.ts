// A device that has signed on and whose arrival is known: its session, and a channel to it.
import type { ConnectPacket } from "@mooring/mqtt";
import { ReasonCode } from "@mooring/mqtt";
import type { Arrival, Attendance } from "../attendance.ts";
import type { Expiry } from "../auth/expiry.ts";
import type { WillRights } from "../auth/will-rights.ts";
import type { Spaces } from "../broker/spaces.ts";
import type { Registry } from "../route/registry.ts";
import { type DeviceSignedOn, protocolNames, type SignedOn, SignOnRefused } from "./connect.ts";
import { DeviceChannel, type DeviceChannelDeps } from "./device-channel.ts";
import { openSession } from "./open-session.ts";
import { type AnswerDeps, channelStart, connackOf, ownerOf } from "./welcome-answer.ts";
import type { Guest, Stay, Welcomed } from "./welcome-ports.ts";
import { deviceWill } from "./wills.ts";

export interface DeviceWelcomeDeps extends DeviceChannelDeps, AnswerDeps {
  readonly attendance: Attendance;
  readonly registry: Registry;
  readonly expiry: Expiry;
  readonly willRights: Pick<WillRights, "remember">;
  readonly spaces: Spaces;
}

export interface Arrived {
  readonly signedOn: SignedOn & DeviceSignedOn;
  readonly arrival: Arrival;
}

/** Throws SignOnRefused. */
export function welcomeDevice(deps: DeviceWelcomeDeps, packet: ConnectPacket, { signedOn, arrival }: Arrived, { output }: Guest): Welcomed {
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
  readonly #deps: Pick<DeviceWelcomeDeps, "expiry" | "registry" | "attendance">;
  readonly #channel: DeviceChannel;
  readonly #arrival: Arrival;

  constructor(deps: Pick<DeviceWelcomeDeps, "expiry" | "registry" | "attendance">, channel: DeviceChannel, arrival: Arrival) {
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
