// Hot: one table read per acknowledgement.
import { PacketType, ProtocolLevel, ReasonCode } from "./protocol.ts";

/** Reason code -> set of packet types that may carry it (MQTT 5 s2.4, as listed in each packet's own section). */
const CARRIERS = new Uint16Array(256);

function allow(packet: PacketType, codes: readonly number[]): void {
  for (const code of codes) CARRIERS[code] = (CARRIERS[code] as number) | (1 << packet);
}

const FAILED_PUBLISH = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
allow(PacketType.Connack, [0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a]);
allow(PacketType.Connack, [0x9b, 0x9c, 0x9d, 0x9f]);
allow(PacketType.Puback, FAILED_PUBLISH);
allow(PacketType.Pubrec, FAILED_PUBLISH);
allow(PacketType.Pubrel, [0x00, 0x92]);
allow(PacketType.Pubcomp, [0x00, 0x92]);
allow(PacketType.Suback, [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]);
allow(PacketType.Unsuback, [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]);
allow(PacketType.Disconnect, [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96]);
allow(PacketType.Disconnect, [0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2]);
allow(PacketType.Auth, [0x00, 0x18, 0x19]);

/** Whether MQTT 5 lists `code` for this packet type. */
export function isReasonCodeOf(packet: PacketType, code: number): boolean {
  return ((CARRIERS[code] ?? 0) & (1 << packet)) !== 0;
}

/** The reason codes a client may put in DISCONNECT (MQTT 5 s3.14.2.1, "sent by" column). */
const CLIENT_DISCONNECTS = new Set([0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]);

/** Whether the side named may send DISCONNECT with this code [MQTT-3.14.2-1]. */
export function isDisconnectCodeOf(sentByClient: boolean, code: number): boolean {
  if (sentByClient) return CLIENT_DISCONNECTS.has(code);
  return code !== ReasonCode.DisconnectWithWill && isReasonCodeOf(PacketType.Disconnect, code);
}

/** The CONNACK return code of 3.1 and 3.1.1 (s3.2.2.3) nearest to an MQTT 5 reason code: 0 to 5. */
export function returnCodeOfReason(reasonCode: number): number {
  switch (reasonCode) {
    case ReasonCode.Success:
      return 0;
    case ReasonCode.UnsupportedProtocolVersion:
      return 1;
    case ReasonCode.ClientIdentifierNotValid:
      return 2;
    case ReasonCode.BadUserNameOrPassword:
      return 4;
    case ReasonCode.NotAuthorized:
    case ReasonCode.Banned:
    case ReasonCode.BadAuthenticationMethod:
      return 5;
    default:
      return 3;
  }
}

const REASON_OF_RETURN = [
  ReasonCode.Success,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.ServerUnavailable,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
] as const;

/** The MQTT 5 reason code of a return code of 3.1 and 3.1.1, or -1 for the reserved ones. */
export function reasonOfReturnCode(returnCode: number): number {
  return REASON_OF_RETURN[returnCode] ?? -1;
}

/** The code of SUBACK that a client of this level understands: 3.1.1 knows one failure [3.1.1 MQTT-3.9.3-2]. */
export function subackCode(reasonCode: number, protocolLevel: ProtocolLevel): number {
  return protocolLevel === ProtocolLevel.V5 || reasonCode < 0x80 ? reasonCode : ReasonCode.UnspecifiedError;
}
