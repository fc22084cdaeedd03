// Hot: what a client receives, one packet at a time; `frame-decoder.ts` finds the packets in the stream.
import { type CommonPacketHandler, decodeCommon, reader } from "./decode-common.ts";
import { decodeConnack } from "./decode-connect.ts";
import { decodeSubscriptionAck } from "./decode-packets.ts";
import { FrameDecoder } from "./frame-decoder.ts";
import type { ConnackPacket, SubscriptionAckPacket } from "./packets.ts";
import { PacketType, ProtocolLevel, ReasonCode } from "./protocol.ts";

/** What a client receives. */
export interface ClientPacketHandler extends CommonPacketHandler {
  onConnack(packet: ConnackPacket): void;
  onSuback(packet: SubscriptionAckPacket): void;
  onUnsuback(packet: SubscriptionAckPacket): void;
  onPingresp(): void;
}

/** Decodes what a server sends to a client that connected with `protocolLevel`. The first packet must be CONNACK, or AUTH in MQTT 5. */
export class ClientDecoder extends FrameDecoder {
  private readonly handler: ClientPacketHandler;
  private isConnected = false;

  constructor(handler: ClientPacketHandler, packetBytesMax: number, protocolLevel: ProtocolLevel) {
    super(packetBytesMax, protocolLevel, false);
    this.handler = handler;
  }

  protected override checkType(type: number): number {
    const isV5 = this.protocolLevel === ProtocolLevel.V5;
    switch (type) {
      case 0:
        return ReasonCode.MalformedPacket;
      case PacketType.Connect:
      case PacketType.Subscribe:
      case PacketType.Unsubscribe:
      case PacketType.Pingreq:
        return ReasonCode.ProtocolError;
      case PacketType.Connack:
        return this.isConnected ? ReasonCode.ProtocolError : 0;
      case PacketType.Auth:
        return isV5 ? 0 : ReasonCode.MalformedPacket;
      case PacketType.Disconnect:
        if (!isV5) return ReasonCode.ProtocolError; // Before MQTT 5 only clients send it.
    }
    return this.isConnected ? 0 : ReasonCode.ProtocolError; // [MQTT-3.2.0-1]
  }

  protected override decode(header: number, buffer: Buffer, start: number, end: number): number {
    reader.reset(buffer, start, end);
    const isV5 = this.protocolLevel === ProtocolLevel.V5;
    switch (header >> 4) {
      case PacketType.Connack: {
        const packet = decodeConnack(reader, this.protocolLevel as ProtocolLevel);
        if (packet === null) return reader.error;
        this.isConnected = true;
        this.handler.onConnack(packet);
        return 0;
      }
      case PacketType.Suback: {
        const packet = decodeSubscriptionAck(reader, PacketType.Suback, isV5);
        if (packet === null) return reader.error;
        this.handler.onSuback(packet);
        return 0;
      }
      case PacketType.Unsuback: {
        const packet = decodeSubscriptionAck(reader, PacketType.Unsuback, isV5);
        if (packet === null) return reader.error;
        this.handler.onUnsuback(packet);
        return 0;
      }
      case PacketType.Pingresp:
        if (start !== end) return ReasonCode.MalformedPacket;
        this.handler.onPingresp();
        return 0;
      default:
        return decodeCommon(header, this, this.handler);
    }
  }
}
