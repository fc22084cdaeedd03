// Measurements as figures to keep and as tables to read.
import type { JsonObject } from "@mooring/contracts";
import { type Findings, figure, table } from "../benchmark.ts";
import { otherCoresMax } from "./quiet.ts";
import type { Measurement, Scenario } from "./scenario.ts";

export interface About {
  readonly devices: number;
  /** The JSON text of one message. */
  readonly payload: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** One measurement in figures; times are microseconds. */
function figures({ scenario, target, load, cpuMicros, memoryBytes, ...kept }: Measurement) {
  const cpu = Object.fromEntries(Object.entries(cpuMicros).map(([name, micros]) => [name, round(micros / load.acknowledged)]));
  const { sent, acknowledged, replies, measuredMs, puback, late } = load;
  return {
    target,
    scenario: nameOf(scenario),
    messagesPerS: round((load.measuredAcknowledged * 1_000) / measuredMs),
    cpuMicrosPerMessage: round(Object.values(cpuMicros).reduce((sum, micros) => sum + micros, 0) / acknowledged),
    cpuMicrosPerMessageByProcess: cpu,
    pubackMicros: { ...puback },
    memoryMbByProcess: Object.fromEntries(Object.entries(memoryBytes).map(([name, bytes]) => [name, Math.round(bytes / 2 ** 20)])),
    messages: { sent, acknowledged, replies, lost: sent - acknowledged },
    client: { coresBusy: round(load.clientCpuMicros / 1_000 / load.wholeMs), lateMicros: { ...late } },
    otherCoresBusy: round(kept.otherCores),
    ...(kept.catchUpMs === undefined ? {} : catchUp(acknowledged, load.wholeMs, kept.catchUpMs)),
    ...(kept.commits === undefined ? {} : { messagesPerCommit: round(acknowledged / kept.commits) }),
  };
}

/** What could go on for ever: the messages, by all the time it took until history and shadows held them too. */
function catchUp(acknowledged: number, wholeMs: number, catchUpMs: number) {
  return { catchUpMs: Math.round(catchUpMs), keptUpMessagesPerS: round((acknowledged * 1_000) / (wholeMs + catchUpMs)) };
}

type Figures = ReturnType<typeof figures>;

/** Three digits that count. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}

function nameOf({ transport, pace, wantsReply }: Scenario): string {
  const speed = pace.kind === "window" ? `as fast as it goes, window ${pace.messages}` : `${figure(pace.messagesPerS)} messages/s`;
  return `${transport === "tls" ? "TLS" : "TCP"}, ${speed}${wantsReply ? ", with post_reply" : ""}`;
}

/** One line for who waits. */
export function describe(measurement: Measurement): string {
  const { target, scenario, messagesPerS, cpuMicrosPerMessage, pubackMicros, client, otherCoresBusy } = figures(measurement);
  const latency = `PUBACK p50 ${figure(pubackMicros.p50 / 1_000)} ms, p99 ${figure(pubackMicros.p99 / 1_000)} ms`;
  return `${target.padEnd(9)} ${scenario}: ${figure(messagesPerS)} messages/s, ${figure(cpuMicrosPerMessage)} us CPU each, ${latency}; cores: client ${figure(client.coresBusy)}, others ${figure(otherCoresBusy)}`;
}

export function present(measurements: readonly Measurement[], about: About): Findings {
  const results = measurements.map(figures);
  const ratios = results.flatMap((ours) => {
    const theirs = results.find(({ target, scenario }) => target === "mosquitto" && scenario === ours.scenario);
    return ours.target === "platform" && theirs !== undefined ? [ratioOf(ours, theirs)] : [];
  });
  const disturbed = results.some(({ otherCoresBusy }) => otherCoresBusy > otherCoresMax);
  const data: JsonObject = { about: { ...about, versions: { ...about.versions } }, results, ratios };
  const markdown = [
    ...(disturbed
      ? ["**Other programs used this machine meanwhile** (last column): these figures are worse than they would be without."]
      : []),
    table(
      [
        "load and target",
        "messages/s",
        "CPU us/message",
        "of it node",
        "of it postgres",
        "PUBACK p50 ms",
        "p99 ms",
        "max ms",
        "memory MB",
        "client cores",
        "others' cores",
      ],
      results.map(resultRow),
    ),
    "Platform divided by mosquitto (for messages/s more is better, for the rest less):",
    table(
      ["load", "messages/s", "CPU/message", "PUBACK p50", "p99"],
      ratios.map((ratio) => [ratio.scenario, ...[ratio.messagesPerS, ratio.cpu, ratio.p50, ratio.p99].map(figure)]),
    ),
    table(
      ["platform only", "messages/commit", "history and shadows behind by ms", "messages/s with them kept up"],
      results.flatMap((row) =>
        row.catchUpMs === undefined
          ? []
          : [[row.scenario, ...[row.messagesPerCommit ?? 0, row.catchUpMs, row.keptUpMessagesPerS ?? 0].map(figure)]],
      ),
    ),
    `Each message: \`${about.payload}\`, digits changing. Postgres ${about.versions["postgres"]}, mosquitto ${about.versions["mosquitto"]}.`,
  ].join("\n\n");
  return { data, markdown };
}

function resultRow(row: Figures): string[] {
  const part = (name: string): string => {
    const micros = row.cpuMicrosPerMessageByProcess[name];
    return micros === undefined ? "" : figure(micros);
  };
  const { p50, p99, max } = row.pubackMicros;
  const memory = Object.values(row.memoryMbByProcess).reduce((sum, mb) => sum + mb, 0);
  return [
    `${row.scenario}: **${row.target}**`,
    ...[row.messagesPerS, row.cpuMicrosPerMessage].map(figure),
    ...[part("node"), part("postgres")],
    ...[p50, p99, max].map((micros) => figure(micros / 1_000)),
    figure(memory),
    figure(row.client.coresBusy),
    figure(row.otherCoresBusy),
  ];
}

function ratioOf(ours: Figures, theirs: Figures) {
  return {
    scenario: ours.scenario,
    messagesPerS: round(ours.messagesPerS / theirs.messagesPerS),
    cpu: round(ours.cpuMicrosPerMessage / theirs.cpuMicrosPerMessage),
    p50: round(ours.pubackMicros.p50 / theirs.pubackMicros.p50),
    p99: round(ours.pubackMicros.p99 / theirs.pubackMicros.p99),
  };
}
