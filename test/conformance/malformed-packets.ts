import type { VersionName, VersionSet } from "./versions.ts";

/** A packet that breaks a rule, as a line for `packetOf`. */
export interface MalformedPacket {
  /** What is wrong with it, with the statement it breaks. */
  readonly what: string;
  readonly versions: VersionSet;
  readonly first: string;
  readonly body: string;
  /** What our broker says in DISCONNECT or CONNACK, 0 for nothing, where it does not know the version yet; the specification leaves most of it to the broker, and whether to say it. */
  readonly code: number;
  /** The versions in which mosquitto 2.0.11 takes it. */
  readonly mosquittoTakes?: readonly VersionName[];
}

const oasis: readonly VersionName[] = ["3.1.1", "5.0"];
const v311: readonly VersionName[] = ["3.1.1"];
const v5: readonly VersionName[] = ["5.0"];

type Row = readonly [what: string, first: string, body: string, code: number, mosquittoTakes?: readonly VersionName[]];

function rowsOf(versions: VersionSet, rows: readonly Row[]): MalformedPacket[] {
  return rows.map(([what, first, body, code, takes]) => ({
    what,
    versions,
    first,
    body,
    code,
    ...(takes === undefined ? {} : { mosquittoTakes: takes }),
  }));
}

/** CONNECTs. Before MQTT 5 only the codes 0x84 and 0x85 are answered, as return codes 1 and 2. */
export const malformedConnects: readonly MalformedPacket[] = [
  ...rowsOf("v311", [
    ["a CONNECT with flags in its header", "11", '"MQTT" 04 02 00 00 "c"', 0x81],
    ["an empty CONNECT", "10", "", 0x81],
    ["a CONNECT with a reserved flag", "10", '"MQTT" 04 03 00 00 "c"', 0x81],
    ["a CONNECT of level 6", "10", '"MQTT" 06 02 00 00 "c"', 0x84],
    ["a CONNECT cut before its keep-alive", "10", '"MQTT" 04 02', 0x81],
    ["a CONNECT whose client id is longer than the packet", "10", '"MQTT" 04 02 00 00 00 05 63', 0x81],
    ["a CONNECT with bytes after its last field", "10", '"MQTT" 04 02 00 00 "c" 00', 0x81],
    ["a CONNECT with an empty client id and a kept session", "10", '"MQTT" 04 00 00 00 ""', 0x85],
  ]),
  ...rowsOf("v5", [
    ["a CONNECT with flags in its header", "11", '"MQTT" 05 02 00 00 00 "c"', 0],
    ["a CONNECT with a reserved flag", "10", '"MQTT" 05 03 00 00 00 "c"', 0x81],
    ["a CONNECT without a property length", "10", '"MQTT" 05 02 00 00', 0x81],
    ["a CONNECT whose properties are longer than the packet", "10", '"MQTT" 05 02 00 00 09 "c"', 0x81],
    ["a CONNECT with a property length that is not minimal", "10", '"MQTT" 05 02 00 00 80 00 "c"', 0x81],
    ["a CONNECT with a property length of five bytes", "10", '"MQTT" 05 02 00 00 80 80 80 80 01 "c"', 0x81],
    ["a CONNECT with an unknown property", "10", '"MQTT" 05 02 00 00 02 7f 00 "c"', 0x81],
    ["a CONNECT with a property of PUBLISH", "10", '"MQTT" 05 02 00 00 03 23 00 01 "c"', 0x81],
    ["a CONNECT with a session expiry twice", "10", '"MQTT" 05 02 00 00 0a 11 00 00 00 01 11 00 00 00 01 "c"', 0x82],
    ["a CONNECT with a Receive Maximum of 0", "10", '"MQTT" 05 02 00 00 03 21 00 00 "c"', 0x82],
    ["a CONNECT with a Maximum Packet Size of 0", "10", '"MQTT" 05 02 00 00 05 27 00 00 00 00 "c"', 0x82],
    ["a CONNECT with Request Problem Information 2", "10", '"MQTT" 05 02 00 00 02 17 02 "c"', 0x82],
    ["a CONNECT with authentication data and no method", "10", '"MQTT" 05 02 00 00 04 16 "x" "c"', 0x82, v5],
    ["a CONNECT with a cut user property", "10", '"MQTT" 05 02 00 00 05 26 "k" 00 "c"', 0x81],
    ["a CONNECT with an empty will topic", "10", '"MQTT" 05 06 00 00 00 "c" 00 "" "m"', 0x81],
    ["a CONNECT with a will topic that has a wildcard", "10", '"MQTT" 05 06 00 00 00 "c" 00 "t/#" "m"', 0x90],
    ["a CONNECT with a payload format of 2 in its will", "10", '"MQTT" 05 06 00 00 00 "c" 02 01 02 "t" "m"', 0x82, v5],
  ]),
];

/** What no client may send once it is connected. */
export const malformedPackets: readonly MalformedPacket[] = [
  ...rowsOf("oasis", [
    ["a packet of type 0", "00", "", 0x81],
    ["a CONNACK from a client", "20", "00 00", 0x82],
    ["a SUBACK from a client", "90", "00 01 00", 0x82, v311],
    ["an UNSUBACK from a client", "b0", "00 01", 0x82, v311],
    ["a PINGRESP from a client", "d0", "", 0x82, oasis],
    ["a PUBACK with flags", "41", "00 01", 0x81, oasis],
    ["a PUBREC with flags", "52", "00 01", 0x81, oasis],
    ["a PUBREL without its flags", "60", "00 01", 0x81],
    ["a PUBREL with DUP", "6a", "00 01", 0x81],
    ["a PUBCOMP with flags", "78", "00 01", 0x81, oasis],
    ["a SUBSCRIBE without its flags", "80", '00 01 "a" 00', 0x81],
    ["an UNSUBSCRIBE without its flags", "a0", '00 01 "a"', 0x81],
    ["a PINGREQ with flags", "c1", "", 0x81, oasis],
    ["a PINGREQ with a body", "c0", "00", 0x81, oasis],
    ["a DISCONNECT with flags", "e1", "", 0x81],
    ["a PUBLISH with QoS 3", "36", '"a" 00 01 00', 0x81],
    ["a PUBLISH with DUP and QoS 0", "38", '"a" 00', 0x81, oasis],
    ["a PUBLISH without a topic", "30", "", 0x81],
    ["a PUBLISH whose topic is longer than the packet", "30", "00 05 61", 0x81],
    ["a PUBLISH to a topic with +", "30", '"a/+" 00', 0x90],
    ["a PUBLISH to a topic with U+0000", "30", "00 03 61 00 62 00", 0x81],
    ["a PUBLISH to a topic with an overlong character", "30", "00 02 c0 af 00", 0x81],
    ["a PUBLISH to a topic with a surrogate", "30", "00 03 ed bf bf 00", 0x81],
    ["a PUBLISH to a topic beyond Unicode", "30", "00 04 f4 90 80 80 00", 0x81],
    ["a PUBLISH with QoS 1 and the packet id 0", "32", '"a" 00 00 00', 0x82],
    ["a PUBLISH with QoS 2 and half a packet id", "34", '"a" 00', 0x81],
    ["a PUBACK with the packet id 0", "40", "00 00", 0x82],
    ["a PUBACK with half a packet id", "40", "01", 0x81],
    ["a PUBREL with the packet id 0", "62", "00 00", 0x82],
  ]),
  ...rowsOf("v311", [
    ["an AUTH before MQTT 5", "f0", "", 0x81],
    ["a PUBLISH to an empty topic", "30", '"" 00', 0x81],
    ["a PUBACK with a reason code", "40", "00 01 00", 0x81, v311],
    ["a SUBSCRIBE without a filter", "82", "00 01", 0x82],
    ["a SUBSCRIBE with the packet id 0", "82", '00 00 "a" 00', 0x82],
    ["a SUBSCRIBE with QoS 3", "82", '00 01 "a" 03', 0x81],
    ["a SUBSCRIBE with reserved bits", "82", '00 01 "a" 04', 0x81],
    ["a SUBSCRIBE to an empty filter", "82", '00 01 "" 00', 0x81],
    ["a SUBSCRIBE with one good and one cut filter", "82", '00 01 "a" 00 00', 0x81],
    ["an UNSUBSCRIBE without a filter", "a2", "00 01", 0x82],
    ["a DISCONNECT with a body", "e0", "00", 0x81],
  ]),
  ...rowsOf("v5", [
    ["a PUBLISH without topic and alias", "30", '"" 00', 0x82],
    ["a PUBLISH with the alias 0", "30", '"a" 03 23 00 00', 0x94],
    ["a PUBLISH with two aliases", "30", '"a" 06 23 00 01 23 00 02', 0x82],
    ["a PUBLISH with a subscription identifier", "30", '"a" 02 0b 01', 0x82, v5],
    ["a PUBLISH with a payload format of 2", "30", '"a" 02 01 02', 0x82, v5],
    ["a PUBLISH with a wildcard in its response topic", "30", '"a" 06 08 "b/#"', 0x90, v5],
    ["a PUBLISH with a reason string", "30", '"a" 04 1f "r"', 0x81],
    ["a PUBLISH without a property length", "30", '"a"', 0x81],
    ["a PUBLISH with cut correlation data", "30", '"a" 03 09 00 05', 0x81],
    ["a PUBACK with a reason code of PUBREL", "40", "00 01 92", 0x82, v5],
    ["a PUBREL with a reason code of PUBACK", "62", "00 01 10", 0x82, v5],
    ["a PUBACK with bytes after its properties", "40", "00 01 00 00 00", 0x81, v5],
    ["a PUBACK with two reason strings", "40", '00 01 00 08 1f "a" 1f "b"', 0x82],
    ["a SUBSCRIBE without a filter", "82", "00 01 00", 0x82],
    ["a SUBSCRIBE with the identifier 0", "82", '00 01 02 0b 00 "a" 00', 0x82],
    ["a SUBSCRIBE with two identifiers", "82", '00 01 04 0b 01 0b 02 "a" 00', 0x82],
    ["a SUBSCRIBE with QoS 3", "82", '00 01 00 "a" 03', 0x82],
    ["a SUBSCRIBE with Retain Handling 3", "82", '00 01 00 "a" 30', 0x82],
    ["a SUBSCRIBE with reserved bits", "82", '00 01 00 "a" 40', 0x81],
    ["a SUBSCRIBE with No Local on a shared subscription", "82", '00 01 00 "$share/g/a" 04', 0x82, v5],
    ["an UNSUBSCRIBE with a subscription identifier", "a2", '00 01 02 0b 01 "a"', 0x81],
    ["a DISCONNECT with a reason code of servers", "e0", "8e 00", 0x82],
    ["a DISCONNECT with a server reference", "e0", '00 04 1c "s"', 0x82],
    ["an AUTH with Success", "f0", "", 0x82],
    ["an AUTH without a method", "f0", "18 00", 0x82],
    ["an AUTH with flags", "f1", '18 04 15 "m"', 0x81],
  ]),
];
