import { both, client, type Statements, server } from "./statement.ts";

/** MQTT 3.1.1, chapter 4: how clients and servers behave. */
export const v311Chapter4: Statements = {
  "4.1.0-1": both("Session state is kept for as long as the session lasts."),
  "4.1.0-2": both("A session lasts at least as long as its connection."),
  "4.3.1-1": both("At QoS 0 a message goes out with QoS 0 and without DUP."),
  "4.3.2-1": both("At QoS 1 the sender takes an unused packet id, sends without DUP, and keeps the message until its PUBACK."),
  "4.3.2-2": both("At QoS 1 the receiver answers with PUBACK, after which the packet id stands for another message."),
  "4.3.3-1": both(
    "At QoS 2 the sender takes an unused packet id, keeps the message until PUBREC, then PUBREL until PUBCOMP, and no longer sends PUBLISH.",
  ),
  "4.3.3-2": both("At QoS 2 the receiver answers with PUBREC as often as it must, delivers once, and answers PUBREL with PUBCOMP."),
  "4.4.0-1": both("When a session resumes, PUBLISH and PUBREL that were not acknowledged are sent again with their packet ids."),
  "4.5.0-1": server("A message the server has taken goes to the session of every client with a matching subscription."),
  "4.5.0-2": client("A client acknowledges what it receives, whether it makes use of it or not."),
  "4.6.0-1": client("A client sends messages again in the order they had."),
  "4.6.0-2": client("A client sends PUBACKs in the order of the messages."),
  "4.6.0-3": client("A client sends PUBRECs in the order of the messages."),
  "4.6.0-4": client("A client sends PUBRELs in the order of the PUBRECs."),
  "4.6.0-5": server("Every topic is ordered unless the server was told otherwise."),
  "4.6.0-6": server("Messages of one client to an ordered topic are delivered in the order they came, and acknowledged in it."),
  "4.7.1-1": both("Topic names have no wildcards."),
  "4.7.1-2": both("# stands alone or after a slash, and last."),
  "4.7.1-3": both("+ takes a whole level."),
  "4.7.2-1": server("A filter that begins with a wildcard matches no topic that begins with $."),
  "4.7.3-1": both("Topics and filters have at least one character."),
  "4.7.3-2": both("Topics and filters do not hold U+0000."),
  "4.7.3-3": both("Topics and filters are at most 65,535 bytes long.", "Their length has two bytes on the wire: nobody can say more."),
  "4.7.3-4": server("Topics and filters are compared as they are, without normalization."),
  "4.8.0-1": both("A violation of the protocol closes the connection it came on."),
  "4.8.0-2": both(
    "A passing failure while a packet is processed closes the connection it came on.",
    "A failure inside the server cannot be brought about from outside; `npm run faults` does it from within.",
  ),
};
