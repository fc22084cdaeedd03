// A claim's connection: it may ask to be provisioned and hear the answer, and nothing else. Its session lives in a space of no tenant's, so that
// nothing it says can reach anybody, nor anything anybody says reach it; answers go to the connection that asked.
import type { ClaimIdentity, SignOnOrigin } from "@mooring/contracts";
import { filterMatches, type PublishPacket, ReasonCode } from "@mooring/mqtt";
import { createMessage } from "../broker/message.ts";
import type { Session } from "../broker/session.ts";
import type { GatewayCounters } from "../counters.ts";
import { answerProvisioning, isProvisioningFilter, isProvisioningTopic, type ProvisioningDeps } from "../route/provisioning.ts";
import { Channel, type ChannelLimits, type ChannelOutput, type ChannelStart, noToken } from "./channel.ts";
import { pubackCode } from "./publish.ts";

/** In the place of a tenant's id. */
export const claimSpace = "claims";
/** A request for a certificate, or a token that holds one, and a few parameters. */
const payloadBytesMax = 65_536;
/** Requests of one connection under way: a device asks one thing after the other. */
const underWayMax = 2;

export interface ClaimChannelDeps {
  readonly claim: ClaimIdentity;
  readonly origin: SignOnOrigin;
  readonly provisioning: ProvisioningDeps;
  readonly limits: ChannelLimits;
  readonly counters: GatewayCounters;
}

export class ClaimChannel extends Channel {
  readonly #deps: ClaimChannelDeps;
  #underWay = 0;

  constructor(start: ChannelStart, session: Session, deps: ClaimChannelDeps, out: ChannelOutput) {
    super(start, session, deps.limits, deps.counters, out);
    this.#deps = deps;
  }

  protected override handle(packet: PublishPacket, topic: string, _form: number, token: number): void {
    if (!isProvisioningTopic(topic, this.#deps.claim)) return this.#refuse(token, ReasonCode.NotAuthorized, "a claim may only provision");
    if (packet.payloadEnd - packet.payloadStart > payloadBytesMax)
      return this.#refuse(token, ReasonCode.QuotaExceeded, `the payload has more than ${payloadBytesMax} bytes`);
    if (this.#underWay >= underWayMax) return this.#refuse(token, ReasonCode.QuotaExceeded, "a request is under way; wait for its answer");
    this.#underWay++;
    // The packet's bytes are the decoder's again when this returns.
    this.#answer(topic, Buffer.from(packet.payload), token).catch((error: unknown) => this.fail(error));
  }

  async #answer(topic: string, payload: Buffer, token: number): Promise<void> {
    const { claim, origin, provisioning } = this.#deps;
    const { topic: to, body, error } = await answerProvisioning(provisioning, claim, { topic, payload, origin });
    this.#underWay--;
    if (!this.isOpen) return;
    this.#tell(to, Buffer.from(body), token === noToken ? 0 : 1);
    if (token === noToken || !this.isOpen) return;
    if (error === undefined) this.settle(token, ReasonCode.Success, "");
    else if (this.isV5) this.settle(token, pubackCode(error.code), error.message);
    // Before MQTT 5 an acknowledgement says nothing of what is wrong: that was answered, and the client may ask again.
    else this.settle(token, ReasonCode.Success, "");
  }

  /** To this connection alone, if it listens. */
  #tell(topic: string, payload: Buffer, qosMax: 0 | 1): void {
    let qos = -1;
    for (const [filter, options] of this.session.subscriptions) if (options.qos > qos && filterMatches(filter, topic)) qos = options.qos;
    if (qos < 0) return;
    const message = createMessage({ topic, payload, qos: qos === 0 || qosMax === 0 ? 0 : 1, retain: false, properties: null }, 0);
    if (message.qos === 0) this.send(message, null);
    else this.session.acceptTransient(message, 1);
  }

  #refuse(token: number, reasonCode: number, reason: string): void {
    this.counters.refusedForeignTopic++;
    if (token !== noToken && this.isV5) return this.settle(token, reasonCode, reason);
    // Before MQTT 5 a PUBACK would be a lie [3.1.1 MQTT-3.3.5-2].
    this.close(reasonCode, "foreignTopic");
  }

  override refuseFilter(filter: string, isShared: boolean): number {
    if (isShared) return ReasonCode.SharedSubscriptionsNotSupported;
    return isProvisioningFilter(filter, this.#deps.claim) ? 0 : ReasonCode.NotAuthorized;
  }

  protected override onSubscribed(): void {
    // Nothing waits there.
  }

  /** The claim holds no more, or the connection has lived as long as it may. */
  end(reason: "credentialRevoked" | "tenantSuspended" | "claimOver"): void {
    const codes = {
      credentialRevoked: ReasonCode.NotAuthorized,
      tenantSuspended: ReasonCode.AdministrativeAction,
      claimOver: ReasonCode.MaximumConnectTime,
    } as const;
    this.isClean = true;
    this.close(codes[reason], reason);
  }
}
