// A device at the door: TLS with whatever certificate it has, an MQTT 3.1.1 CONNECT, and what it hears.
import { connect, type SecureVersion, type TLSSocket } from "node:tls";

export interface Shown {
  /** The leaf, and whatever else is sent with it. */
  readonly certPem?: string | undefined;
  readonly keyPem?: string | undefined;
  readonly version: SecureVersion;
  readonly door: { readonly host: string; readonly port: number };
  readonly serverCa: string;
  readonly clientId?: string;
  readonly session?: Buffer | undefined;
  /** Said in the handshake (SNI). */
  readonly serverName?: string | undefined;
}

export interface Heard {
  /** `accepted`, `refused` (CONNACK 5), `unavailable` (CONNACK 3), or `handshake` when TLS did not get so far. */
  readonly outcome: "accepted" | "refused" | "unavailable" | "handshake";
  readonly isReused: boolean;
  readonly protocol: string | null;
  /** The newest session the server gave, to be resumed. */
  readonly session: Buffer | undefined;
  readonly socket: TLSSocket;
}

const outcomes: Readonly<Record<number, Heard["outcome"]>> = { 0: "accepted", 5: "refused", 3: "unavailable" };

/** Rejects only when nothing at all is heard in time. */
export function knock(shown: Shown): Promise<Heard> {
  const { certPem: cert, keyPem: key, version, door, serverCa, session, serverName } = shown;
  const socket = connect({
    ...door,
    ca: serverCa,
    minVersion: version,
    maxVersion: version,
    // What a client of today would not send itself must reach the server to be judged there.
    ciphers: "DEFAULT@SECLEVEL=0",
    ...(cert === undefined ? {} : { cert, key }),
    ...(session === undefined ? {} : { session }),
    // The server's certificate has one name, and whom it is for is not the question here.
    ...(serverName === undefined ? {} : { servername: serverName, checkServerIdentity: () => undefined }),
  });
  return new Promise((resolve, reject) => {
    let [given, isReused, protocol]: [Buffer | undefined, boolean, string | null] = [undefined, false, null];
    const timer = setTimeout(() => reject(new Error("nothing was heard")), 8_000);
    const settle = (outcome: Heard["outcome"]): void => {
      clearTimeout(timer);
      resolve({ outcome, isReused, protocol, session: given ?? socket.getSession() ?? undefined, socket });
    };
    socket.on("session", (ticket) => {
      given = ticket;
    });
    socket.on("secureConnect", () => {
      [isReused, protocol] = [socket.isSessionReused(), socket.getProtocol()];
      socket.write(connectPacket(shown.clientId ?? "c"));
    });
    socket.once("data", (bytes: Buffer) => settle(outcomes[bytes[3] ?? -1] ?? "handshake"));
    socket.on("error", () => settle("handshake"));
    socket.on("close", () => settle("handshake"));
  });
}

/** [MQTT-3.1]: clean session, no keep-alive. */
function connectPacket(clientId: string): Buffer {
  const id = Buffer.from(clientId);
  const body = Buffer.concat([Buffer.from("00044d5154540402003c", "hex"), Buffer.of(id.length >> 8, id.length & 0xff), id]);
  return Buffer.concat([Buffer.of(0x10, body.length), body]);
}
