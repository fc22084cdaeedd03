import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { until } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { randomLoopback } from "./harness/addresses.ts";
import { createDevice, type TestDevice } from "./harness/devices.ts";
import { desire, historyOf, shadowOf } from "./harness/documents.ts";
import { subscribe } from "./harness/grpc.ts";
import { type Platform, startPlatform } from "./harness/platform.ts";
import { post, temperatureOf } from "./harness/reports.ts";
import { startServiceProcess, tailOf } from "./harness/service-process.ts";
import { mode } from "./harness/shared-platform.ts";
import { tempFolder } from "./harness/temp-folder.ts";

/** The command lines of processes that mention a folder. */
function processesOf(folder: string): readonly string[] {
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.flatMap((id) => {
    try {
      const line = readFileSync(`/proc/${id}/cmdline`, "utf8").replaceAll("\0", " ");
      const environment = readFileSync(`/proc/${id}/environ`, "utf8");
      return line.includes(folder) || environment.includes(folder) ? [`${id} ${line}`] : [];
    } catch {
      // It has ended meanwhile, or is another user's.
      return [];
    }
  });
}

describe("a stop and a second start", () => {
  let platform: Platform;
  let dataDir: string;
  let device: TestDevice;
  beforeAll(async () => {
    dataDir = tempFolder("restart");
    platform = await startPlatform(mode, { dataDir });
    device = await createDevice(platform);
    await desire(device, { TargetTemperature: 22 });
    for (const value of [18, 19, 20]) await post(device, value);
    await until("the last value", async () => (await shadowOf(device)).reported["Temperature"] === 20);
    await until("the history", async () => (await historyOf(device, "Temperature")).length === 3);
  });
  afterAll(() => platform?.stop());

  test("finds all data: device, certificate, API key, shadow, history; and a gRPC subscriber goes on after what it acknowledged", async () => {
    const before = await shadowOf(device);
    const start = { subscription: "over-restart", from: "earliest", productKey: device.productKey, kinds: ["properties"] };
    const subscriber = subscribe(platform, start);
    const second = await subscriber.record(1);
    subscriber.acknowledge(second.offset);
    await subscriber.stop();
    await platform.restart();
    expect(await platform.api(device.path)).toMatchObject({ status: 200, body: { deviceName: device.deviceName } });
    expect(await shadowOf(device)).toEqual(before);
    expect((await historyOf(device, "Temperature")).map((point) => point.value)).toEqual([20, 19, 18]);
    await post(device, 21);
    await until("the next value", async () => (await shadowOf(device)).reported["Temperature"] === 21);
    expect((await shadowOf(device)).version).toBe(before.version + 1);
    const again = subscribe(platform, start);
    await again.record(1);
    expect(again.records.map(temperatureOf)).toEqual([20, 21]);
    await again.stop();
  });

  test("the API key is shown once: the second start prints none", () => {
    // Split, it is in a file that only the first start writes, and printed never.
    const shown = platform.logs().match(/mk_[\w-]{20,}/g) ?? [];
    expect(shown).toEqual(mode === "split" ? [] : [platform.apiKey]);
  });

  test("Ctrl-C ends it with exit code 0 and leaves no process behind", async () => {
    const codes = await platform.stop();
    expect([...codes.values()].filter((code) => code !== 0)).toEqual([]);
    expect(codes.size).toBeGreaterThan(0);
    expect(processesOf(dataDir)).toEqual([]);
    // The folder was named, so it stays for the next start.
    expect(existsSync(dataDir)).toBe(true);
  });
});

describe.skipIf(mode === "split")("a start that cannot be (of the one process; split, the services' own tests have it)", () => {
  const startWith = async (
    environment: Readonly<Record<string, string>>,
  ): Promise<{ readonly code: number | null; readonly said: string }> => {
    const logFile = join(tempFolder("start"), "log");
    const started = await startServiceProcess({ command: ["node", "apps/all-in-one/src/main.ts"], environment, logFile });
    const code = await started.exited;
    return { code, said: tailOf(logFile, 50) };
  };

  test("a port in use: one sentence that names it, and exit code 1", async () => {
    const host = `${randomLoopback()}.1`;
    const taken = createServer().listen(8080, host);
    await once(taken, "listening");
    const dataDir = tempFolder("start");
    const listens = {
      MOORING_REST_LISTEN: `${host}:8080`,
      MOORING_PUBLIC_GRPC_LISTEN: `${host}:9090`,
      MOORING_MQTTS_LISTEN: `${host}:8883`,
      MOORING_DEVICE_HTTPS_LISTEN: `${host}:8443`,
    };
    const { code, said } = await startWith({ MOORING_DATA_DIR: dataDir, ...listens });
    taken.close();
    expect(code).toBe(1);
    const lines = said.split("\n").filter((line) => !line.includes('"level"') && !/^\[/.test(line));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/8080.*in use/);
    expect(processesOf(dataDir)).toEqual([]);
  });

  test("a data folder that cannot be: one sentence that names it, and exit code 1", async () => {
    // Not a folder without rights, since root has every right.
    const { code, said } = await startWith({ MOORING_DATA_DIR: "/dev/null/mooring" });
    expect(code).toBe(1);
    expect(said.split("\n")).toHaveLength(1);
    expect(said).toContain("/dev/null/mooring");
  });

  test("a setting that is misspelt: one sentence that names it, and exit code 1", async () => {
    const { code, said } = await startWith({ MOORING_DATADIR: "/tmp/x" });
    expect(code).toBe(1);
    expect(said.split("\n")).toHaveLength(1);
    expect(said).toContain("MOORING_DATADIR");
  });
});
