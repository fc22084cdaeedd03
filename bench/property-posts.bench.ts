import type { Benchmark, BenchmarkOptions, Findings } from "./benchmark.ts";
import { startMosquitto } from "./broker/start-mosquitto.ts";
import type { LoadDevice, Pace } from "./load/plan.ts";
import { payloadText } from "./load/post.ts";
import { describe, present } from "./measure/present.ts";
import { leastDisturbed } from "./measure/quiet.ts";
import { type Measurement, measure, type Scenario, type Target, type Times } from "./measure/scenario.ts";
import { createFleet, type Fleet } from "./platform/fleet.ts";
import { type Ledger, openLedger } from "./platform/ledger.ts";
import { type Platform, startPlatform } from "./platform/start-platform.ts";

const devices = 100;
const attempts = 3;
const highest: Pace = { kind: "window", messages: 10 };
const steady: Pace = { kind: "rate", messagesPerS: 1_000 };

/** Where both take part, and then what a broker has no counterpart for. */
const compared: readonly Scenario[] = (["tcp", "tls"] as const).flatMap((transport) =>
  [highest, steady].map((pace) => ({ transport, pace, wantsReply: false })),
);
const alone: readonly Scenario[] = [highest, steady].map((pace) => ({ transport: "tcp", pace, wantsReply: true }));

export const benchmark: Benchmark = {
  title: `Property posts: QoS 1 from ${devices} devices through the whole platform, beside mosquitto`,
  async run(options) {
    const platform = await startPlatform();
    try {
      const fleet = await createFleet(platform, devices);
      const ledger = await openLedger(platform.databaseUrl);
      try {
        return await runBeside(platform, fleet, ledger, options);
      } finally {
        await ledger.close();
      }
    } finally {
      await platform.stop();
    }
  },
};

async function runBeside(platform: Platform, fleet: Fleet, ledger: Ledger, options: BenchmarkOptions): Promise<Findings> {
  const { certificateFile, keyFile } = platform;
  const mosquitto = await startMosquitto({ certificateFile, keyFile, deviceAuthorities: await ledger.deviceAuthorities() });
  try {
    const ours: Target = { name: "platform", pid: platform.pid, mqtt: platform.mqtt, mqtts: platform.mqtts, ledger };
    const theirs: Target[] = mosquitto === undefined ? [] : [{ name: "mosquitto", ...mosquitto }];
    const measurements = await runAll([...theirs, ours], fleet, platform.caPem, options);
    const versions = { postgres: await ledger.version(), mosquitto: mosquitto?.version ?? "not found" };
    return present(measurements, { devices, payload: payloadText(false), versions });
  } finally {
    await mosquitto?.stop();
  }
}

/** One after the other, each scenario on every target in turn, so that what changes on the machine meanwhile meets both. */
async function runAll(targets: readonly Target[], fleet: Fleet, caPem: string, options: BenchmarkOptions): Promise<readonly Measurement[]> {
  const times: Times = options.quick ? { warmUpMs: 1_000, measureMs: 3_000 } : { warmUpMs: 3_000, measureMs: 10_000 };
  const devicesOf = ({ transport }: Scenario): readonly LoadDevice[] => (transport === "tls" ? fleet.tls : fleet.plain);
  const run = (scenario: Scenario, target: Target) => measure({ scenario, target, devices: devicesOf(scenario), caPem, times });
  const measurements: Measurement[] = [];
  const ours = targets.filter(({ ledger }) => ledger !== undefined);
  // Once for nothing: the code of the hot path is compiled by then.
  for (const target of ours) await run({ transport: "tcp", pace: highest, wantsReply: false }, target);
  for (const scenario of [...compared, ...alone]) {
    for (const target of scenario.wantsReply ? ours : targets) {
      const measurement = await leastDisturbed(options.quick ? 1 : attempts, () => run(scenario, target));
      measurements.push(measurement);
      options.report(describe(measurement));
    }
  }
  return measurements;
}
