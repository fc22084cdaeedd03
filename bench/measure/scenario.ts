import type { LoadDevice, LoadPlan, LoadResult, Pace } from "../load/plan.ts";
import { runLoad } from "../load/start.ts";
import type { Ledger } from "../platform/ledger.ts";
import { type ProcessUsage, readMachineCpu, readProcessTree } from "./process-tree.ts";

export interface Scenario {
  readonly transport: "tcp" | "tls";
  readonly pace: Pace;
  readonly wantsReply: boolean;
}

/** What is measured: a process with all its children, and where it listens. */
export interface Target {
  readonly name: "platform" | "mosquitto";
  readonly pid: number;
  readonly mqtt: string;
  readonly mqtts: string;
  /** What was kept is checked where something is kept. */
  readonly ledger?: Ledger;
}

export interface Times {
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface Measurement {
  readonly scenario: Scenario;
  readonly target: Target["name"];
  readonly load: LoadResult;
  /** From the first post until everything is acknowledged and, on the platform, in history and shadows: CPU of each process, in microseconds. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  readonly memoryBytes: Readonly<Record<string, number>>;
  /** In the same time: what everything else on the machine took, as a number of cores. Figures from a busy machine are worth little. */
  readonly otherCores: number;
  /** After the last acknowledgement, until history and shadows held it. */
  readonly catchUpMs?: number;
  readonly commits?: number;
}

const drainMs = 30_000;
const catchUpMsMax = 180_000;

export interface MeasureRequest {
  readonly scenario: Scenario;
  readonly target: Target;
  readonly devices: readonly LoadDevice[];
  /** Who signed the certificate the target shows, PEM. */
  readonly caPem: string;
  readonly times: Times;
}

/** Runs one load against one target. Throws when a message was lost, doubled, out of order or not kept: such figures would mean nothing. */
export async function measure({ scenario, target, devices, caPem, times }: MeasureRequest): Promise<Measurement> {
  const { transport, pace, wantsReply } = scenario;
  const [host = "", port = ""] = (transport === "tls" ? target.mqtts : target.mqtt).split(":");
  const plan: LoadPlan = {
    ...{ host, port: Number(port), devices, pace, wantsReply, drainMs, ...times },
    ...(transport === "tls" ? { caPem } : {}),
  };
  const { ledger } = target;
  let before: readonly ProcessUsage[] = [];
  let mark = 0;
  let commits = 0;
  let machineBefore = 0;
  let startMs = 0;
  const load = await runLoad(plan, async () => {
    await ledger?.caughtUp(catchUpMsMax);
    mark = (await ledger?.mark()) ?? 0;
    commits = (await ledger?.commits()) ?? 0;
    before = readProcessTree(target.pid);
    machineBefore = readMachineCpu();
    startMs = performance.now();
  });
  const acknowledgedAtMs = performance.now();
  await ledger?.caughtUp(catchUpMsMax);
  const catchUpMs = performance.now() - acknowledgedAtMs;
  const after = readProcessTree(target.pid);
  const machineMicros = readMachineCpu() - machineBefore;
  const wholeMs = performance.now() - startMs;
  assertNothingLost(load, wantsReply);
  const kept = ledger === undefined ? {} : { catchUpMs, commits: (await ledger.commits()) - commits };
  if (ledger !== undefined) await assertKept(ledger, mark, devices, load);
  const cpuMicros = byName(after, (usage) => usage.cpuMicros - (before.find(({ pid }) => pid === usage.pid)?.cpuMicros ?? 0));
  const knownMicros = Object.values(cpuMicros).reduce((sum, micros) => sum + micros, load.clientCpuMicros);
  return {
    ...{ scenario, target: target.name, load, ...kept, cpuMicros },
    otherCores: Math.max(0, machineMicros - knownMicros) / 1_000 / wholeMs,
    memoryBytes: byName(after, (usage) => usage.memoryBytes),
  };
}

function byName(usages: readonly ProcessUsage[], of: (usage: ProcessUsage) => number): Record<string, number> {
  const result: Record<string, number> = {};
  for (const usage of usages) result[usage.name] = (result[usage.name] ?? 0) + of(usage);
  return result;
}

function assertNothingLost({ sent, acknowledged, unexpected, replies }: LoadResult, wantsReply: boolean): void {
  if (acknowledged !== sent) throw new Error(`${sent - acknowledged} of ${sent} messages were not acknowledged`);
  if (unexpected !== 0) throw new Error(`${unexpected} acknowledgements were for nothing in flight`);
  if (replies !== (wantsReply ? sent : 0)) throw new Error(`${replies} replies came to ${sent} messages`);
}

/** Two properties in every message. */
const pointsPerMessage = 2;

async function assertKept(ledger: Ledger, mark: number, devices: readonly LoadDevice[], load: LoadResult): Promise<void> {
  const { records, points, outOfOrder } = await ledger.read(mark);
  for (const [place, device] of devices.entries()) {
    const name = device.topic.split("/")[3] ?? "";
    const [acknowledged, stored] = [load.acknowledgedByDevice[place], records.get(name)];
    if (acknowledged !== stored)
      throw new Error(`${acknowledged} messages of ${name} were acknowledged, and ${stored ?? 0} are in the log`);
  }
  if (points !== pointsPerMessage * load.acknowledged)
    throw new Error(`${points} values of ${load.acknowledged} messages are in the history`);
  if (outOfOrder !== 0) throw new Error(`${outOfOrder} records are out of order`);
}
