import { both, client, type Statements, server } from "./statement.ts";

/** MQTT 5.0, chapters 1 and 2: data and the form of packets. */
export const v5Chapters1And2: Statements = {
  "1.5.4-1": both("Strings are well-formed UTF-8 without surrogates."),
  "1.5.4-2": both("No string holds U+0000."),
  "1.5.4-3": both("The bytes EF BB BF are the character U+FEFF wherever they stand, and are never dropped."),
  "1.5.5-1": both("A variable byte integer has no more bytes than it needs."),
  "1.5.7-1": both("Both strings of a pair obey the rules for strings."),
  "2.1.3-1": both("Reserved flags of a fixed header have the values the table lists."),
  "2.2.1-2": both("A PUBLISH of QoS 0 has no packet id."),
  "2.2.1-3": client("A client gives each new SUBSCRIBE, UNSUBSCRIBE and PUBLISH above QoS 0 an unused packet id that is not 0."),
  "2.2.1-4": server("A server gives each new PUBLISH above QoS 0 an unused packet id that is not 0."),
  "2.2.1-5": both("PUBACK, PUBREC, PUBREL and PUBCOMP carry the id of the PUBLISH they belong to."),
  "2.2.1-6": server("SUBACK and UNSUBACK carry the id of what they answer."),
  "2.2.2-1": both("A packet that could have properties and has none says so with a length of 0."),
};
