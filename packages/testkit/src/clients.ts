import { spawn } from "node:child_process";
import { fetchPackages, fetchTool, findOnPath, type Tool } from "./apt-cache.ts";
import { reportMissing } from "./loud.ts";

/** Clients (and one broker) that nobody of this project wrote: the Debian package that carries each, and its name there when it differs. */
const clients = {
  mosquitto_pub: { package: "mosquitto-clients" },
  mosquitto_sub: { package: "mosquitto-clients" },
  mosquitto_rr: { package: "mosquitto-clients" },
  mosquitto: { package: "mosquitto" },
  // The plain name is a link that only an installation makes; of the variants this is the one with every kind of credential.
  "coap-client": { package: "libcoap3-bin", binary: "coap-client-openssl" },
  openssl: { package: "openssl" },
  curl: { package: "curl" },
  // Libraries for the system's Python, which is the program to run.
  paho: { package: "python3-paho-mqtt", binary: "python3", module: "paho.mqtt.client" },
  proton: { package: "python3-qpid-proton", binary: "python3", module: "proton" },
} as const satisfies Record<string, ClientSource>;

interface ClientSource {
  readonly package: string;
  readonly binary?: string;
  /** The Python module that must be there. */
  readonly module?: string;
}

export type ClientName = keyof typeof clients;
export const clientNames = Object.keys(clients) as ClientName[];

const found = new Map<ClientName, Promise<Tool | undefined>>();

/**
 * A real client: from the PATH, else fetched from Debian into the cache folder without root. Undefined, said loudly, where
 * neither works; with `MOORING_TEST_REQUIRE_CLIENTS=1` or `CI=true` it throws instead. Remembered for the process.
 */
export function findClient(name: ClientName): Promise<Tool | undefined> {
  let search = found.get(name);
  if (search === undefined) {
    search = searchClient(name);
    found.set(name, search);
  }
  return search;
}

async function searchClient(name: ClientName): Promise<Tool | undefined> {
  const client: ClientSource = clients[name];
  const installed = client.module === undefined ? await findOnPath(name) : await findPythonWith(client.module, {});
  if (typeof installed === "string") return { path: installed, env: {} };
  if (installed !== undefined) return installed;
  const { tool, reason } =
    client.module === undefined ? await fetchTool([client.binary ?? name], [client.package]) : await fetchModule(client);
  const required = process.env["MOORING_TEST_REQUIRE_CLIENTS"] === "1" || process.env["CI"] === "true";
  if (tool === undefined) reportMissing(name, reason ?? "unknown", required);
  return tool;
}

/** Debian's own Python: one of another origin does not see Debian's modules. */
const systemPython = "/usr/bin/python3";

async function findPythonWith(module: string, env: Readonly<Record<string, string>>): Promise<Tool | undefined> {
  const tool = { path: systemPython, env };
  const found = await run(tool, ["-c", `import ${module}`]).catch(() => undefined);
  return found?.code === 0 ? tool : undefined;
}

/** Fetches a Python module with its libraries into the cache folder; the Python is the system's. */
async function fetchModule(client: ClientSource): Promise<{ tool?: Tool; reason?: string }> {
  const { root, env, reason } = await fetchPackages([client.package]);
  if (root === undefined) return { reason: reason ?? "unknown" };
  const tool = await findPythonWith(client.module ?? "", { ...env, PYTHONPATH: `${root}/usr/lib/python3/dist-packages` });
  return tool === undefined ? { reason: `${systemPython} does not run with ${client.package}` } : { tool };
}

export interface RunOptions {
  /** The client is killed after this; `code` is then null. 30 s unless told. */
  readonly timeoutMs?: number;
  /** Written to standard input, which is closed after it. */
  readonly input?: string | Uint8Array;
}

export interface RunResult {
  /** Null when the client was killed, by the time limit or otherwise. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const outputBytesMax = 8 << 20;

/** Runs a client to its end. A client that fails is a result, not an exception; throws only when it cannot be started. */
export function run(client: Tool, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(client.path, args, { env: { ...process.env, ...client.env }, stdio: "pipe" });
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 30_000);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let bytes = 0;
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > outputBytesMax) child.kill("SIGKILL");
      else into.push(chunk);
    };
    child.stdout.on("data", collect(out));
    child.stderr.on("data", collect(err));
    // A client that ends before it has read everything makes this pipe fail; its exit code tells the story.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
  });
}
