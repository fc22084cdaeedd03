// CONNACK for those that are not let in, as far as their version of the protocol has a word for it.
import { type ConnectPacket, encodeConnack, ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { fittingConnack, maximumPacketSizeOf } from "./acceptance.ts";
import { signOnReason } from "./reasons.ts";

/** To a CONNECT whose bytes are wrong; undefined when it is not answered. `level` is 0 when it was not read so far. */
export function malformedConnack(level: ProtocolLevel | 0, reasonCode: number): Buffer | undefined {
  const refusal = { sessionPresent: false, reasonCode, properties: null };
  if (level === ProtocolLevel.V5 || (level !== 0 && reasonCode === ReasonCode.ClientIdentifierNotValid))
    return encodeConnack(refusal, level);
  // In the oldest form there is: whoever it is, it knows that one [3.1.1 MQTT-3.1.2-2].
  if (reasonCode === ReasonCode.UnsupportedProtocolVersion) return encodeConnack(refusal, ProtocolLevel.V311);
  return undefined; // Anything else that is wrong with a CONNECT before MQTT 5 is not answered [3.1.1 MQTT-3.1.4-1].
}

/** To a CONNECT that is refused; undefined when the client takes nothing so large. */
export function refusedConnack(packet: ConnectPacket, reasonCode: number): Buffer | undefined {
  const reasonString = packet.properties?.requestProblemInformation === false ? undefined : signOnReason(reasonCode);
  const connack = { sessionPresent: false, reasonCode, properties: { reasonString } };
  return fittingConnack(connack, packet.protocolLevel, maximumPacketSizeOf(packet));
}
