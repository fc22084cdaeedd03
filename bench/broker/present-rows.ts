// Measurements of brokers as figures to keep and as tables to read.
import { type Findings, figure, table } from "../benchmark.ts";
import { type Measured, spreadOf } from "./measure-rows.ts";
import type { Reference, Row, RowFigure } from "./rows.ts";

const ours = "mooring";

export function presentRows(measured: readonly Measured[]): Findings {
  const rows = [...new Set(measured.map(({ row }) => row))];
  const brokers = [...new Set(measured.map(({ broker }) => broker))];
  const of = (row: Row, broker: string) => measured.find((one) => one.row === row && one.broker === broker);
  const versions = Object.fromEntries(measured.map(({ broker, version }) => [broker, version]));
  return {
    data: {
      versions,
      results: rows.map((row) => ({ row: row.name, brokers: brokers.map((broker) => kept(of(row, broker), broker, row)) })),
    },
    markdown: [
      costs(rows, brokers, of),
      "Reference figures of an earlier run, on another machine (2 shared cores, nothing else running): mosquitto 2.0.20, FlashMQ 1.26.2, aedes 1.2.0, and our throwaway prototype on Node 20, which has no authentication, persistence, MQTT 5 properties, metrics or back-pressure.",
      speeds(rows, brokers, of),
      notes(versions, Math.max(...measured.map(({ runs }) => runs.length))),
    ].join("\n\n"),
  };
}

type Find = (row: Row, broker: string) => Measured | undefined;

function kept(measured: Measured | undefined, broker: string, row: Row) {
  if (measured === undefined) return { broker };
  const figures = row.figures.map((one) => ({ unit: one.unit, ...spreadOf(measured, one) }));
  return { broker, figures, runs: measured.runs.map((lines) => lines.map((line) => ({ ...line }))) };
}

/** One line per figure: median and spread of each, and ours divided by the others'. */
function costs(rows: readonly Row[], brokers: readonly string[], of: Find): string {
  const others = brokers.filter((broker) => broker !== ours);
  const head = ["row", "unit", ...brokers, ...others.map((other) => `${ours} / ${other}`), ...referenceNames.map((name) => `(${name})`)];
  const lines = rows.flatMap((row) =>
    row.figures.map((one) => {
      const medians = (broker: string) => medianOf(of(row, broker), one);
      const ratios = others.map((other) => ratio(medians(ours), medians(other)));
      return [row.name, one.unit, ...brokers.map((broker) => cell(of(row, broker), one)), ...ratios, ...referenceCells(one.reference)];
    }),
  );
  return table(head, lines);
}

const referenceNames = ["mosquitto", "flashmq", "aedes", "prototype"] as const;

function referenceCells(reference: Reference = {}): readonly string[] {
  return referenceNames.map((name) => (reference[name] === undefined ? "" : figure(reference[name])));
}

function medianOf(measured: Measured | undefined, one: RowFigure): number | undefined {
  return measured === undefined ? undefined : spreadOf(measured, one)?.median;
}

function ratio(a: number | undefined, b: number | undefined): string {
  return a === undefined || b === undefined || b === 0 ? "" : figure(a / b);
}

function cell(measured: Measured | undefined, one: RowFigure): string {
  const spread = measured === undefined ? undefined : spreadOf(measured, one);
  if (spread === undefined) return "";
  return spread.least === spread.most ? figure(spread.median) : `${figure(spread.median)} (${figure(spread.least)}–${figure(spread.most)})`;
}

/** Throughput, latency and how busy the generator was, where messages flow. */
function speeds(rows: readonly Row[], brokers: readonly string[], of: Find): string {
  const columns = [
    ["deliveries/s", "out_per_s"],
    ["p50 us", "p50_us"],
    ["p99 us", "p99_us"],
    ["broker cores", "cpu_cores"],
    ["generator cores", "gen_cores"],
  ] as const;
  const lines = rows.flatMap((row) =>
    brokers.flatMap((broker) => {
      const measured = of(row, broker);
      if (measured === undefined || spreadOf(measured, { field: "out_per_s" }) === undefined) return [];
      return [[`${row.name}: **${broker}**`, ...columns.map(([, field]) => figure(spreadOf(measured, { field })?.median ?? 0))]];
    }),
  );
  return table(["flow and broker", ...columns.map(([name]) => name)], lines);
}

function notes(versions: Readonly<Record<string, string>>, runs: number): string {
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${list.join(", ")}. ${runs === 1 ? "One run of each" : `Medians of ${runs} runs, and in parentheses the least and the most`}; each run on a broker that was just started.`,
    "Ours is the gateway alone, with its defaults; only in the row of sessions offered again may TLS sessions be resumed.",
    "The floor is no broker: it does with Node's TCP handle what must be done for a message or a connection, and nothing else.",
    'In rows with a "kept session" a message is acknowledged once it is kept: "in memory" by a stand-in in the gateway\'s own process, "on disk" by the sessions service in that process and a Postgres with fsync, whose CPU counts as ours. Mosquitto (no persistence configured) and aedes (in memory) write nothing to disk and promise nothing.',
  ].join(" ");
}
