/** Every bound of the AMQP listener, in one place. What a bound is answered with stands beside it. */
export const amqpLimits = {
  /** A frame before the sign-on; AMQP allows 512, user names of Alibaba's form with long client ids may pass that: the connection ends. */
  signOnFrameBytesMax: 4_096,
  /** A frame after it, said in our open: the connection ends. */
  frameBytesMax: 262_144,
  /** Values within values: the connection ends. */
  nestingMax: 16,
  /** Elements without bytes of their own in an array: the connection ends. */
  emptyElementsMax: 256,
  /** From the TCP connection to the end of the sign-on: the connection ends. */
  signOnMs: 10_000,
  /** Connections that have not signed on yet: more are closed when they are accepted. */
  unauthenticatedMax: 256,
  /** Connections of this listener: more are closed when they are accepted. */
  connectionsMax: 2_000,
  /** Connections of a tenant, as with Alibaba: amqp:resource-limit-exceeded. */
  connectionsPerTenantMax: 128,
  /** From the open, or the end of the last link, to a receiver link: amqp:connection:forced. */
  linkWithinMs: 15_000,
  /** Sessions and links of a connection: amqp:resource-limit-exceeded. */
  sessionsMax: 8,
  linksMax: 8,
  /** Said in our open; a client that is silent for twice as long is let go. Within Alibaba's 30 to 300 s. */
  idleMs: 60_000,
  /** What a client may ask of us: below, the connection is refused; above, it gets a sign of life sooner than it asked for. */
  peerIdleMsMin: 1_000,
  peerIdleMsMax: 300_000,
  /** The smallest frame a client must take [AMQP-2.3.1 MIN-MAX-FRAME-SIZE]: below, the connection is refused. */
  peerFrameBytesMin: 512,
  /** Deliveries that one disposition may name: the connection ends. */
  dispositionRangeMax: 65_536,
  /** Messages of a link that its client has not settled, and their bytes: then it gets no more until it does. */
  unsettledMax: 1_000,
  unsettledBytesMax: 8_388_608,
  /** Records of a link that are on their way through this process, and about their bytes, whatever credit the client gave. */
  readAheadMax: 256,
  readAheadBytesMax: 1_048_576,
  /** Bytes that wait for a slow socket: from here on its links send nothing. */
  socketBytesHigh: 1_048_576,
  /** And beyond this, which only answers to a client that does not read can reach: the connection is cut. */
  socketBytesMax: 8_388_608,
  /** A client that drains its credit is told that there is nothing more after so long. */
  drainMs: 50,
  /** A link that has given no credit and settled everything lets go of its stream after so long, so that it keeps no record from others. */
  restAfterMs: 1_000,
  /** How long a link waits for a part of the platform that is out of reach: then amqp:internal-error. */
  outageMsMax: 30_000,
  /** A delivery is given up at the client so long after its record went back to the subscription. */
  settleGraceMs: 5_000,
  /** From our close or end to the peer's: then the connection is cut. */
  closeMs: 2_000,
  /** Frames of a session that carry messages: numbers of AMQP are 32 bits wide. Then the client is asked to connect again. */
  transfersPerSessionMax: 2_000_000_000,
} as const;

export type AmqpLimits = { readonly [K in keyof typeof amqpLimits]: number };
