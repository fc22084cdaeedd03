import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark } from "./benchmark.ts";
import type { Broker, Certificates } from "./broker/broker.ts";
import { makeCertificates } from "./broker/make-certificates.ts";
import { type Contestant, type MeasurePlan, measureRows } from "./broker/measure-rows.ts";
import { presentRows } from "./broker/present-rows.ts";
import { rows } from "./broker/rows.ts";
import { startMosquitto } from "./broker/start-mosquitto.ts";
import { startAedes, startFloor, startOurs } from "./broker/start-node-broker.ts";

/** Only rows whose name matches: to look at one of them, over and over. */
const only = new RegExp(process.env["MOORING_BENCH_ROWS"] ?? "");

/** Of each row, by each broker. */
const repetitions = Number(process.env["MOORING_BENCH_REPETITIONS"] ?? "3");

export const benchmark: Benchmark = {
  title: "Brokers: CPU of the gateway per message, beside mosquitto and aedes",
  async run({ quick, report }) {
    const folder = mkdtempSync(join(tmpdir(), "mooring-bench-broker-"));
    const certificates = await makeCertificates(folder);
    const times = quick ? { repetitions: 1, secs: 0.3, warmUpSecs: 0.2 } : { repetitions, secs: 4, warmUpSecs: 2 };
    const plan: MeasurePlan = { certificates, quick, report, ...times };
    const contestants = contestantsOf(certificates);
    const shared = quick ? startOnce(contestants) : undefined;
    try {
      return presentRows(
        await measureRows(
          rows.filter(({ name }) => only.test(name)),
          shared?.contestants ?? contestants,
          plan,
        ),
      );
    } finally {
      await shared?.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function contestantsOf(certificates: Certificates): readonly Contestant[] {
  const deviceAuthorities = readFileSync(certificates.authorityFile, "utf8");
  return [
    { name: "mooring", mustDo: true, start: ({ sessions, tlsSessionS }) => startOurs(certificates, sessions ?? "nowhere", tlsSessionS) },
    { name: "mosquitto", start: () => startMosquitto({ ...certificates, deviceAuthorities }) },
    { name: "aedes", start: () => startAedes(certificates) },
    { name: "floor", start: async ({ hasFloor }) => (hasFloor ? startFloor(certificates) : undefined) },
  ];
}

/** The same brokers for every row, in a hurry: the figures are not kept, and most of a short run would be starting them. */
function startOnce(contestants: readonly Contestant[]): { readonly contestants: readonly Contestant[]; stop(): Promise<void> } {
  const running = new Map<string, Promise<Broker | undefined>>();
  return {
    contestants: contestants.map(({ start, ...contestant }) => ({
      ...contestant,
      async start(row) {
        const key = `${contestant.name} ${contestant.mustDo ? `${row.sessions} ${row.tlsSessionS}` : row.hasFloor}`;
        const broker = await (running.get(key) ?? running.set(key, start(row)).get(key));
        return broker === undefined ? undefined : { ...broker, stop: () => Promise.resolve() };
      },
    })),
    async stop() {
      for (const broker of running.values()) await (await broker)?.stop();
    },
  };
}
