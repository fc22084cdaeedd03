import { both, client, type Statements, server } from "./statement.ts";

/** MQTT 3.1.1, chapters 1 and 2: data and the form of packets. */
export const v311Chapters1And2: Statements = {
  "1.5.3-1": both("Strings are well-formed UTF-8 without surrogates; a packet that holds another closes the connection."),
  "1.5.3-2": both("No string holds U+0000; a packet that has one closes the connection."),
  "1.5.3-3": both("The bytes EF BB BF are the character U+FEFF wherever they stand, and are never dropped."),
  "2.2.2-1": both("Reserved flags of a fixed header have the values the table lists."),
  "2.2.2-2": both("Whoever gets a packet with other flags closes the connection."),
  "2.3.1-1": both("SUBSCRIBE, UNSUBSCRIBE and PUBLISH above QoS 0 have a packet id that is not 0."),
  "2.3.1-2": client("A client gives each new one of them an id that is not in use."),
  "2.3.1-3": client("A client that sends one of them again uses the same id."),
  "2.3.1-4": server("The same holds for the messages a server sends above QoS 0."),
  "2.3.1-5": both("A PUBLISH of QoS 0 has no packet id."),
  "2.3.1-6": both("PUBACK, PUBREC and PUBREL carry the id of the PUBLISH they belong to."),
  "2.3.1-7": server("SUBACK and UNSUBACK carry the id of what they answer."),
};
