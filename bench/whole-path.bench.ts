import { pause } from "@mooring/kit";
import type { Benchmark, BenchmarkOptions, Findings } from "./benchmark.ts";
import { figure, table } from "./benchmark.ts";
import type { Pace } from "./load/plan.ts";
import { readProcessTree } from "./measure/process-tree.ts";
import { untilQuiet } from "./measure/quiet.ts";
import { type Measurement, measure } from "./measure/scenario.ts";
import { createFleet, type Fleet } from "./platform/fleet.ts";
import { type Ledger, openLedger } from "./platform/ledger.ts";
import { insertRowsPlainly } from "./platform/plain-rows.ts";
import { type Platform, startPlatform } from "./platform/start-platform.ts";
import { type Subscriber, startSubscriber } from "./platform/subscriber.ts";

const devices = 1_000;
const promisedPerS = 10_000;
/** Devices with a small buffer, as firmware has. */
const burst: Pace = { kind: "rate", messagesPerS: 10 * promisedPerS, unacknowledgedMax: 100 };

interface Step {
  readonly name: string;
  readonly pace: Pace;
  readonly forMs: number;
}

interface StepResult extends Step {
  readonly measurement: Measurement;
  /** After the last acknowledgement, until the subscriber had everything. */
  readonly subscriberBehindMs: number;
  readonly delivered: number;
  readonly peakMemoryMb: number;
}

export const benchmark: Benchmark = {
  title: `The whole path: ${figure(devices)} devices, QoS 1, validated, committed, in shadow and history, delivered to one subscriber`,
  async run(options) {
    const platform = await startPlatform();
    try {
      const fleet = await createFleet(platform, devices, { certificates: false });
      const ledger = await openLedger(platform.databaseUrl);
      try {
        const subscriber = startSubscriber(platform);
        const findings = await runSteps({ platform, fleet, ledger, subscriber }, options).finally(subscriber.end);
        await subscriber.ended;
        return findings;
      } finally {
        await ledger.close();
      }
    } finally {
      await platform.stop();
    }
  },
};

interface Parts {
  readonly platform: Platform;
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly subscriber: Subscriber;
}

async function runSteps(parts: Parts, options: BenchmarkOptions): Promise<Findings> {
  const { quick, report } = options;
  const steps: readonly Step[] = [
    { name: "as fast as it goes, window 10", pace: { kind: "window", messages: 10 }, forMs: quick ? 3_000 : 20_000 },
    { name: `${figure(promisedPerS)} messages/s`, pace: { kind: "rate", messagesPerS: promisedPerS }, forMs: quick ? 5_000 : 120_000 },
    { name: `burst: ${figure(10 * promisedPerS)} messages/s offered`, pace: burst, forMs: quick ? 5_000 : 60_000 },
    { name: "1,000 messages/s after the burst", pace: { kind: "rate", messagesPerS: 1_000 }, forMs: quick ? 3_000 : 10_000 },
  ];
  const results: StepResult[] = [];
  if (!quick) await untilQuiet();
  // Once for nothing: the code of the hot path is compiled by then.
  await runStep({ name: "", pace: { kind: "window", messages: 10 }, forMs: 2_000 }, parts);
  for (const step of steps) {
    results.push(await runStep(step, parts));
    report(describe(results.at(-1) as StepResult));
  }
  const plainPerS = await insertRowsPlainly(parts.platform.databaseUrl, quick ? 3_000 : 20_000);
  report(`the same rows inserted plainly: ${figure(plainPerS)} messages/s`);
  return present(results, plainPerS);
}

async function runStep(step: Step, { platform, fleet, ledger, subscriber }: Parts): Promise<StepResult> {
  const before = subscriber.delivered();
  let peakMemoryMb = 0;
  const sample = setInterval(() => {
    const bytes = readProcessTree(platform.pid).reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    peakMemoryMb = Math.max(peakMemoryMb, Math.round(bytes / 2 ** 20));
  }, 1_000);
  try {
    const measurement = await measure({
      scenario: { transport: "tcp", pace: step.pace, wantsReply: false },
      target: { name: "platform", pid: platform.pid, mqtt: platform.mqtt, mqtts: platform.mqtts, ledger },
      devices: fleet.plain,
      caPem: platform.caPem,
      times: { warmUpMs: 2_000, measureMs: step.forMs },
    });
    const startMs = performance.now();
    const end = await ledger.lastReport();
    while (subscriber.last() < end) {
      if (performance.now() - startMs > 180_000)
        throw new Error(`the subscriber was at ${subscriber.last()} of ${end} after three minutes`);
      await pause(20);
    }
    const subscriberBehindMs = (measurement.catchUpMs ?? 0) + performance.now() - startMs;
    return { ...step, measurement, subscriberBehindMs, delivered: subscriber.delivered() - before, peakMemoryMb };
  } finally {
    clearInterval(sample);
  }
}

function describe({ name, measurement, subscriberBehindMs }: StepResult): string {
  const { load, catchUpMs = 0 } = measurement;
  const perS = (load.measuredAcknowledged * 1_000) / load.measuredMs;
  const latency = `PUBACK p50 ${figure(load.puback.p50 / 1_000)} ms, p99 ${figure(load.puback.p99 / 1_000)} ms`;
  return `${name}: ${figure(perS)} messages/s, ${latency}; history and shadows ${figure(catchUpMs)} ms behind, subscriber at most ${figure(subscriberBehindMs)} ms`;
}

function present(results: readonly StepResult[], plainPerS: number): Findings {
  const rows = results.map(({ name, measurement, subscriberBehindMs, delivered, peakMemoryMb }) => {
    const { load, catchUpMs = 0, cpuMicros } = measurement;
    const cpu = Object.values(cpuMicros).reduce((sum, micros) => sum + micros, 0);
    return {
      name,
      messagesPerS: (load.measuredAcknowledged * 1_000) / load.measuredMs,
      keptUpPerS: (load.acknowledged * 1_000) / (load.wholeMs + Math.max(catchUpMs, subscriberBehindMs)),
      acknowledged: load.acknowledged,
      letGo: load.letGo,
      delivered,
      cpuMicrosPerMessage: cpu / load.acknowledged,
      pubackMicros: { ...load.puback },
      catchUpMs,
      subscriberBehindMs,
      peakMemoryMb,
      clientCores: load.clientCpuMicros / 1_000 / load.wholeMs,
    };
  });
  const best = rows[0];
  const ratio = (best?.keptUpPerS ?? 0) / plainPerS;
  const head = [
    "load",
    "messages/s",
    "with all kept up",
    "acknowledged",
    "CPU us/message",
    "PUBACK p50 ms",
    "p99 ms",
    "projections behind ms",
    "subscriber behind ms",
    "peak memory MB",
  ];
  const markdown = [
    table(
      head,
      rows.map((row) => [
        row.name,
        ...[row.messagesPerS, row.keptUpPerS, row.acknowledged, row.cpuMicrosPerMessage, row.pubackMicros.p50 / 1_000].map(figure),
        ...[row.pubackMicros.p99 / 1_000, row.catchUpMs, row.subscriberBehindMs, row.peakMemoryMb].map(figure),
      ]),
    ),
    `The machine's limit: the same rows inserted plainly in batches, ${figure(plainPerS)} messages/s. What the whole platform keeps up with for ever is ${figure(ratio)} of it.`,
  ].join("\n\n");
  return { data: { devices, plainPerS, ratio, results: rows }, markdown };
}
