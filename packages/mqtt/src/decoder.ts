// Hot: one packet at a time, from bytes to a call on a handler; `frame-decoder.ts` finds the packets in the stream.
import { decodeConnack, decodeConnect, decodeProtocol } from "./decode-connect.ts";
import {
  decodeAckProperties,
  decodeAckReason,
  decodeAuth,
  decodeDisconnect,
  decodePublish,
  decodeSubscribe,
  decodeSubscriptionAck,
  decodeUnsubscribe,
} from "./decode-packets.ts";
import { FrameDecoder } from "./frame-decoder.ts";
import { PacketReader } from "./packet-reader.ts";
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
import { PacketType, ProtocolLevel, ReasonCode } from "./protocol.ts";

/** What both sides of a connection receive. Acknowledgements come as plain arguments, since they are as frequent as messages. */
export interface CommonPacketHandler {
  /** The payload is a view that is good until this returns; see `PublishPacket`. */
  onPublish(packet: PublishPacket): void;
  onPuback(packetId: number, reasonCode: number, properties: Properties | null): void;
  onPubrec(packetId: number, reasonCode: number, properties: Properties | null): void;
  onPubrel(packetId: number, reasonCode: number, properties: Properties | null): void;
  onPubcomp(packetId: number, reasonCode: number, properties: Properties | null): void;
  /** The last call: what follows a DISCONNECT is not read. */
  onDisconnect(packet: ReasonPacket): void;
  onAuth(packet: ReasonPacket): void;
}

/** What a server receives. */
export interface ServerPacketHandler extends CommonPacketHandler {
  onConnect(packet: ConnectPacket): void;
  onSubscribe(packet: SubscribePacket): void;
  onUnsubscribe(packet: UnsubscribePacket): void;
  onPingreq(): void;
}

/** What a client receives. */
export interface ClientPacketHandler extends CommonPacketHandler {
  onConnack(packet: ConnackPacket): void;
  onSuback(packet: SubscriptionAckPacket): void;
  onUnsuback(packet: SubscriptionAckPacket): void;
  onPingresp(): void;
}

/** One for the process: decoding is synchronous, and the reader is not touched once a handler runs. */
const reader = new PacketReader();

/**
 * Decodes what a client sends. The first packet must be CONNECT and it sets `protocolLevel` (0 until then); the packet size is bounded by
 * `packetBytesMax` bytes, which the session raises after CONNECT.
 */
export class ServerDecoder extends FrameDecoder {
  private readonly handler: ServerPacketHandler;

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

  protected override decode(header: number, buffer: Buffer, start: number, end: number): number {
    reader.reset(buffer, start, end);
    const isV5 = this.protocolLevel === ProtocolLevel.V5;
    switch (header >> 4) {
      case PacketType.Connect:
        return this.decodeConnect();
      case PacketType.Publish: {
        const packet = decodePublish(reader, header, this);
        if (packet === null) return reader.error;
        this.handler.onPublish(packet);
        return 0;
      }
      case PacketType.Puback:
      case PacketType.Pubrec:
      case PacketType.Pubrel:
      case PacketType.Pubcomp:
        return decodeAck(header >> 4, isV5, this.handler);
      case PacketType.Subscribe: {
        const packet = decodeSubscribe(reader, isV5);
        if (packet === null) return reader.error;
        this.handler.onSubscribe(packet);
        return 0;
      }
      case PacketType.Unsubscribe: {
        const packet = decodeUnsubscribe(reader, isV5);
        if (packet === null) return reader.error;
        this.handler.onUnsubscribe(packet);
        return 0;
      }
      case PacketType.Pingreq:
        if (start !== end) return ReasonCode.MalformedPacket;
        this.handler.onPingreq();
        return 0;
      case PacketType.Disconnect: {
        const packet = decodeDisconnect(reader, isV5, true);
        if (packet === null) return reader.error;
        this.stop();
        this.handler.onDisconnect(packet);
        return 0;
      }
      default:
        return decodeAuthFor(this.handler, true);
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
      case PacketType.Publish: {
        const packet = decodePublish(reader, header, this);
        if (packet === null) return reader.error;
        this.handler.onPublish(packet);
        return 0;
      }
      case PacketType.Puback:
      case PacketType.Pubrec:
      case PacketType.Pubrel:
      case PacketType.Pubcomp:
        return decodeAck(header >> 4, isV5, this.handler);
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
      case PacketType.Disconnect: {
        const packet = decodeDisconnect(reader, isV5, false);
        if (packet === null) return reader.error;
        this.stop();
        this.handler.onDisconnect(packet);
        return 0;
      }
      default:
        return decodeAuthFor(this.handler, false);
    }
  }
}

function decodeAuthFor(handler: CommonPacketHandler, fromClient: boolean): number {
  const packet = decodeAuth(reader, fromClient);
  if (packet === null) return reader.error;
  handler.onAuth(packet);
  return 0;
}

function decodeAck(type: number, isV5: boolean, handler: CommonPacketHandler): number {
  const packetId = reader.packetId();
  const code = decodeAckReason(reader, type as PacketType, isV5);
  const properties = decodeAckProperties(reader, type as PacketType);
  if (reader.error !== 0) return reader.error;
  switch (type) {
    case PacketType.Puback:
      handler.onPuback(packetId, code, properties);
      return 0;
    case PacketType.Pubrec:
      handler.onPubrec(packetId, code, properties);
      return 0;
    case PacketType.Pubrel:
      handler.onPubrel(packetId, code, properties);
      return 0;
    default:
      handler.onPubcomp(packetId, code, properties);
      return 0;
  }
}
