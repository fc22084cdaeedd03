// Hot: PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK, as much of them as the client understands and takes.
import { type AckType, encodeAck, encodeSuback, encodeUnsuback, type Properties, ProtocolLevel } from "@mooring/mqtt";
import type { ChannelStart } from "./channel-ports.ts";
import type { Outgoing } from "./outgoing.ts";
import { acknowledgeReason, subscribeReason, unsubscribeReason } from "./reasons.ts";

/** Longer reasons are cut: a packet that explains must not grow with what it explains. */
const reasonCharactersMax = 256;

export function putAck(outgoing: Outgoing, start: ChannelStart, type: AckType, packetId: number, reasonCode = 0, said = ""): void {
  const { protocolLevel, saysProblems, maximumPacketSize } = start;
  if (protocolLevel !== ProtocolLevel.V5 || (reasonCode === 0 && said === "")) return outgoing.ack(type, packetId);
  const reason = said === "" ? acknowledgeReason(reasonCode) : said;
  const properties: Properties | null = reason === "" || !saysProblems ? null : { reasonString: reason.slice(0, reasonCharactersMax) };
  let bytes = encodeAck(type, { packetId, reasonCode, properties }, protocolLevel);
  // [MQTT-3.4.2-2]: no reason string that would make the packet larger than the client takes.
  if (bytes.length > maximumPacketSize) bytes = encodeAck(type, { packetId, reasonCode, properties: null }, protocolLevel);
  outgoing.put(bytes);
}

/** SUBACK, with the first refusal in words where the client wants words and takes so many [MQTT-3.9.2-1]. */
export function subackOf(start: ChannelStart, packetId: number, reasonCodes: readonly number[]): Buffer {
  return fitting(start, packetId, reasonCodes, { encode: encodeSuback, wordsOf: subscribeReason });
}

/** The same for UNSUBACK [MQTT-3.11.2-1]. */
export function unsubackOf(start: ChannelStart, packetId: number, reasonCodes: readonly number[]): Buffer {
  return fitting(start, packetId, reasonCodes, { encode: encodeUnsuback, wordsOf: unsubscribeReason });
}

interface Kind {
  readonly encode: typeof encodeSuback;
  /** Undefined for a code that needs no words. */
  readonly wordsOf: (reasonCode: number) => string | undefined;
}

function fitting(start: ChannelStart, packetId: number, reasonCodes: readonly number[], { encode, wordsOf }: Kind): Buffer {
  const { protocolLevel, saysProblems, maximumPacketSize } = start;
  const reasonString = protocolLevel === ProtocolLevel.V5 && saysProblems ? firstReason(reasonCodes, wordsOf) : undefined;
  if (reasonString !== undefined) {
    const bytes = encode({ packetId, reasonCodes, properties: { reasonString } }, protocolLevel);
    if (bytes.length <= maximumPacketSize) return bytes;
  }
  return encode({ packetId, reasonCodes, properties: null }, protocolLevel);
}

function firstReason(reasonCodes: readonly number[], wordsOf: Kind["wordsOf"]): string | undefined {
  for (let at = 0; at < reasonCodes.length; at++) {
    const reason = wordsOf(reasonCodes[at] as number);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
