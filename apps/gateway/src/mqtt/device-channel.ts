// Hot: a device's connection. What it publishes means something to the platform and goes to the log first; then to who subscribes to its topics.
// What the platform says to it is in device-outlet.ts.
// The log, the shadow and other connections of the device call in here: what throws then ends this connection, and never who called.
import type { ErrorCode } from "@mooring/contracts";
import { deriveMessageId, givenIdRule, isGivenId } from "@mooring/kit";
import { type PublishPacket, ReasonCode } from "@mooring/mqtt";
import { Commit, type Publisher } from "../broker/commit.ts";
import { createMessage, type Message, messageOfPacket } from "../broker/message.ts";
import type { Session } from "../broker/session.ts";
import { Form, formOf } from "../broker/space.ts";
import type { GatewayCounters } from "../counters.ts";
import { isPlatformTopic, maySubscribe } from "../route/acl.ts";
import { payloadBytesMax } from "../route/json-payload.ts";
import type { Refusals } from "../route/refusals.ts";
import type { Registry } from "../route/registry.ts";
import { wholeThing } from "../route/thing-name.ts";
import type { Uplink } from "../route/uplink.ts";
import { UplinkMessage, type UplinkSource } from "../route/uplink-message.ts";
import { type ChannelLimits, type ChannelOutput, noToken } from "./channel.ts";
import { DeviceOutlet, type DeviceStart } from "./device-outlet.ts";

import { givenIdOf, isPlatformFailure, messageIdProperty, pubackCode, TopicReader } from "./publish.ts";

export interface DeviceChannelDeps {
  readonly uplink: Pick<Uplink, "handle">;
  readonly counters: GatewayCounters;
  /** Knows the device's other connections to this node. */
  readonly registry: Pick<Registry, "peers">;
  readonly refusals: Pick<Refusals, "add">;
  readonly limits: ChannelLimits;
  /** The device now listens to these filters too. */
  readonly onSubscribed: (channel: DeviceChannel, filters: readonly string[]) => void;
}

export class DeviceChannel extends DeviceOutlet implements UplinkSource, Publisher {
  readonly answersInline = false;
  readonly #deps: DeviceChannelDeps;
  readonly #topics: TopicReader;

  constructor(start: DeviceStart, session: Session, deps: DeviceChannelDeps, out: ChannelOutput) {
    super(start, session, deps, out);
    this.#deps = deps;
    this.#topics = new TopicReader(this.device);
  }

  // ---- what the device sends

  protected override handle(packet: PublishPacket, said: string, form: number, token: number): void {
    const topic = wholeThing(this.device, said);
    this.#topics.read(topic);
    const { meaning, refusal } = this.#topics;
    if (meaning === undefined) return this.#refuseTopic(token, refusal, topic);
    const length = packet.payloadEnd - packet.payloadStart;
    // It will not be looked at, so it is answered in no topic, and before MQTT 5 a PUBACK would say that it was taken.
    if (length > payloadBytesMax && token !== noToken && !this.isV5) {
      this.#report(topic, "payloadTooLarge", `the payload has ${length} bytes, more than ${payloadBytesMax}`);
      return this.close(ReasonCode.PacketTooLarge, "tooLarge");
    }
    const message = new UplinkMessage(this, meaning, packet.payload, token);
    message.topic = topic;
    message.isSheddable = token === noToken;
    const givenId = givenIdOf(packet);
    if (givenId !== undefined) {
      if (!isGivenId(givenId)) return this.#refuseId(token, topic);
      message.givenId = deriveMessageId(this.device.deviceId, "message-id", givenId);
    }
    // Nothing is retained in the platform's own topics: firmware sets the flag there out of habit.
    const retains = packet.retain && !isPlatformTopic(topic);
    if (this.space.wants(topic, retains)) message.copy = this.#copyOf(packet, said, topic, form, retains);
    this.#deps.uplink.handle(message);
  }

  #copyOf(packet: PublishPacket, said: string, topic: string, form: number, retains: boolean): Message {
    const message = messageOfPacket(packet, topic, (form & Form.V5) !== 0, this.space.clock.now());
    // The packet's bytes may go on as they are unless they say another topic, or are retained no more.
    if (packet.retain === retains && topic === said) return message;
    const { payload, qos, properties, expiresAtMs } = message;
    return createMessage({ topic, payload, qos, retain: retains, properties }, expiresAtMs);
  }

  override refuseFilter(filter: string, isShared: boolean): number {
    if (!maySubscribe(this.device, filter)) return ReasonCode.NotAuthorized;
    // What the platform says to a device is for all its connections, or for the newest: there is nothing to share.
    return isShared && isPlatformTopic(filter) ? ReasonCode.SharedSubscriptionsNotSupported : 0;
  }

  protected override onSubscribed(filters: readonly string[]): void {
    super.onSubscribed(filters);
    this.#deps.onSubscribed(this, filters);
  }

  // ---- UplinkSource: what became of the device's messages

  wantsReply(topic: string): boolean {
    for (const outlet of this.#deps.registry.peers(this.device.deviceId)) if (outlet.hears(topic)) return true;
    return false;
  }

  /** A reply is published on its topic, so whichever connection of the device subscribes to it hears it: one may listen while another posts. */
  onReply(token: number, topic: string, body: string, brief?: () => string): void {
    try {
      this.#reply(token, topic, body, brief);
    } catch (error) {
      this.fail(error);
    }
  }

  #reply(token: number, topic: string, body: string, brief?: () => string): void {
    const payload = Buffer.from(body);
    // The QoS of a reply is that of what it answers, as far as it is subscribed to.
    const qosMax = token === noToken ? 0 : 1;
    for (const outlet of this.#deps.registry.peers(this.device.deviceId)) {
      if (outlet === this || outlet.publish(topic, payload, qosMax)) continue;
      if (brief !== undefined) outlet.publish(topic, Buffer.from(brief()), qosMax);
    }
    if (!this.publish(topic, payload, qosMax) && brief !== undefined) this.publish(topic, Buffer.from(brief()), qosMax);
  }

  /** Handled for good: now others may hear of it, and then it is acknowledged. */
  onAccepted(token: number, copy: Message): void {
    try {
      const commit = this.space.route(copy, copy.topic, formOf(copy), this.session);
      if (commit === null) this.#settled(token, undefined, "");
      else if (token !== noToken) commit.tell(this, token);
    } catch (error) {
      this.fail(error);
    }
  }

  onPublished(token: number, isCommitted: boolean): void {
    this.onSettled(token, isCommitted ? undefined : "unavailable", "");
  }

  onSettled(token: number, code: ErrorCode | undefined, message: string): void {
    try {
      this.#settled(token, code, message);
    } catch (error) {
      this.fail(error);
    }
  }

  #settled(token: number, code: ErrorCode | undefined, message: string): void {
    if (!this.isOpen || token === noToken) return;
    if (code === undefined) this.#accept(token);
    else if (isPlatformFailure(code, this.protocolLevel)) {
      this.counters.refusedUnavailable++;
      this.close(ReasonCode.ServerBusy, "unavailable");
    } else if (this.isV5) this.settle(token, pubackCode(code), message);
    // Before MQTT 5 an acknowledgement means success. What is wrong was answered in a topic of its own; sending it again would change nothing.
    else this.settle(token, ReasonCode.Success, "");
  }

  #accept(token: number): void {
    if (this.receipts.qosOf(token) !== 2 || !this.session.isDurable) return this.settle(token, ReasonCode.Success, "");
    const commit = new Commit(1);
    this.receipts.keepId(token);
    this.space.store.write(
      { op: "putReceived", sessionId: this.session.id, packetIds: [this.receipts.packetIdOf(token)] },
      commit.expect(),
    );
    commit.tell({ onPublished: (_token, isCommitted) => this.#onReceivedKept(token, isCommitted) }, token);
  }

  #onReceivedKept(token: number, isCommitted: boolean): void {
    if (!this.isOpen) return;
    try {
      if (isCommitted) this.settle(token, ReasonCode.Success, "");
      else this.close(ReasonCode.ServerBusy, "unavailable");
    } catch (error) {
      this.fail(error);
    }
  }

  /** A topic that is another's, or means nothing: see the README's table. */
  #refuseTopic(token: number, refusal: number, topic: string): void {
    const isForeign = refusal === ReasonCode.NotAuthorized;
    if (isForeign) this.counters.refusedForeignTopic++;
    else this.counters.refusedUnknownTopic++;
    const why = isForeign ? "this topic is not the device's own" : "this topic means nothing";
    this.#report(topic, isForeign ? "permissionDenied" : "notFound", why);
    if (token !== noToken && this.isV5) return this.settle(token, refusal, why);
    // Before MQTT 5 a PUBACK would be a lie, so the connection is closed [3.1.1 MQTT-3.3.5-2]; QoS 0 on a topic of its own harms nobody.
    if (token !== noToken || isForeign) this.close(refusal, isForeign ? "foreignTopic" : "unknownTopic");
  }

  /** The message's own id is none. */
  #refuseId(token: number, topic: string): void {
    this.counters.refusedInvalid++;
    const text = `the user property ${messageIdProperty} ${givenIdRule}`;
    this.#report(topic, "invalidArgument", text);
    this.onSettled(token, "invalidArgument", text);
  }

  /** A packet the decoder did not read to its end, so that nobody knows its topic. */
  override onTooLarge(packetBytesMax: number): void {
    this.#report("", "payloadTooLarge", `the packet has more than ${packetBytesMax} bytes`);
  }

  #report(topic: string, code: ErrorCode, message: string): void {
    this.#deps.refusals.add({ device: this.device, protocol: this.protocol, topic, code, message });
  }
}
