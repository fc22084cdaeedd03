// Hot: what must be said and cannot be said shorter, to a client that names a Maximum Packet Size.
import { ReasonCode } from "@mooring/mqtt";
import type { ChannelOutput } from "./channel-ports.ts";

/** Says it, or ends the connection when the client takes nothing so large [MQTT-3.1.2-24]: leaving an answer out would keep it waiting for ever. */
export function putFitting(out: Pick<ChannelOutput, "outgoing" | "close">, bytes: Buffer, maximumPacketSize: number): void {
  if (bytes.length <= maximumPacketSize) out.outgoing.put(bytes);
  else out.close(ReasonCode.PacketTooLarge, "packetSize");
}
