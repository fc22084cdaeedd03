import { both, client, type Statements, server } from "./statement.ts";

/** MQTT 3.1.1, chapters 6 and 7: WebSocket, and what conformance is. */
export const v311Chapters6And7: Statements = {
  "6.0.0-1": both("Packets travel in binary frames, and any other frame closes the connection."),
  "6.0.0-2": both("Frames and packets need not have the same borders."),
  "6.0.0-3": client("A client offers the subprotocol mqtt."),
  "6.0.0-4": server("The server answers with the subprotocol mqtt."),
  "7.0.0-1": server("A server that connects to other servers conforms as a client too.", "Ours connects to no other server by MQTT."),
  "7.0.0-2": both(
    "No extension of the protocol is needed to get along with others.",
    "Shown by clients nobody here wrote: mosquitto's, Paho and mqtt.js in `real-clients/`.",
  ),
  "7.1.1-1": server("A server offers a transport that carries bytes in order, without loss, both ways."),
  "7.1.2-1": client("A client uses such a transport."),
};
