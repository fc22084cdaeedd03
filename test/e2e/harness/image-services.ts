import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startEmbeddedPostgres } from "@mooring/db";
import { silentLog } from "@mooring/kit";
import { startRedis } from "@mooring/testkit";
import type { ComposeService } from "./compose-file.ts";

/** A server that the file takes from an image of others: here it is the same server from npm or from Debian. */
export interface ImageServer {
  /** `host:port`; the same again after `kill9` and a new start. */
  readonly address: string;
  readonly pid: number;
  kill9(): Promise<void>;
  stop(): Promise<void>;
}

export interface ImageService {
  /** The port it has in its container. */
  readonly port: number;
  start(): Promise<ImageServer>;
}

/** Knows postgres:18 and redis of versions 7 and 8, told what the file tells them. Throws for anything else, and for settings it cannot pass on. */
export function createImageService(service: ComposeService, folder: string): ImageService {
  if (/^postgres:18\b/.test(service.image)) return { port: 5432, start: postgresStarter(service, folder) };
  if (/^redis:[78]\b/.test(service.image)) return { port: 6379, start: redisStarter(service) };
  throw new Error(`${service.name}: the image ${service.image} is not understood here, so it would not be proved`);
}

function postgresStarter(service: ComposeService, folder: string): ImageService["start"] {
  const { POSTGRES_USER: user, POSTGRES_DB: database, POSTGRES_PASSWORD: password, ...odd } = service.environment;
  if (user !== "mooring" || database !== "mooring" || Object.keys(odd).length > 0) {
    throw new Error(`${service.name}: only POSTGRES_USER and POSTGRES_DB of mooring and a POSTGRES_PASSWORD are understood`);
  }
  const settings: Record<string, string> = {};
  const [program, ...words] = service.command;
  for (let at = 0; at < words.length; at += 2) {
    const [name, value] = words[at + 1]?.split("=") ?? [];
    if (program !== "postgres" || words[at] !== "-c" || name === undefined || value === undefined) {
      throw new Error(`${service.name}: the command ${service.command.join(" ")} is not understood`);
    }
    settings[name] = value;
  }
  let port = 0;
  return async () => {
    // The embedded server takes the password it finds here for its own.
    mkdirSync(folder, { recursive: true });
    const passwordFile = join(folder, "mooring.password");
    if (!existsSync(passwordFile)) writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    const server = await startEmbeddedPostgres({ dataDir: folder, port, log: silentLog, settings });
    port = server.port;
    const kill9 = async (): Promise<void> => {
      process.kill(server.pid, "SIGKILL");
      await server.exited;
    };
    return { address: `127.0.0.1:${server.port}`, pid: server.pid, kill9, stop: server.stop };
  };
}

function redisStarter(service: ComposeService): ImageService["start"] {
  const password = redisPassword(service);
  let port: number | undefined;
  return async () => {
    const server = await startRedis(port === undefined ? { password } : { password, port });
    if (server === undefined) throw new Error("there is no redis-server to be had here, so nothing can run split into processes");
    port = server.port;
    return { address: `127.0.0.1:${server.port}`, pid: server.pid, kill9: server.kill, stop: server.stop };
  };
}

/** What the file may ask of Redis besides a password is what the test server does by itself: keep nothing on disk, throw nothing away. */
function redisPassword(service: ComposeService): string {
  const [program, ...words] = service.command;
  const given = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) given.set(words[at] ?? "", words[at + 1] ?? "");
  const { "--requirepass": password, ...rest } = Object.fromEntries(given);
  const expected = { "--appendonly": "no", "--save": "", "--maxmemory-policy": "noeviction" };
  const same = JSON.stringify(Object.entries(rest).sort()) === JSON.stringify(Object.entries(expected).sort());
  if (program !== "redis-server" || password === undefined || password === "" || !same) {
    throw new Error(`${service.name}: the command ${service.command.join(" ")} is not understood`);
  }
  return password;
}
