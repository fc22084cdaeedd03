// Hot: what a server receives, one packet at a time; `frame-decoder.ts` finds the packets in the stream.
import { type CommonPacketHandler, decodeCommon, reader } from "./decode-common.ts";
import { decodeConnect, decodeProtocol } from "./decode-connect.ts";
import { decodeSubscribe, decodeUnsubscribe } from "./decode-packets.ts";
import { FrameDecoder } from "./frame-decoder.ts";
import type { ConnectPacket, SubscribePacket, UnsubscribePacket } from "./packets.ts";
import { PacketType, ProtocolLevel, ReasonCode } from "./protocol.ts";

/** What a server receives. */
export interface ServerPacketHandler extends CommonPacketHandler {
  onConnect(packet: ConnectPacket): void;
  onSubscribe(packet: SubscribePacket): void;
  onUnsubscribe(packet: UnsubscribePacket): void;
  onPingreq(): void;
}

/**
 * Decodes what a client sends. The first packet must be CONNECT and it sets `protocolLevel` (0 until then); the packet size is bounded by
 * `packetBytesMax` bytes, which the session raises after CONNECT.
 */
export class ServerDecoder extends FrameDecoder {
  /** Who is told of the next packet. May be changed at any time, by a handler too. */
  handler: ServerPacketHandler;

  constructor(handler: ServerPacketHandler, packetBytesMax: number) {
    super(packetBytesMax, 0, true);
    this.handler = handler;
  }

  protected override checkType(type: number): number {
    // [MQTT-3.1.0-1], [MQTT-3.1.0-2]: CONNECT comes first, and once.
    if ((type === PacketType.Connect) !== (this.protocolLevel === 0)) return ReasonCode.ProtocolError;
    switch (type) {
      case 0:
        return ReasonCode.MalformedPacket;
      case PacketType.Connack:
      case PacketType.Suback:
      case PacketType.Unsuback:
      case PacketType.Pingresp:
        return ReasonCode.ProtocolError;
      case PacketType.Auth:
        return this.protocolLevel === ProtocolLevel.V5 ? 0 : ReasonCode.MalformedPacket;
      default:
        return 0;
    }
  }

  /** Of a CONNECT the version is read all the same, so that it can be answered. */
  protected override onTooLarge(buffer: Buffer, start: number, end: number): void {
    if (this.protocolLevel !== 0) return;
    reader.reset(buffer, start, end);
    this.protocolLevel = decodeProtocol(reader);
  }

  protected override decode(header: number, buffer: Buffer, start: number, end: number): number {
    reader.reset(buffer, start, end);
    switch (header >> 4) {
      case PacketType.Connect:
        return this.decodeConnect();
      case PacketType.Subscribe: {
        const packet = decodeSubscribe(reader, this.protocolLevel === ProtocolLevel.V5);
        if (packet === null) return reader.error;
        this.handler.onSubscribe(packet);
        return 0;
      }
      case PacketType.Unsubscribe: {
        const packet = decodeUnsubscribe(reader, this.protocolLevel === ProtocolLevel.V5);
        if (packet === null) return reader.error;
        this.handler.onUnsubscribe(packet);
        return 0;
      }
      case PacketType.Pingreq:
        if (start !== end) return ReasonCode.MalformedPacket;
        this.handler.onPingreq();
        return 0;
      default:
        return decodeCommon(header, this, this.handler);
    }
  }

  /** The level is kept as soon as it is read, so that a refusal of the rest can be answered in the client's own dialect. */
  private decodeConnect(): number {
    const level = decodeProtocol(reader);
    if (level === 0) return reader.error;
    this.protocolLevel = level;
    const packet = decodeConnect(reader, level);
    if (packet === null) return reader.error;
    this.handler.onConnect(packet);
    return 0;
  }
}
