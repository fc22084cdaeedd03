// `openssl s_server`: what TLS with client certificates costs when nothing else is done.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { connect } from "node:tls";
import { pause } from "@mooring/kit";
import { findClient } from "@mooring/testkit";

export interface ServerFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Whom clients' certificates come from: the root, in PEM. */
  readonly authorityFile: string;
}

export interface TlsServer {
  readonly pid: number;
  readonly port: number;
  stop(): void;
}

const startMsMax = 10_000;

/** Undefined where there is no openssl. Takes one connection after the other, and none without a certificate of the authority's. */
export async function startOpenssl({ certificateFile, keyFile, authorityFile }: ServerFiles): Promise<TlsServer | undefined> {
  const openssl = await findClient("openssl");
  if (openssl === undefined) return undefined;
  const port = await freePort();
  const identity = ["-cert", certificateFile, "-key", keyFile, "-CAfile", authorityFile];
  const args = ["s_server", "-accept", `127.0.0.1:${port}`, ...identity, "-Verify", "2", "-verify_return_error", "-quiet"];
  // Its input stays open: it ends with it.
  const child = spawn(openssl.path, args, { env: { ...process.env, ...openssl.env }, stdio: ["pipe", "ignore", "ignore"] });
  const endWithUs = (): void => void child.kill();
  process.once("exit", endWithUs);
  await untilItListens(child, port);
  return {
    pid: child.pid ?? 0,
    port,
    stop() {
      process.off("exit", endWithUs);
      child.kill();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || address === null) throw new Error("no port was given");
  return address.port;
}

async function untilItListens(child: ChildProcess, port: number): Promise<void> {
  for (const giveUpAtMs = performance.now() + startMsMax; performance.now() < giveUpAtMs; await pause(20)) {
    if (child.exitCode !== null) throw new Error(`openssl s_server ended with ${child.exitCode}`);
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
      socket.once("secureConnect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("close", () => socket.destroy());
      socket.once("secureConnect", () => socket.destroy());
    });
    if (isUp) return;
  }
  throw new Error("openssl s_server did not listen in time");
}
