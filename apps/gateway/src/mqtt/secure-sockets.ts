// The connections of a TLS listener: Node's own sockets make the handshake; then the handles are taken out of them, and go on as raw sockets. What stays
// behind - two sockets, four stream states, their listeners - would cost 4 KB for as long as the connection lives, and a fifth of each message. The rest of
// an idle connection is not in reach: OpenSSL's state and the certificates that the peer showed, 36 KB, and of Node's 64 KB for reading what was touched.
//
//   net.Socket    _handle: TCP handle -----.      ,-- _parent
//   TLSSocket     _handle: TLS handle ------>  RawTlsSocket
import { Socket } from "node:net";
import { CLIENT_RENEG_LIMIT, CLIENT_RENEG_WINDOW, type TLSSocket } from "node:tls";
import { openRawSockets, type RawSockets, type TcpHandle } from "./raw-socket.ts";
import { RawTlsSocket, type TlsHandle } from "./raw-tls-socket.ts";

const readBytes = 65_536;
const needed = ["useUserBuffer", "readStart", "readStop", "writeBuffer", "writev", "shutdown", "setNoDelay", "getpeername", "destroySSL"];

/** What Node keeps in its sockets and handles. */
interface Inside {
  _handle: object | null;
  ssl?: object | null;
  readonly _readableState: { readonly ended: boolean };
}
interface Inner extends TlsHandle {
  readonly _parent?: TcpHandle;
  _parentWrap?: Socket | null;
}

/** Null where Node has not what is needed: its own sockets serve then. */
export function openSecureSockets(raw: RawSockets | null = openRawSockets()): SecureSockets | null {
  return raw === null ? null : new SecureSockets(raw);
}

export class SecureSockets {
  readonly #raw: RawSockets;
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes);
  readonly #onread: () => void;

  constructor(raw: RawSockets) {
    this.#raw = raw;
    const buffer = this.#buffer;
    const { streamBaseState, kReadBytesOrError } = raw.wrap;
    this.#onread = function (this: TlsHandle): void {
      const length = streamBaseState[kReadBytesOrError] as number;
      const socket = this.socket as RawTlsSocket | null;
      if (length > 0) socket?.onRead(buffer.subarray(0, length));
      else if (length < 0) socket?.onReadEnd(length);
    } as () => void;
  }

  /**
   * The connection of this server's socket, whose handshake is over, as a raw socket that is not read yet; the socket is a closed one then, of which only
   * what it remembers can be asked. Null when it has read or written already, or is not as expected; then nothing has changed.
   */
  take(socket: TLSSocket): RawTlsSocket | null {
    const tls = (socket as unknown as Inside)._handle as Inner | null;
    const tcp = tls?._parent;
    const below = tls?._parentWrap;
    if (tls === null || tcp === undefined || !(below instanceof Socket) || !isIdle(socket) || !isIdle(below)) return null;
    if (!fits(tls, tcp) || (below as unknown as Inside)._handle !== tcp) return null;
    if (tls.readStop() !== 0) return null;
    disown(tls);
    disown(tcp);
    Object.defineProperty(tcp, "reading", { value: true, writable: true, enumerable: true, configurable: true });
    tls._parentWrap = null;
    tls.onerror = destroySocket;
    tls.onhandshakestart = countHandshake;
    tls.onhandshakedone = ignore;
    tls.onread = this.#onread;
    tls.useUserBuffer(this.#buffer);
    empty(socket);
    empty(below);
    return new RawTlsSocket(tls, tcp, this.#raw);
  }
}

function destroySocket(this: TlsHandle): void {
  this.socket?.destroy();
}

function ignore(): undefined {
  return undefined;
}

/** As Node does it: each wish for another handshake costs a refusal, so that no more than a few are heard. */
function countHandshake(this: TlsHandle, nowMs: number): void {
  const isInRow = nowMs - this.lastHandshakeTime < CLIENT_RENEG_WINDOW * 1_000;
  this.lastHandshakeTime = nowMs;
  this.handshakes = isInRow ? this.handshakes + 1 : 1;
  if (this.handshakes > CLIENT_RENEG_LIMIT) this.socket?.destroy();
}

function isIdle(socket: Socket): boolean {
  const { destroyed, readableLength, writableLength, writableEnded } = socket;
  const { ended } = (socket as unknown as Inside)._readableState;
  return !destroyed && readableLength === 0 && !ended && writableLength === 0 && !writableEnded;
}

/** The same for all handles of the process. */
let ownerSymbol: symbol | undefined;

function ownerSymbolOf(handle: object): symbol | undefined {
  if (ownerSymbol !== undefined && Object.hasOwn(handle, ownerSymbol)) return ownerSymbol;
  ownerSymbol = Object.getOwnPropertySymbols(handle).find(({ description }) => description === "owner_symbol");
  return ownerSymbol;
}

function fits(tls: object, tcp: TcpHandle): boolean {
  if (!needed.every((name) => typeof (tls as Record<string, unknown>)[name] === "function") || typeof tcp.close !== "function")
    return false;
  const isOpen = Object.getOwnPropertyDescriptor(tcp, "reading")?.configurable !== false;
  return isOpen && ownerSymbolOf(tls) !== undefined && ownerSymbolOf(tcp) !== undefined;
}

/** Else the handle keeps the socket. */
function disown(handle: object): void {
  (handle as Record<symbol, unknown>)[ownerSymbolOf(handle) as symbol] = null;
}

/** Its server does not count it any more. */
function empty(socket: Socket): void {
  const inside = socket as unknown as Inside;
  inside._handle = null;
  if (inside.ssl !== undefined) inside.ssl = null;
  socket.destroy();
}
