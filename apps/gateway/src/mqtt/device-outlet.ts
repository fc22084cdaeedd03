// Hot: what the platform says to a device on one of its connections: replies, deltas, calls, in the topics that it listens to. It is not kept for
// connections that are away: what the platform says can be made again.
import { type Caller, type DeviceIdentity, type DeviceRef, type Downlink, deviceCaller, formatTopic } from "@mooring/contracts";
import { filterMatches, type Qos, ReasonCode } from "@mooring/mqtt";
import { createMessage } from "../broker/message.ts";
import type { Session } from "../broker/session.ts";
import type { GatewayCounters } from "../counters.ts";
import type { EndReason, Outlet } from "../route/registry.ts";
import { shortThing } from "../route/thing-name.ts";
import { Channel, type ChannelLimits, type ChannelOutput, type ChannelStart } from "./channel.ts";

/** Whose connection it is. */
export interface DeviceStart extends ChannelStart {
  readonly identity: DeviceIdentity;
  readonly epoch: number;
  /** `mqtt-3.1.1`, ... */
  readonly protocol: string;
}

const endings: Readonly<Record<EndReason, number>> = {
  takenOver: ReasonCode.SessionTakenOver,
  tooManyConnections: ReasonCode.QuotaExceeded,
  credentialRevoked: ReasonCode.NotAuthorized,
  tenantSuspended: ReasonCode.AdministrativeAction,
  presenceLost: ReasonCode.SessionTakenOver,
  unavailable: ReasonCode.ServerBusy,
  shutdown: ReasonCode.ServerShuttingDown,
  slowConsumer: ReasonCode.QuotaExceeded,
};

export abstract class DeviceOutlet extends Channel implements Outlet {
  readonly identity: DeviceIdentity;
  readonly device: DeviceRef;
  readonly caller: Caller;
  readonly clientId: string;
  readonly epoch: number;
  readonly protocol: string;
  // Replies go to one topic again and again.
  #lastTopic = "";
  #lastQos = -1;

  constructor(
    start: DeviceStart,
    session: Session,
    { limits, counters }: { readonly limits: ChannelLimits; readonly counters: GatewayCounters },
    out: ChannelOutput,
  ) {
    super(start, session, limits, counters, out);
    this.identity = start.identity;
    this.device = start.identity.device;
    this.caller = deviceCaller(start.identity.device);
    this.clientId = session.clientId;
    this.epoch = start.epoch;
    this.protocol = start.protocol;
  }

  get credentialId(): string {
    return this.identity.credentialId;
  }

  protected override onSubscribed(_filters: readonly string[]): void {
    this.#lastTopic = "";
  }

  protected override onUnsubscribed(): void {
    this.#lastTopic = "";
  }

  hears(topic: string): boolean {
    if (!this.isOpen) return false;
    const short = shortThing(this.device, topic);
    return this.#heardQos(topic) >= 0 || (short !== undefined && this.#heardQos(short) >= 0);
  }

  publish(topic: string, payload: Uint8Array, qosMax: number): boolean {
    try {
      const short = shortThing(this.device, topic);
      const isToldShort = short !== undefined && this.#publishOn(short, payload, qosMax);
      return this.#publishOn(topic, payload, qosMax) || isToldShort;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  #publishOn(topic: string, payload: Uint8Array, qosMax: number): boolean {
    const qos = this.#heardQos(topic);
    return qos >= 0 && this.#tell(topic, payload, qos === 0 || qosMax === 0 ? 0 : 1);
  }

  call(call: Downlink): boolean {
    try {
      return this.isOpen && this.#call(call);
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  #call({ payload, messageId }: Downlink): boolean {
    const topic = formatTopic("callRequest", this.device, messageId ?? "");
    const qos = this.#heardQos(topic);
    // A call that would have to wait is left to another connection.
    if (qos < 0 || (qos > 0 && !this.session.hasRoom)) return false;
    return this.#tell(topic, payload, qos === 0 ? 0 : 1);
  }

  end(reason: EndReason): void {
    // Nothing more is said in the name of a credential that is good no more, its will included.
    if (reason === "credentialRevoked" || reason === "tenantSuspended") this.isClean = true;
    this.close(endings[reason], reason);
  }

  /** Sent to this connection and kept nowhere: what the platform says can be made again. */
  #tell(topic: string, payload: Uint8Array, qos: Qos): boolean {
    if (!this.isOpen) return false;
    if (!this.isWritable) {
      this.counters.shedDownlink++;
      return false;
    }
    const message = createMessage({ topic, payload, qos, retain: false, properties: null }, 0);
    return qos === 0 ? this.send(message, null) : this.session.acceptTransient(message, qos);
  }

  /** The highest QoS a topic is subscribed with, or -1 when it is not [MQTT-3.3.4-2]. A device has a handful of filters: a list is searched. */
  #heardQos(topic: string): number {
    if (topic === this.#lastTopic) return this.#lastQos;
    let highest = -1;
    for (const [filter, { qos }] of this.session.subscriptions) if (qos > highest && filterMatches(filter, topic)) highest = qos;
    this.#lastTopic = topic;
    this.#lastQos = highest;
    return highest;
  }
}
