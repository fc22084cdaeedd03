// Hot: PUBLISH packets to one client: forwarded as they came where that is possible, encoded where it is not.
import {
  forwardedSize,
  type Properties,
  ProtocolLevel,
  type PublishMessage,
  type PublishPacket,
  publishSize,
  type Qos,
  writeForwarded,
  writePublish,
} from "@mooring/mqtt";
import { expiryOf, leavingProperties, type Message } from "../broker/message.ts";
import { Form, type Space } from "../broker/space.ts";
import type { GatewayCounters } from "../counters.ts";
import { SentAliases } from "./aliases.ts";
import type { ChannelStart } from "./channel-ports.ts";
import type { Outgoing } from "./outgoing.ts";

/** How one PUBLISH leaves. */
export interface Leaving {
  readonly qos: Qos;
  /** See `publishHeader`. */
  readonly header: number;
  readonly packetId: number;
  readonly ids: readonly number[] | null;
}

export class Sender {
  /** The form that can be forwarded to this client. */
  readonly plainForm: number;
  readonly #level: ProtocolLevel;
  readonly #bytesMax: number;
  readonly #space: Space;
  readonly #counters: GatewayCounters;
  readonly #outgoing: Outgoing;
  readonly #aliases: SentAliases | null;

  constructor(start: ChannelStart, space: Space, counters: GatewayCounters, outgoing: Outgoing) {
    this.plainForm = start.protocolLevel === ProtocolLevel.V5 ? Form.V5 | Form.Plain : Form.Plain;
    this.#level = start.protocolLevel;
    this.#bytesMax = start.maximumPacketSize;
    this.#space = space;
    this.#counters = counters;
    this.#outgoing = outgoing;
    this.#aliases = start.sentAliasMaximum > 0 ? new SentAliases(start.sentAliasMaximum) : null;
  }

  /** False when it is too large for the client [MQTT-3.1.2-24]. */
  send(source: PublishPacket | Message, topic: string, form: number, leaving: Leaving): boolean {
    const isAsItIs = form === this.plainForm && leaving.ids === null && this.#aliases === null && leaving.qos <= source.qos;
    return isAsItIs ? this.#forward(source, leaving) : this.#encode(source, topic, leaving);
  }

  #forward(source: PublishPacket | Message, { header, packetId }: Leaving): boolean {
    const size = forwardedSize(source, header);
    if (size > this.#bytesMax) return false;
    const at = this.#outgoing.room(size);
    writeForwarded(this.#outgoing.buffer, at, source, header, packetId);
    this.#count(header);
    return true;
  }

  #encode(source: PublishPacket | Message, topic: string, { qos, header, packetId, ids }: Leaving): boolean {
    const now = this.#space.clock.now();
    const expiresAtMs = "expiresAtMs" in source ? source.expiresAtMs : expiryOf(source.properties, now);
    const isV5 = this.#level === ProtocolLevel.V5;
    let properties = isV5 ? leavingProperties({ properties: source.properties, expiresAtMs }, now, ids) : null;
    if (properties?.topicAlias !== undefined) properties = { ...properties, topicAlias: undefined };
    let name = topic;
    if (this.#aliases !== null) [name, properties] = this.#withAlias(this.#aliases, topic, properties);
    const flags = { retain: (header & 1) !== 0, dup: (header & 8) !== 0 };
    const message: PublishMessage = { topic: name, payload: source.payload, qos, ...flags, packetId, properties };
    const size = publishSize(message, this.#level);
    if (size > this.#bytesMax) {
      // It is not sent, and so the client does not learn what an alias said in it would stand for.
      if (this.#aliases !== null && name !== "") this.#aliases.forget(topic);
      return false;
    }
    const at = this.#outgoing.room(size);
    writePublish(this.#outgoing.buffer, at, message, this.#level);
    this.#count(header);
    return true;
  }

  #withAlias(aliases: SentAliases, topic: string, properties: Properties | null): [string, Properties | null] {
    const topicAlias = aliases.find(topic);
    return topicAlias === 0 ? [topic, properties] : [aliases.isNew ? topic : "", { ...properties, topicAlias }];
  }

  #count(header: number): void {
    this.#space.counters.messagesOut++;
    if ((header & 6) === 0) this.#counters.messagesOutQos0++;
    else this.#counters.messagesOutQos1++;
  }
}
