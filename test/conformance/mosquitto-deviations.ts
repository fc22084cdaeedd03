import type { VersionName } from "./versions.ts";

/** Where Debian's mosquitto 2.0.11 does not do what a test of this folder asks. The tests stay as the specification has it. */
export interface Deviation {
  /** The test's title, as it stands in its file. */
  readonly title: string;
  readonly versions: readonly VersionName[];
  readonly why: string;
}

const v5: readonly VersionName[] = ["5.0"];
const v3: readonly VersionName[] = ["3.1", "3.1.1"];
const oasis: readonly VersionName[] = ["3.1.1", "5.0"];

export const mosquittoDeviations: readonly Deviation[] = [
  {
    title: "authentication data without a method closes the connection",
    versions: v5,
    why: "It lets the client in.",
  },
  {
    title:
      "no more than Receive Maximum messages are under way, and each PUBACK lets one more go [MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2]",
    versions: v5,
    why: "The first PUBACK after messages have queued lets two go, so that there is one too many under way.",
  },
  {
    title: "the window of a session that resumes is the one of its new connection [MQTT-3.3.4-9] [MQTT-4.9.0-1]",
    versions: v5,
    why: "It sends all that was under way before, however small the new Receive Maximum.",
  },
  {
    title: "the broker says its Receive Maximum, takes as many, and closes the connection of a client that sends more",
    versions: v5,
    why: "It answers PUBREC with 0x97 instead of DISCONNECT with 0x93.",
  },
  {
    title: "wrong flags in a fixed header close the connection [3.1.1 MQTT-2.2.2-1] [3.1.1 MQTT-2.2.2-2] [5.0 MQTT-2.1.3-1]",
    versions: oasis,
    why: "It does not look at the flags of PUBACK, PUBREC, PUBCOMP and PINGREQ.",
  },
  {
    title: "a malformed packet or protocol error closes the connection, with its code if any [MQTT-4.13.1-1]",
    versions: v5,
    why: "It takes a Payload Format Indicator of 2.",
  },
  {
    title: "a broken rule closes the connection that broke it [MQTT-4.8.0-1]",
    versions: ["3.1.1"],
    why: "It takes a PINGRESP from a client.",
  },
  {
    title: "a message larger than the client takes is not sent, and what follows is [MQTT-3.1.2-24] [MQTT-3.1.2-25]",
    versions: v5,
    why: "A message that was too large keeps its place in the window, until nothing more is sent.",
  },
  {
    title:
      "until its PUBREL a QoS 2 message is answered and not delivered again however often it comes [3.1.1 MQTT-4.3.3-2] [5.0 MQTT-4.3.3-10]",
    versions: ["3.1", "3.1.1", "5.0"],
    why: "At the third copy it closes the connection.",
  },
  {
    title: "a message whose delivery has begun is completed although it has expired [MQTT-4.3.3-7]",
    versions: v5,
    why: "It drops the message, so that its packet id is never heard of again.",
  },
  {
    title: "a response topic with a wildcard closes the connection [MQTT-3.3.2-14]",
    versions: v5,
    why: "It does not look at response topics.",
  },
  {
    title: "a subscription identifier from a client closes the connection",
    versions: v5,
    why: "It takes the message.",
  },
  {
    title: "a shared subscription without a name or with a wildcard in its name is refused [MQTT-4.8.2-1] [MQTT-4.8.2-2]",
    versions: v5,
    why: "It grants an empty share name.",
  },
  {
    title: "No Local on a shared subscription closes the connection [MQTT-3.8.3-4]",
    versions: v5,
    why: "It grants the subscription.",
  },
  {
    title: "a shared subscription is sent no retained messages when it is made",
    versions: v5,
    why: "It sends them to each member.",
  },
  {
    title: "a QoS 1 message that was sent to a member and not acknowledged goes to another when its session ends",
    versions: v5,
    why: "It is lost with the session.",
  },
  {
    title: "what waits for a member whose session ends goes to another, also while that one is away",
    versions: v5,
    why: "It is lost with the session.",
  },
  {
    title: "what was not sent to a member that unsubscribes goes to another, and what was sent stays [MQTT-3.10.4-3]",
    versions: v5,
    why: "It goes to the member that has left, which is allowed.",
  },
  {
    title: "of overlapping subscriptions the highest QoS counts, in one message or one for each [3.1.1 MQTT-3.3.5-1] [5.0 MQTT-3.3.4-2]",
    versions: v3,
    why: "It sends one message, with the QoS of whichever subscription it comes upon first.",
  },
  {
    title: "a Remaining Length or Property Length with more bytes than it needs closes the connection [MQTT-1.5.5-1]",
    versions: v5,
    why: "It takes the packet.",
  },
  {
    title: "a text frame closes the connection [MQTT-6.0.0-1]",
    versions: oasis,
    why: "It reads text frames as it reads binary ones.",
  },
  {
    title: "a will is published at once when a clean start ends its session before the delay [MQTT-3.1.2-8]",
    versions: v5,
    why: "It forgets the will with the session.",
  },
];

export function deviationOf(title: string, version: VersionName): string | undefined {
  return mosquittoDeviations.find((deviation) => deviation.title === title && deviation.versions.includes(version))?.why;
}
