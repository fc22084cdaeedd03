// Handshakes with a client certificate, one after the other, and what each costs the server's process in CPU.
import { type ConnectionOptions, connect, type SecureVersion, type TLSSocket } from "node:tls";
import { readProcessTree } from "../measure/process-tree.ts";

export interface HandshakePlan {
  readonly pid: number;
  readonly port: number;
  readonly caPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly version: SecureVersion;
  /** The session of an earlier connection is offered. */
  readonly resumes: boolean;
  /** MQTT: the client signs on, and waits for what it hears. */
  readonly signsOn: boolean;
  readonly forMs: number;
}

export interface HandshakeResult {
  /** As this client made them; it and the server share the machine. */
  readonly perS: number;
  /** Of the server's own process. */
  readonly cpuUs: number;
  /** Share of the connections in which the server took the offered session. */
  readonly resumed: number;
}

/** Connections that are not counted: until then the server's code is not what it will be. */
const warmUp = 300;

/** Throws when a connection fails, or is not let in where it signs on. */
export async function measureHandshakes(plan: HandshakePlan): Promise<HandshakeResult> {
  const { port, caPem: ca, certificatePem: cert, keyPem: key, version, forMs } = plan;
  const base = { host: "127.0.0.1", port, ca, cert, key, minVersion: version, maxVersion: version, servername: "localhost" };
  const session = plan.resumes ? await takeSession(base) : undefined;
  const options = session === undefined ? base : { ...base, session };
  const enter = () => handshake(options, plan.signsOn);
  for (let warm = 0; warm < warmUp; warm++) await enter();
  const cpuOf = (): number => readProcessTree(plan.pid)[0]?.cpuMicros ?? 0;
  const [cpuBefore, startMs] = [cpuOf(), performance.now()];
  let [done, resumed] = [0, 0];
  while (performance.now() - startMs < forMs) {
    if (await enter()) resumed++;
    done++;
  }
  const tookMs = performance.now() - startMs;
  return { perS: (done * 1_000) / tookMs, cpuUs: (cpuOf() - cpuBefore) / done, resumed: resumed / done };
}

/** True when the session that was offered was taken. */
function handshake(options: ConnectionOptions, signsOn: boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    let isResumed = false;
    const end = (): void => void socket.destroy();
    socket.once("secureConnect", () => {
      isResumed = socket.isSessionReused();
      if (signsOn) socket.write(connectPacket);
      else end();
    });
    socket.once("data", (bytes: Buffer) => (bytes[3] === 0 ? end() : reject(new Error(`not let in: ${bytes.toString("hex")}`))));
    socket.once("error", reject);
    socket.once("close", () => resolve(isResumed));
  });
}

/** With TLS 1.3 it comes after the handshake. Undefined when the server gives none. */
function takeSession(options: ConnectionOptions): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect(options);
    const end = (session: Buffer | undefined): void => {
      clearTimeout(timer);
      resolve(session ?? socket.getSession());
      socket.destroy();
    };
    const timer = setTimeout(() => end(undefined), 1_000);
    socket.once("session", end);
    socket.once("error", reject);
    socket.resume();
  });
}

/** [MQTT-3.1]: 3.1.1, clean session, no client id. */
const connectPacket = Buffer.from("100c00044d5154540402003c0000", "hex");
