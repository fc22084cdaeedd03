// A TLS listener whose connections are followed, and peers of it: of this process, and openssl's.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect, createServer, type Server, type TLSSocket } from "node:tls";
import { makeAuthority, makeCertificate, type Tool } from "@mooring/testkit";
import { afterEach, expect } from "vitest";
import { deviceTlsOptions } from "../tls.ts";
import type { ByteStream } from "./byte-stream.ts";
import { follow, Recorder } from "./followed-stream.test-support.ts";
import { RawTlsSocket } from "./raw-tls-socket.ts";
import type { SecureSockets } from "./secure-sockets.ts";

const authority = makeAuthority("test");
export const [own, device] = [
  makeCertificate({ commonNames: ["localhost"], issuer: authority }),
  makeCertificate({ commonNames: ["dev-1"], issuer: authority }),
];
/** To be done after the test. */
export const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

export interface Accepted {
  readonly stream: ByteStream;
  readonly recorder: Recorder;
}

/** Connections are raw sockets, or without `secure` those of Node's; followed and read. */
export async function listen(secure: SecureSockets | null, onAccepted: (accepted: Accepted, socket: TLSSocket) => void): Promise<Server> {
  const tls = { certificatePem: own.pem, keyPem: own.keyPem ?? "" };
  const server = createServer(deviceTlsOptions(tls, { handshakeMs: 10_000, sessionS: 0 }));
  server.on("secureConnection", (socket) => {
    const stream = secure?.take(socket) ?? socket;
    expect(stream instanceof RawTlsSocket).toBe(secure !== null);
    const recorder = new Recorder();
    follow(stream, recorder);
    stream.resume();
    onAccepted({ stream, recorder }, socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ends.push(() => server.close());
  return server;
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** One accepted connection, followed and read, and its peer. */
export async function open(secure: SecureSockets | null, more: ConnectionOptions = {}) {
  let accept: (accepted: Accepted) => void = () => undefined;
  const accepted = new Promise<Accepted>((resolve) => {
    accept = resolve;
  });
  const server = await listen(secure, (one) => accept(one));
  const below = connectTcp(portOf(server), "127.0.0.1");
  const peer = connect({ socket: below, rejectUnauthorized: false, cert: device.pem, key: device.keyPem, ...more } as ConnectionOptions);
  peer.on("error", () => undefined);
  const { stream, recorder } = await accepted;
  ends.push(() => {
    below.destroy();
    peer.destroy();
    stream.destroy();
  });
  return { stream, peer, below: below as Socket, recorder, server };
}

/** `s_client`, which takes commands from its input: R for a second handshake, K for new keys. */
export async function openOpenssl(tool: Tool, kind: SecureSockets | null, version: "-tls1_2" | "-tls1_3") {
  const accepted: Accepted[] = [];
  const server = await listen(kind, (one) => accepted.push(one));
  const child: ChildProcess = spawn(tool.path, ["s_client", "-connect", `127.0.0.1:${portOf(server)}`, version, "-nbio"], {
    env: { ...process.env, ...tool.env },
    stdio: "pipe",
  });
  ends.push(() => child.kill("SIGKILL"));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  await expect.poll(() => accepted.length).toBe(1);
  const { stream, recorder } = accepted[0] as Accepted;
  return { stream, recorder, say: (text: string) => child.stdin?.write(text), said: () => said, exited: once(child, "exit") };
}
