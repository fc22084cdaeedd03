// What a person sees when the platform cannot start: one sentence that says what to do, and exit code 1.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compileCache } from "./e2e/harness/service-process.ts";

const root = new URL("..", import.meta.url).pathname;
const scratch = mkdtempSync(join(tmpdir(), "mooring-start-"));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

/** Runs a command to its end. */
function run(args: readonly string[], env: Record<string, string>): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...compileCache, PATH: process.env["PATH"] ?? "", HOME: scratch, ...env },
    });
    children.push(child);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const free = {
  MOORING_REST_LISTEN: "127.0.0.1:0",
  MOORING_PUBLIC_GRPC_LISTEN: "127.0.0.1:0",
  MOORING_MQTTS_LISTEN: "127.0.0.1:0",
  MOORING_DEVICE_HTTPS_LISTEN: "127.0.0.1:0",
};
const allInOne = ["apps/all-in-one/src/main.ts"];

test.each(["MOORING_REST_LISTEN", "MOORING_PUBLIC_GRPC_LISTEN", "MOORING_MQTTS_LISTEN", "MOORING_DEVICE_HTTPS_LISTEN"])(
  "a port in use is one sentence that names it (%s)",
  async (setting) => {
    const taken = createServer().listen(0, "127.0.0.1");
    const port = await new Promise<number>((resolve) => taken.once("listening", () => resolve((taken.address() as AddressInfo).port)));
    const result = await run(allInOne, { ...free, [setting]: `127.0.0.1:${port}`, MOORING_DATA_DIR: join(scratch, "data") });
    taken.close();
    expect(result.stderr.trim().split("\n").at(-1)).toMatch(new RegExp(`^Port ${port} on 127\\.0\\.0\\.1 is already in use\\.`));
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(result.code).toBe(1);
  },
);

// Below /proc the system answers ENOENT though the parent is there.
test.each(["/dev/null/data", "/proc/mooring"])("a data folder that cannot be made is one sentence that names it (%s)", async (dataDir) => {
  const result = await run(allInOne, { ...free, MOORING_DATA_DIR: dataDir });
  expect(result.stderr).toContain(`The data folder ${dataDir} cannot be written (`);
  expect(result.stderr).toMatch(/^The data folder \S+ cannot be written \(.*\)\. .*MOORING_DATA_DIR\.\n$/);
  expect(result.code).toBe(1);
});

test.each([
  [{ MOORING_REST_LISTN: "127.0.0.1:1" }, "MOORING_REST_LISTN is not a setting of this process"],
  [{ MOORING_REST_LISTEN: "8080" }, 'MOORING_REST_LISTEN must have the form host:port, not "8080"'],
  [{ MOORING_SERVER_NAMES: "a b" }, "/dnsNames/0"],
  [{ MOORING_REST_LISTEN: "203.0.113.9:8080" }, "Port 8080 on 203.0.113.9 cannot be opened: this machine does not have that address."],
  [{ MOORING_PUBLIC_GRPC_LISTEN: "nohost.invalid:1" }, "cannot be opened"],
  [{ MOORING_DATABASE_POOL: "many" }, "MOORING_DATABASE_POOL must be a whole number from 2 to 50"],
])("a wrong setting is one sentence that names it: %j", async (env, sentence) => {
  const result = await run(allInOne, { ...free, MOORING_DATA_DIR: join(scratch, "wrong"), ...env });
  expect(result.stderr).toContain(sentence);
  expect(result.stderr).not.toMatch(/^\s+at /m);
  expect(result.code).toBe(1);
});

test("a Node that is too old is one sentence, in words that Node still reads", async () => {
  const pretend =
    "Object.defineProperty(process.versions, 'node', { value: '16.20.2' }); process.argv[2] = 'start'; require('./scripts/run.cjs')";
  const result = await run(["-e", pretend, "x"], {});
  expect(result.stderr).toMatch(/^Mooring needs Node 20 or newer to install itself; this is Node 16\.20\.2\..*\n$/);
  expect(result.code).toBe(1);
});
