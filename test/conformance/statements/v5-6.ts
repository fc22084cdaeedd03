import { both, client, type Statements, server } from "./statement.ts";

/** MQTT 5.0, chapter 6: WebSocket. */
export const v5Chapter6: Statements = {
  "6.0.0-1": both("Packets travel in binary frames, and any other frame closes the connection."),
  "6.0.0-2": both("Frames and packets need not have the same borders."),
  "6.0.0-3": client("A client offers the subprotocol mqtt."),
  "6.0.0-4": server("The server answers with the subprotocol mqtt."),
};
