// MQTT over WebSocket (MQTT 5 s6): binary frames of any size, in which packets may begin and end anywhere [MQTT-6.0.0-2].
import type { IncomingMessage, Server } from "node:http";
import { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";

/** The subprotocols there are, ours first [MQTT-6.0.0-4]. */
const subprotocols = ["mqtt", "mqttv3.1"] as const;
/** One message; packets larger than what a client may send are refused by the decoder. */
const messageBytesMax = 1024 * 1024;
/** What a socket's read gives at most, too. */
const pieceBytes = 65_536;
const unsupportedData = 1003;
const messageTooBig = 1009;

/** Has `accept` called for each WebSocket that the server's clients open, on any path. Clients that do not offer MQTT are refused with 400 [MQTT-6.0.0-3]. */
export function onWebSocket(
  server: Server,
  connectBytesMax: number,
  accept: (stream: WebSocketStream, request: IncomingMessage) => void,
): void {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: messageBytesMax,
    handleProtocols: (offered) => subprotocols.find((one) => offered.has(one)) ?? false,
  });
  server.on("upgrade", (request, socket, head) => {
    const offered = String(request.headers["sec-websocket-protocol"] ?? "")
      .split(",")
      .map((one) => one.trim());
    if (!subprotocols.some((one) => offered.includes(one))) {
      // Node follows a socket no more once it has handed it over: its errors are ours.
      socket.on("error", () => socket.destroy());
      socket.once("finish", () => socket.destroy());
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => accept(new WebSocketStream(webSocket, socket, connectBytesMax), request));
  });
}

/** The bytes inside the frames. A message is given on when it is whole, so what a stranger makes us gather of one is bounded here. */
export class WebSocketStream extends Duplex {
  readonly #socket: WebSocket;
  readonly #raw: Duplex;
  readonly #strangerBytesMax: number;
  #isHeld = false;
  #hasSpoken = false;
  #isOver = false;
  /** Read since the last whole message. */
  #gathered = 0;

  /** Of a stranger no more is gathered than a CONNECT in a frame of its own, and as much again: what is above it waits in the kernel. */
  constructor(socket: WebSocket, raw: Duplex, connectBytesMax: number) {
    super({ allowHalfOpen: false });
    this.#strangerBytesMax = connectBytesMax * 2;
    this.#socket = socket;
    this.#raw = raw;
    socket.binaryType = "nodebuffer";
    socket.on("message", (data, isBinary) => {
      if (this.#isOver) return;
      if (!isBinary) return this.#refuse(unsupportedData); // [MQTT-6.0.0-1]
      this.#hasSpoken = true;
      this.#gathered = 0;
      if (!this.#give(data as Buffer)) socket.pause();
    });
    socket.on("close", () => {
      if (!this.readableEnded) this.push(null);
    });
    socket.on("error", (error) => this.destroy(error));
    // Before the frames in it are read, and behind that: a whole message sets the count back in between.
    raw.prependListener("data", this.#count);
    raw.on("data", this.#judge);
  }

  /** It is known who is there: a message may be as large as messages are. */
  trust(): void {
    this.#raw.off("data", this.#count);
    this.#raw.off("data", this.#judge);
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#socket.resume();
  }

  readonly #count = (chunk: Buffer): void => {
    this.#gathered += chunk.length;
  };

  readonly #judge = (): void => {
    if (this.#gathered <= this.#strangerBytesMax || this.#isHeld) return;
    // Behind CONNECT a client may say what it likes: that waits until it is let in.
    this.#isHeld = true;
    this.#socket.pause();
    if (!this.#hasSpoken) this.#refuse(messageTooBig);
  };

  /** In pieces: whoever reads may stop at any packet, and has room for one piece behind it. False when there is no room for more. */
  #give(data: Buffer): boolean {
    let hasRoom = true;
    for (let at = 0; at < data.length; at += pieceBytes) hasRoom = this.push(data.subarray(at, at + pieceBytes));
    return hasRoom;
  }

  /** Nothing more is read. The connection does not wait for the client to say goodbye. */
  #refuse(code: number): void {
    this.#isOver = true;
    this.#socket.close(code);
    this.push(null);
  }

  override _read(): void {
    if (this.#socket.isPaused && !this.#isHeld) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(chunk, done);
    else done();
  }

  override _final(done: () => void): void {
    this.#socket.close();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }
}
