// Hot: the packets that both sides of a connection receive, from bytes to a call on a handler.
import { decodeAckProperties, decodeAckReason, decodeAuth, decodeDisconnect, decodePublish } from "./decode-packets.ts";
import type { FrameDecoder } from "./frame-decoder.ts";
import { PacketReader } from "./packet-reader.ts";
import type { Properties, PublishPacket, ReasonPacket } from "./packets.ts";
import { PacketType, ProtocolLevel } from "./protocol.ts";

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

/** One for the process: decoding is synchronous, and the reader is not touched once a handler runs. */
export const reader = new PacketReader();

/** Decodes what `reader` is at and calls the handler: any packet but those that only one side receives. 0 or a reason code. */
export function decodeCommon(header: number, decoder: FrameDecoder, handler: CommonPacketHandler): number {
  switch (header >> 4) {
    case PacketType.Publish: {
      const packet = decodePublish(reader, header, decoder);
      if (packet === null) return reader.error;
      handler.onPublish(packet);
      return 0;
    }
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      return decodeAck((header >> 4) as PacketType, decoder.protocolLevel === ProtocolLevel.V5, handler);
    case PacketType.Disconnect: {
      const packet = decodeDisconnect(reader, decoder.protocolLevel === ProtocolLevel.V5, decoder.fromClient);
      if (packet === null) return reader.error;
      decoder.stop();
      handler.onDisconnect(packet);
      return 0;
    }
    default: {
      const packet = decodeAuth(reader, decoder.fromClient);
      if (packet === null) return reader.error;
      handler.onAuth(packet);
      return 0;
    }
  }
}

function decodeAck(type: PacketType, isV5: boolean, handler: CommonPacketHandler): number {
  const packetId = reader.packetId();
  const code = decodeAckReason(reader, type, isV5);
  const properties = decodeAckProperties(reader, type);
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
