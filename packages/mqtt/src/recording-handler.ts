// For the tests of this folder: a handler that writes down what it is told, with payloads copied.
import type { ClientPacketHandler } from "./client-decoder.ts";
import type {
  ConnackPacket,
  ConnectPacket,
  Properties,
  PublishPacket,
  ReasonPacket,
  SubscribePacket,
  SubscriptionAckPacket,
  UnsubscribePacket,
} from "./packets.ts";
import type { ServerPacketHandler } from "./server-decoder.ts";

/** One call: the packet's name and what came with it. */
export type Heard = readonly [name: string, packet: unknown];

/** Hears both sides' packets. `onHeard` may act on the decoder in the middle of a chunk, as a session does. */
export class RecordingHandler implements ServerPacketHandler, ClientPacketHandler {
  readonly heard: Heard[] = [];
  onHeard: (name: string) => void = () => undefined;

  private hear(name: string, packet: unknown): void {
    this.heard.push([name, packet]);
    this.onHeard(name);
  }

  private hearAck(name: string, packetId: number, reasonCode: number, properties: Properties | null): void {
    this.hear(name, { packetId, reasonCode, properties: bare(properties) });
  }

  onConnect(packet: ConnectPacket): void {
    const { will, password } = packet;
    const copy = will === null ? null : { ...will, payload: plain(will.payload), properties: bare(will.properties) };
    this.hear("connect", {
      ...packet,
      password: password === null ? null : plain(password),
      will: copy,
      properties: bare(packet.properties),
    });
  }
  onConnack(packet: ConnackPacket): void {
    this.hear("connack", { ...packet, properties: bare(packet.properties) });
  }
  onPublish(packet: PublishPacket): void {
    const { topic, qos, retain, dup, packetId, payload, properties } = packet;
    this.hear("publish", { topic, payload: plain(payload), qos, retain, dup, packetId, properties: bare(properties) });
  }
  onPuback(packetId: number, reasonCode: number, properties: Properties | null): void {
    this.hearAck("puback", packetId, reasonCode, properties);
  }
  onPubrec(packetId: number, reasonCode: number, properties: Properties | null): void {
    this.hearAck("pubrec", packetId, reasonCode, properties);
  }
  onPubrel(packetId: number, reasonCode: number, properties: Properties | null): void {
    this.hearAck("pubrel", packetId, reasonCode, properties);
  }
  onPubcomp(packetId: number, reasonCode: number, properties: Properties | null): void {
    this.hearAck("pubcomp", packetId, reasonCode, properties);
  }
  onSubscribe(packet: SubscribePacket): void {
    this.hear("subscribe", { ...packet, properties: bare(packet.properties) });
  }
  onSuback(packet: SubscriptionAckPacket): void {
    this.hear("suback", { ...packet, properties: bare(packet.properties) });
  }
  onUnsubscribe(packet: UnsubscribePacket): void {
    this.hear("unsubscribe", { ...packet, properties: bare(packet.properties) });
  }
  onUnsuback(packet: SubscriptionAckPacket): void {
    this.hear("unsuback", { ...packet, properties: bare(packet.properties) });
  }
  onPingreq(): void {
    this.hear("pingreq", null);
  }
  onPingresp(): void {
    this.hear("pingresp", null);
  }
  onDisconnect(packet: ReasonPacket): void {
    this.hear("disconnect", { ...packet, properties: bare(packet.properties) });
  }
  onAuth(packet: ReasonPacket): void {
    this.hear("auth", { ...packet, properties: bare(packet.properties) });
  }
}

/** Bytes as a plain copy, so that two of them compare by content whatever class they have. */
function plain(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}

/** Properties without the undefined fields of their fixed shape. */
function bare(properties: Properties | null): Record<string, unknown> | null {
  if (properties === null) return null;
  const entries = Object.entries(properties).filter((entry) => entry[1] !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, value instanceof Uint8Array ? plain(value) : value]));
}
