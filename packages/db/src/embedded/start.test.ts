import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { silentLog } from "@mooring/kit";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { endOrphanedPostgres } from "./orphan.ts";
import { isAlive } from "./process-table.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./start.ts";

const isRoot = process.getuid?.() === 0;

let base: string;
let dataDir: string;
const running: EmbeddedPostgres[] = [];
const launchers: InProcess["launcher"][] = [];

beforeEach(() => {
  // Below a folder that only we may enter, as a checkout in /root is.
  base = mkdtempSync(join(tmpdir(), "mooring-embedded-"));
  chmodSync(base, 0o700);
  dataDir = join(base, "data", "postgres");
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  const killed = launchers.splice(0);
  await Promise.all(killed.map(kill));
  if (killed.length > 0) await endOrphanedPostgres(dataDir, silentLog);
  rmSync(base, { recursive: true, force: true });
});

async function start(port = 0): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, port, log: silentLog });
  running.push(server);
  return server;
}

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: "array" })).rows.flat();
  } finally {
    await client.end();
  }
}

describe("an embedded Postgres", () => {
  test("keeps its data and its port over a restart, and starts again within 5 s", async () => {
    const first = await start();
    await query(first.connectionString, "CREATE TABLE kept AS SELECT 42 AS answer");
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);
    const begin = performance.now();
    const second = await start();
    expect(performance.now() - begin).toBeLessThan(5_000);
    expect(second.port).toBe(first.port);
    expect(await query(second.connectionString, "SELECT answer FROM kept")).toEqual([42]);
  });

  test("is durable: fsync, full page writes and synchronous commit are on, and pages carry checksums", async () => {
    const { connectionString } = await start();
    const sql = "SELECT setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums')";
    expect(await query(connectionString, sql)).toEqual(["on", "on", "on", "on"]);
  });

  test("asks for a password, which is unique to the installation and readable by its owner alone", async () => {
    const { connectionString, port } = await start();
    await expect(query(`postgresql://mooring:wrong@127.0.0.1:${port}/mooring`, "SELECT 1")).rejects.toMatchObject({ code: "28P01" });
    await expect(query(`postgresql://postgres@127.0.0.1:${port}/postgres`, "SELECT 1")).rejects.toThrow();
    for (const name of ["superuser.password", "mooring.password"]) expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
    expect(new URL(connectionString).password).toBe(readFileSync(join(dataDir, "mooring.password"), "utf8").trim());
  });

  test("gives the platform a role that is no superuser", async () => {
    const { connectionString } = await start();
    expect(await query(connectionString, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).toEqual([false]);
    await expect(query(connectionString, "COPY (SELECT 1) TO PROGRAM 'true'")).rejects.toMatchObject({ code: "42501" });
  });

  test.runIf(isRoot)(
    "runs as an unprivileged account when root starts it, also below a folder that this account cannot enter",
    async () => {
      const { pid } = await start();
      expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^Uid:\t[1-9]\d*\t/m);
      expect(statSync(base).mode & 0o077).toBe(0);
    },
  );

  test("does not receive the terminal's signals: it leads a session of its own", async () => {
    const { pid } = await start();
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [, , processGroup, session] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    expect([Number(processGroup), Number(session)]).toEqual([pid, pid]);
  });
});

describe("a start that follows a killed run", () => {
  test("loses nothing committed and ends the Postgres left behind", async () => {
    const killed = await startInProcess();
    await query(killed.connectionString, "CREATE TABLE committed AS SELECT generate_series(1, 1000) AS n");
    await kill(killed.launcher);
    expect(isAlive(killed.pid)).toBe(true);
    const { connectionString } = await start();
    expect(isAlive(killed.pid)).toBe(false);
    expect(await query(connectionString, "SELECT count(*)::int FROM committed")).toEqual([1000]);
  });

  test("recovers when Postgres was killed together with the run", async () => {
    const killed = await startInProcess();
    await query(killed.connectionString, "CREATE TABLE committed AS SELECT generate_series(1, 1000) AS n");
    process.kill(killed.pid, "SIGKILL");
    await kill(killed.launcher);
    const { connectionString } = await start();
    expect(await query(connectionString, "SELECT count(*)::int FROM committed")).toEqual([1000]);
  });

  test("is not held up when the recorded process id belongs to another program by now", async () => {
    await (await start()).stop();
    writeFileSync(join(dataDir, "cluster", "postmaster.pid"), `${process.pid}\n${join(dataDir, "cluster")}\n`);
    const { connectionString } = await start();
    expect(await query(connectionString, "SELECT 1")).toEqual([1]);
  });

  test("leaves a run alone that is still alive, and says which process it is", async () => {
    const other = await startInProcess();
    await expect(start()).rejects.toThrow(`Process ${other.launcher.pid} is already running on the data directory ${dataDir}.`);
    expect(await query(other.connectionString, "SELECT 1")).toEqual([1]);
    const ended = once(other.launcher, "exit");
    other.launcher.kill("SIGTERM");
    await ended;
    expect(existsSync(join(dataDir, "cluster", "postmaster.pid"))).toBe(false);
  });
});

describe("a start that cannot succeed says why in one sentence", () => {
  test("when the port is in use", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(start(port)).rejects.toThrow(`Port ${port} on 127.0.0.1 is already in use`);
    server.close();
  });

  test("when the data directory cannot be written", async () => {
    writeFileSync(join(base, "data"), "a file where a folder should be");
    await expect(start()).rejects.toMatchObject({
      name: "StartError",
      message: `The data directory ${dataDir} cannot be written (ENOTDIR). Give this user the right to, or choose another one.`,
    });
  });

  test("when the files are of another major version of Postgres", async () => {
    await (await start()).stop();
    writeFileSync(join(dataDir, "cluster", "PG_VERSION"), "17\n");
    await expect(start()).rejects.toThrow("was made by PostgreSQL 17; this version of Mooring carries 18");
  });

  test("when Postgres itself refuses, with what it said", async () => {
    const refused = startEmbeddedPostgres({ dataDir, port: 0, log: silentLog, settings: { max_connections: "none" } });
    await expect(refused).rejects.toMatchObject({
      name: "StartError",
      message: expect.stringContaining('invalid value for parameter "max_connections"'),
    });
  });
});

interface InProcess {
  readonly launcher: ReturnType<typeof spawn>;
  readonly pid: number;
  readonly connectionString: string;
}

/** A Postgres started by another process, so that this process can be killed. */
async function startInProcess(): Promise<InProcess> {
  const launcher = spawn(process.execPath, [fileURLToPath(new URL("./launch-for-test.ts", import.meta.url)), dataDir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  launchers.push(launcher);
  for await (const line of createInterface({ input: launcher.stdout }))
    return { launcher, ...(JSON.parse(line) as { pid: number; connectionString: string }) };
  throw new Error("the other process did not start Postgres");
}

async function kill(launcher: InProcess["launcher"]): Promise<void> {
  if (launcher.exitCode !== null || launcher.signalCode !== null) return;
  const ended = once(launcher, "exit");
  launcher.kill("SIGKILL");
  await ended;
}
