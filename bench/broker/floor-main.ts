// Not a broker: what Node's TCP handle and the kernel cost when nothing else is done. It answers CONNECT and SUBSCRIBE, hands a PUBLISH to whoever
// subscribed to exactly its topic last and acknowledges it, each in a write of its own: no authentication, sessions, wildcards, flow control, limits,
// errors or batches. What our gateway takes above it is what all of that costs.
import { type AddressInfo, createServer } from "node:net";
import { onPlainConnection, RawSocket, type StreamOwner } from "@mooring/app-gateway/sockets";
import { PacketType } from "@mooring/mqtt";
import type { NodeBrokerFacts } from "./start-node-broker.ts";

const connack = Buffer.from([0x20, 2, 0, 0]);
const subscribers = new Map<string, Peer>();

class Peer implements StreamOwner {
  readonly #socket: RawSocket;
  #lastId = 0;

  constructor(socket: RawSocket) {
    this.#socket = socket;
  }

  /** The generator's packets are short and come whole. */
  onBytes(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const [low = 0, high = 0] = [chunk[at + 1], chunk[at + 2]];
      const start = at + (low > 127 ? 3 : 2);
      const end = start + (low > 127 ? (low & 127) | (high << 7) : low);
      this.#onPacket(chunk, at, start, end);
      at = end;
    }
  }

  #onPacket(chunk: Buffer, at: number, start: number, end: number): void {
    const header = chunk[at] as number;
    if (header >> 4 === PacketType.Publish) this.#onPublish(chunk, at, start, end);
    else if (header >> 4 === PacketType.Connect) this.#socket.write(connack);
    else if (header >> 4 === PacketType.Disconnect) this.#socket.destroy();
    else if (header >> 4 === PacketType.Subscribe) {
      subscribers.set(textAt(chunk, start + 2), this);
      this.#socket.write(Buffer.from([0x90, 3, chunk[start] as number, chunk[start + 1] as number, 1]));
    }
  }

  #onPublish(chunk: Buffer, at: number, start: number, end: number): void {
    const topic = textAt(chunk, start);
    const idAt = start + 2 + topic.length;
    const hasId = ((chunk[at] as number) & 6) !== 0;
    if (hasId) this.#socket.write(Buffer.from([0x40, 2, chunk[idAt] as number, chunk[idAt + 1] as number]));
    subscribers.get(topic)?.tell(Buffer.from(chunk.subarray(at, end)), hasId ? idAt - at : 0);
  }

  tell(publish: Buffer, idAt: number): void {
    if (idAt !== 0) {
      this.#lastId = (this.#lastId % 65_535) + 1;
      publish.writeUInt16BE(this.#lastId, idAt);
    }
    this.#socket.write(publish);
  }

  onEnd(): void {
    this.#socket.destroy();
  }
  onDrain(): void {
    // Nothing waits.
  }
  onClosed(): void {
    // Nothing is kept.
  }
}

function textAt(chunk: Buffer, at: number): string {
  return chunk.toString("latin1", at + 2, at + 2 + chunk.readUInt16BE(at));
}

const server = createServer();
onPlainConnection(server, (socket) => {
  if (!(socket instanceof RawSocket)) throw new Error("this Node's TCP handle is not what our gateway uses either");
  socket.setNoDelay(true);
  socket.owner = new Peer(socket);
  socket.resume();
});
await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0, backlog: 4_096 }, resolve));
const facts: NodeBrokerFacts = {
  version: `Node ${process.versions.node}`,
  mqtt: `127.0.0.1:${(server.address() as AddressInfo).port}`,
  mqtts: "",
};
process.send?.(facts);
process.on("SIGTERM", () => process.exit(0));
// Ends with its parent, whatever it is doing.
process.on("disconnect", () => process.exit(1));
