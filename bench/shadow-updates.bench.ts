import type { ShadowApi } from "@mooring/contracts";
import { type Benchmark, figure, table } from "./benchmark.ts";
import { Histogram } from "./load/histogram.ts";
import { readProcessTree } from "./measure/process-tree.ts";
import { untilQuiet } from "./measure/quiet.ts";
import { createFleet, productKey } from "./platform/fleet.ts";
import { connectPublic, nobody } from "./platform/public-client.ts";
import { startPlatform } from "./platform/start-platform.ts";

const devices = 200;

interface Case {
  readonly name: string;
  readonly writers: number;
  readonly devices: number;
}

const cases: readonly Case[] = [
  { name: "1 writer, waiting for each answer", writers: 1, devices: 1 },
  { name: "64 writers, 200 devices", writers: 64, devices },
  { name: "256 writers, 200 devices", writers: 256, devices },
  { name: "50 writers, one device", writers: 50, devices: 1 },
];

export const benchmark: Benchmark = {
  title: "Shadow updates of a back end over gRPC with TLS and an API key, one call each, answered after the commit",
  async run({ quick, report }) {
    const platform = await startPlatform();
    const shadow = connectPublic(platform, "shadow");
    try {
      const fleet = await createFleet(platform, devices, { certificates: false });
      const names = fleet.plain.map(({ topic }) => topic.split("/")[3] ?? "");
      if (!quick) await untilQuiet();
      const rows = [];
      // Once for nothing: the code is compiled by then.
      const world = { shadow, pid: platform.pid, names };
      await write(world, { name: "", writers: 64, devices }, quick ? 3_000 : 5_000);
      for (const each of cases) {
        const row = await write(world, each, quick ? 3_000 : 10_000);
        const cpu = `CPU ${figure(row.platformMicros)} µs and ${figure(row.postgresMicros)} µs in Postgres`;
        report(`${row.name}: ${figure(row.updatesPerS)} updates/s, p99 ${figure(row.p99Micros / 1_000)} ms, ${cpu}`);
        rows.push(row);
      }
      const markdown = table(
        ["", "updates/s", "p50 ms", "p99 ms", "CPU of the platform µs", "of Postgres µs"],
        rows.map((row) => {
          const { name, updatesPerS, p50Micros, p99Micros, platformMicros, postgresMicros } = row;
          return [name, ...[updatesPerS, p50Micros / 1_000, p99Micros / 1_000, platformMicros, postgresMicros].map(figure)];
        }),
      );
      return { data: { results: rows }, markdown };
    } finally {
      await shadow.stop();
      await platform.stop();
    }
  },
};

interface World {
  readonly shadow: ShadowApi;
  /** Of the platform. */
  readonly pid: number;
  readonly names: readonly string[];
}

/** CPU that the platform's own process used so far, and everything below it, which is Postgres. */
function cpuOf(pid: number): { readonly platform: number; readonly postgres: number } {
  const [own, ...below] = readProcessTree(pid);
  return { platform: own?.cpuMicros ?? 0, postgres: below.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0) };
}

/** Each answer's version shows that none was lost: together they are as many as were sent. */
async function write({ shadow, pid, names }: World, { name, writers, devices: count }: Case, forMs: number) {
  const used = names.slice(0, count);
  const versions = async (): Promise<number> => {
    const views = await Promise.all(used.map((deviceName) => shadow.get(nobody, { productKey, deviceName })));
    return views.reduce((sum, { version }) => sum + version, 0);
  };
  const before = await versions();
  const latency = new Histogram();
  const cpuBefore = cpuOf(pid);
  const startMs = performance.now();
  let sent = 0;
  const writer = async (): Promise<void> => {
    while (performance.now() - startMs < forMs) {
      const deviceName = used[sent % used.length] ?? "";
      const desired = { TargetTemperature: 10 + (sent++ % 40) / 2 };
      const sentAtMs = performance.now();
      await shadow.update(nobody, { productKey, deviceName, desired });
      latency.record((performance.now() - sentAtMs) * 1_000);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const updatesPerS = (sent * 1_000) / (performance.now() - startMs);
  const cpu = cpuOf(pid);
  const accepted = (await versions()) - before;
  if (accepted !== sent) throw new Error(`${sent} updates were answered, and the versions grew by ${accepted}`);
  const [platformMicros, postgresMicros] = [(cpu.platform - cpuBefore.platform) / sent, (cpu.postgres - cpuBefore.postgres) / sent];
  return { name, updatesPerS, p50Micros: latency.quantile(0.5), p99Micros: latency.quantile(0.99), platformMicros, postgresMicros };
}
