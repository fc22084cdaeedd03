// A client of the broker that has signed on: its session, and a channel to it.
import type { ConnectPacket } from "@mooring/mqtt";
import { ReasonCode } from "@mooring/mqtt";
import type { OperatorKeys } from "../auth/operator-keys.ts";
import type { Figures } from "../broker/figures.ts";
import type { Spaces } from "../broker/spaces.ts";
import type { GatewayCounters } from "../counters.ts";
import type { ChannelOutput } from "./channel.ts";
import { ClientChannel } from "./client-channel.ts";
import { type ClientSignedOn, type SignedOn, type SignOnDeps, SignOnRefused } from "./connect.ts";
import { authenticateEnhanced, scramMethod } from "./enhanced.ts";
import { openSession } from "./open-session.ts";
import { type AnswerDeps, channelStart, connackOf } from "./welcome-answer.ts";
import type { Reauthenticate, Stay, Welcomed } from "./welcome-ports.ts";
import { clientWill } from "./wills.ts";

/** What a client of the broker is welcomed with. */
export interface ClientWelcomeDeps extends Pick<SignOnDeps, "access">, AnswerDeps {
  readonly operatorKeys: OperatorKeys;
  readonly spaces: Spaces;
  readonly figures: Figures;
  readonly counters: GatewayCounters;
}

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

function reauthenticateAs(owner: string, deps: Pick<ClientWelcomeDeps, "access">): Reauthenticate {
  return async (clientFirst, ask) => {
    const { caller, serverFinal } = await authenticateEnhanced(scramMethod, clientFirst, ask, deps);
    if (caller.principal !== owner) throw new SignOnRefused(ReasonCode.NotAuthorized, "identityMismatch");
    return serverFinal;
  };
}
