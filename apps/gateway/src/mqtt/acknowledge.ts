// Hot: PUBACK, PUBREC, PUBREL and PUBCOMP, as much of them as the client understands and takes.
import { type AckType, encodeAck, type Properties, ProtocolLevel } from "@mooring/mqtt";
import type { ChannelStart } from "./channel-ports.ts";
import type { Outgoing } from "./outgoing.ts";

/** Longer reasons are cut: a packet that explains must not grow with what it explains. */
const reasonCharactersMax = 256;

export function putAck(outgoing: Outgoing, start: ChannelStart, type: AckType, packetId: number, reasonCode = 0, reason = ""): void {
  const { protocolLevel, saysProblems, maximumPacketSize } = start;
  if (protocolLevel !== ProtocolLevel.V5 || (reasonCode === 0 && reason === "")) return outgoing.ack(type, packetId);
  const properties: Properties | null = reason === "" || !saysProblems ? null : { reasonString: reason.slice(0, reasonCharactersMax) };
  let bytes = encodeAck(type, { packetId, reasonCode, properties }, protocolLevel);
  // [MQTT-3.4.2-2]: no reason string that would make the packet larger than the client takes.
  if (bytes.length > maximumPacketSize) bytes = encodeAck(type, { packetId, reasonCode, properties: null }, protocolLevel);
  outgoing.put(bytes);
}
