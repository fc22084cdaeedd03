import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createPlaces, type Places, translate } from "./addresses.ts";
import { createApi } from "./api.ts";
import { type ComposeFile, parseComposeFile } from "./compose-file.ts";
import { ComposeRun } from "./compose-run.ts";
import type { Platform, PlatformOptions } from "./platform.ts";
import { root } from "./service-process.ts";
import { openWorkDir } from "./work-dir.ts";

/** Of every service, in the file. */
const grpcPort = 7000;
/** A listener that the file leaves shut unless told otherwise. */
const pskPort = 8884;

/**
 * Starts what docker-compose.yml says: its processes with its commands, environment and wiring, in its order, ready when its health checks say
 * so. In place of containers there are processes, loopback addresses and folders.
 */
export async function startSplit(options: PlatformOptions): Promise<Platform> {
  const dir = openWorkDir("split", options);
  const elsewhere = new Map<string, string>();
  const { file, places } = readFile(join(dir.path, "volumes"), elsewhere);
  for (const service of file.services.values()) {
    for (const { volume } of service.mounts) mkdirSync(places.folderOf(volume), { recursive: true });
  }
  const postgres = file.services.get("postgres")?.mounts[0];
  if (postgres !== undefined) options.onPostgresFolder?.(places.folderOf(postgres.volume));
  const { via = async (_: string, address: string) => address, environmentOf } = options;
  const reached = new Map<string, Promise<string>>();
  const onElsewhere = async (service: string, port: number, address: string): Promise<void> => {
    // The address stays the same over restarts, and so does the way to it.
    const way = reached.get(service) ?? via(service, address);
    reached.set(service, way);
    elsewhere.set(`${service}:${port}`, await way);
  };
  await onElsewhere("events", grpcPort, `${places.hostOf("events")}:${grpcPort}`);
  const run = new ComposeRun({ file, places, onElsewhere, environmentOf, logDir: dir.logDir });
  const stop = async (): Promise<ReadonlyMap<string, number | null>> => {
    const codes = await run.stop();
    dir.close();
    return codes;
  };
  try {
    await run.start();
    const apiKey = readFileSync(join(places.folderOf("first-key"), "api-key"), "utf8").trim();
    const rest = `http://${publishedAt(file, places, 8080)}`;
    const [host = "", port] = publishedAt(file, places, 8883).split(":");
    return {
      mode: "split",
      rest,
      grpc: publishedAt(file, places, 9090),
      amqp: publishedAt(file, places, 5671),
      mqtts: { host, port: Number(port) },
      mqttPsk: { host, port: pskPort },
      https: `https://${publishedAt(file, places, 8443)}`,
      caFile: join(places.folderOf("server-tls"), "ca.pem"),
      apiKey,
      databaseUrl: urlOf("access", "MOORING_DATABASE_URL", file, places),
      redisUrl: urlOf("gateway", "MOORING_REDIS_URL", file, places),
      api: createApi(rest, apiKey),
      parts: [...file.services.values()].filter((service) => service.healthcheck !== undefined).map((service) => service.name),
      kill9: (part) => run.kill9(part),
      freeze: (part, alone) => run.signal(part, "SIGSTOP", alone),
      thaw: (part) => run.signal(part, "SIGCONT"),
      ended: () => run.ended(),
      restart: (part) => run.restart(part),
      stop,
      logs: dir.logs,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The file with what a person would write into `.env`. The names for the certificate are known only once the file has told its ports. */
function readFile(volumesDir: string, elsewhere: ReadonlyMap<string, string>): { readonly file: ComposeFile; readonly places: Places } {
  const text = readFileSync(join(root, "docker-compose.yml"), "utf8");
  const variables = {
    POSTGRES_PASSWORD: randomBytes(24).toString("hex"),
    REDIS_PASSWORD: randomBytes(24).toString("hex"),
    MOORING_KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
    MOORING_MQTT_PSK_LISTEN: `0.0.0.0:${pskPort}`,
    // The tests' own receivers.
    MOORING_WEBHOOK_ALLOW_NETWORKS: "127.0.0.0/8",
  };
  const draft = parseComposeFile(text, variables);
  const places = createPlaces(draft, volumesDir, elsewhere);
  const reachable = [...draft.services.values()].filter((service) => service.ports.length > 0).map(({ name }) => places.hostOf(name));
  return { file: parseComposeFile(text, { ...variables, MOORING_SERVER_NAMES: ["localhost", ...reachable].join(",") }), places };
}

/** An address as one of the services is told it. */
function urlOf(name: string, setting: string, file: ComposeFile, places: Places): string {
  const service = file.services.get(name);
  const url = service?.environment[setting];
  if (service === undefined || url === undefined) throw new Error(`${name} is told no ${setting}`);
  return translate(url, service, file, places);
}

/** `host:port` of the service that the file publishes under this port of the machine. */
function publishedAt(file: ComposeFile, places: Places, published: number): string {
  for (const service of file.services.values()) {
    const port = service.ports.find((candidate) => candidate.published === published);
    const isOpen = service.networks.some((network) => !file.internalNetworks.includes(network));
    if (port !== undefined && isOpen) return `${places.hostOf(service.name)}:${port.target}`;
  }
  throw new Error(`docker-compose.yml publishes no port ${published}`);
}
