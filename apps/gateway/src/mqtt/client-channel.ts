// Hot: a client that uses the broker as a broker: a back end with an operator's credential, or anybody at the development listener.
import { type PublishPacket, ReasonCode } from "@mooring/mqtt";
import type { KeyHolder } from "../auth/operator-keys.ts";
import { Commit, type Publisher } from "../broker/commit.ts";
import type { Figures, Listener } from "../broker/figures.ts";
import type { Message } from "../broker/message.ts";
import type { Session } from "../broker/session.ts";
import type { GatewayCounters } from "../counters.ts";
import { Channel, type ChannelLimits, type ChannelOutput, type ChannelStart, noToken } from "./channel.ts";
import { publishReason } from "./reasons.ts";

/** What a client may say and hear within its tenant; each gives 0 or a reason code. Asked per message: must not allocate. */
export interface ClientRights {
  refuseTopic(topic: string): number;
  /** Without `$share/{group}/`. */
  refuseFilter(filter: string): number;
}

export interface ClientChannelDeps {
  readonly limits: ChannelLimits;
  readonly counters: GatewayCounters;
  readonly rights: ClientRights;
  readonly figures: Pick<Figures, "tell">;
}

export class ClientChannel extends Channel implements Publisher, KeyHolder, Listener {
  readonly #rights: ClientRights;
  readonly #figures: Pick<Figures, "tell">;
  /** Clients publish to one or two topics over and over, so the last one that was allowed is kept. */
  #allowedTopic = "";

  constructor(start: ChannelStart, session: Session, deps: ClientChannelDeps, out: ChannelOutput) {
    super(start, session, deps.limits, deps.counters, out);
    this.#rights = deps.rights;
    this.#figures = deps.figures;
  }

  protected override handle(packet: PublishPacket, topic: string, form: number, token: number): void {
    if (topic !== this.#allowedTopic) {
      const refused = this.#rights.refuseTopic(topic);
      if (refused !== 0) return this.#refuse(token, refused);
      this.#allowedTopic = topic;
    }
    if (packet.retain && !this.space.mayRetain(topic, packet.payloadEnd - packet.payloadStart)) {
      this.space.counters.retainedRefused++;
      return this.#refuse(token, ReasonCode.QuotaExceeded);
    }
    const remembersId = packet.qos === 2 && this.session.isDurable;
    // The message and its packet id: with one of them lost, it would come twice or not at all.
    if (remembersId) this.space.store.together();
    let commit = this.space.route(packet, topic, form, this.session);
    if (token === noToken) return;
    const { matched } = this.space;
    if (remembersId) {
      // PUBREC promises that the id is known, also after a crash [MQTT-4.3.3-8].
      commit ??= new Commit(matched);
      this.space.store.write({ op: "putReceived", sessionId: this.session.id, packetIds: [packet.packetId] }, commit.expect());
    }
    if (commit === null) this.settle(token, matched === 0 ? ReasonCode.NoMatchingSubscribers : ReasonCode.Success, "");
    else {
      if (remembersId) this.receipts.keepId(token);
      commit.tell(this, token);
    }
  }

  onPublished(token: number, isCommitted: boolean, matched: number): void {
    if (!this.isOpen) return;
    try {
      if (!isCommitted) this.close(ReasonCode.ServerUnavailable, "unavailable");
      else this.settle(token, matched === 0 ? ReasonCode.NoMatchingSubscribers : ReasonCode.Success, "");
    } catch (error) {
      this.fail(error);
    }
  }

  /** MQTT 5 can say so; before, an acknowledgement would be a lie, so the connection is closed [3.1.1 MQTT-3.3.5-2]. */
  #refuse(token: number, reasonCode: number): void {
    if (token !== noToken && this.isV5) return this.settle(token, reasonCode, publishReason(reasonCode));
    this.close(reasonCode, "foreignTopic");
  }

  override refuseFilter(filter: string): number {
    return this.#rights.refuseFilter(filter);
  }

  protected override onSubscribed(filters: readonly string[]): void {
    this.#figures.tell(this.space, filters, this);
  }

  say(message: Message, filter: string): void {
    if (this.isWritable) this.send(message, this.session.subscriptions.get(filter)?.ids ?? null);
  }

  /** The credential is good no more; nothing more is said in its name, its will included. */
  onKeyRevoked(reason: "credentialRevoked" | "tenantSuspended"): void {
    this.isClean = true;
    this.close(reason === "tenantSuspended" ? ReasonCode.AdministrativeAction : ReasonCode.NotAuthorized, reason);
  }
}
