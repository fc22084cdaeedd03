import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fetchTool, findOnPath, type Tool } from "./apt-cache.ts";
import { reportMissing } from "./loud.ts";

/** A Redis for tests. `stop` ends it when it was started here, and does nothing to one that was given. */
export interface TestRedis {
  readonly url: string;
  stop(): Promise<void>;
}

/** A Redis of one test's own, which may be flushed, killed and started again. */
export interface PrivateRedis extends TestRedis {
  readonly port: number;
  readonly pid: number;
  /** As a power cut: SIGKILL, and nothing of it remains. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT: connections stay open and nobody answers. */
  freeze(): void;
  thaw(): void;
}

export interface RedisServerOptions {
  readonly password?: string;
  /** A free one unless told; told to bring a killed server back where its clients look for it. */
  readonly port?: number;
}

const startTimeoutMs = 10_000;
let server: Promise<Tool | undefined> | undefined;

/**
 * The Redis shared by a test run: `MOORING_TEST_REDIS_URL`, else a `redis-server` of the PATH or of Debian on a free loopback
 * port. Undefined, said loudly, where there is none; with `MOORING_TEST_REQUIRE_REDIS=1` it throws instead.
 * Tests sharing it keep to keys of their own; a test that flushes or kills asks `startRedis` for a private one.
 */
export async function findRedis(): Promise<TestRedis | undefined> {
  const given = process.env["MOORING_TEST_REDIS_URL"];
  if (given !== undefined && given !== "") return { url: given, stop: async () => undefined };
  return startRedis();
}

/** Starts a private server that keeps nothing on disk. Undefined or an exception when there is no `redis-server`, as above. */
export async function startRedis(options: RedisServerOptions = {}): Promise<PrivateRedis | undefined> {
  server ??= findServer();
  const tool = await server;
  if (tool === undefined) return undefined;
  if (options.port !== undefined) return start(tool, options.port, options.password);
  // Another process may take the free port before the server does: try again on another one.
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(tool, await freePort(), options.password);
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

async function findServer(): Promise<Tool | undefined> {
  const installed = await findOnPath("redis-server");
  if (installed !== undefined) return { path: installed, env: {} };
  const { tool, reason } = await fetchTool(["redis-server"], ["redis-server", "redis-tools"]);
  if (tool === undefined) reportMissing("redis-server", reason ?? "unknown", process.env["MOORING_TEST_REQUIRE_REDIS"] === "1");
  return tool;
}

async function start(tool: Tool, port: number, password: string | undefined): Promise<PrivateRedis> {
  const folder = await mkdtemp(path.join(tmpdir(), "mooring-redis-"));
  const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"];
  if (password !== undefined) settings.push("--requirepass", password);
  const child = spawn(tool.path, settings, { env: { ...process.env, ...tool.env }, stdio: ["ignore", "pipe", "pipe"] });
  const output: string[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await stopChild(child, signal);
    process.off("exit", killWithUs);
    await rm(folder, { recursive: true, force: true });
  };
  if (!(await answers(child, port))) {
    await end("SIGKILL");
    throw new Error(`redis-server did not start on port ${port}: ${output.join("").slice(-500)}`);
  }
  const credentials = password === undefined ? "" : `:${encodeURIComponent(password)}@`;
  return {
    url: `redis://${credentials}127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
  };
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, "exit");
  child.kill(signal);
  // A frozen process does not see SIGTERM.
  const timer = setTimeout(() => child.kill("SIGKILL"), 3_000);
  await exited;
  clearTimeout(timer);
}

/** Polls with PING until the server answers; false when it ended instead or the time is over. */
async function answers(child: ChildProcess, port: number): Promise<boolean> {
  const deadline = Date.now() + startTimeoutMs;
  let failed = false;
  child.once("error", () => {
    failed = true;
  });
  while (Date.now() < deadline) {
    if (failed || child.exitCode !== null) return false;
    // With a password the answer is -NOAUTH, which is an answer.
    if (/^(\+PONG|-NOAUTH)/.test(await ping(port)) && child.exitCode === null) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

function ping(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once("data", (chunk) => {
      resolve(chunk.toString());
      socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(""));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (address !== null && typeof address === "object" ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}
