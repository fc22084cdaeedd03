import { connect, type Socket } from "node:net";
import type { Address } from "./target.ts";

/** A stream of bytes to the broker, over TCP or WebSocket. */
export interface Wire {
  send(bytes: Uint8Array): void;
  /** Ends the connection without a word, as a network that fails. */
  drop(): void;
}

/** What becomes of a wire. `onBytes` is not called after `onClosed`. */
export interface WireEvents {
  onBytes(bytes: Buffer): void;
  onClosed(): void;
}

export function openTcp({ host, port }: Address, events: WireEvents): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, host);
    socket.setNoDelay(true);
    socket.on("data", (bytes) => events.onBytes(bytes));
    socket.once("error", reject);
    socket.once("close", () => events.onClosed());
    socket.once("connect", () => {
      socket.off("error", reject);
      // A reset tells itself by closing.
      socket.on("error", () => undefined);
      resolve({
        send: (bytes) => void (socket.writable && socket.write(bytes)),
        drop: () => void socket.resetAndDestroy(),
      });
    });
  });
}

/** Over WebSocket each `send` is one binary frame. */
export interface WebSocketWire extends Wire {
  /** The subprotocol the server chose. */
  readonly protocol: string;
  sendText(text: string): void;
}

/** Rejects when the handshake fails. A text frame from the server closes the wire [MQTT-6.0.0-1]. */
export function openWebSocket(url: string, events: WireEvents, protocols: readonly string[] = ["mqtt"]): Promise<WebSocketWire> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [...protocols]);
    socket.binaryType = "arraybuffer";
    let isOpen = false;
    socket.onmessage = ({ data }: { readonly data: unknown }) => {
      if (data instanceof ArrayBuffer) events.onBytes(Buffer.from(data));
      else socket.close();
    };
    socket.onclose = () => {
      if (isOpen) events.onClosed();
      else reject(new Error(`no WebSocket at ${url} with ${protocols.join(", ") || "no subprotocol"}`));
    };
    socket.onerror = () => undefined;
    socket.onopen = () => {
      isOpen = true;
      resolve({
        protocol: socket.protocol,
        send: (bytes) => socket.send(bytes as Uint8Array<ArrayBuffer>),
        sendText: (text) => socket.send(text),
        drop: () => socket.close(),
      });
    };
  });
}
