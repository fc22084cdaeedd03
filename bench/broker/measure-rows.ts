// Each row on every broker in turn, again and again, so that what else the machine does meets all of them.
import { buildLoad, type LoadFigures, runLoad } from "../mqtt-load/load.ts";
import type { Broker, Certificates } from "./broker.ts";
import type { Row, RowFigure } from "./rows.ts";

export interface Contestant {
  readonly name: string;
  /** A failure of this one ends the benchmark. */
  readonly mustDo?: boolean;
  /** Undefined where it is not on this machine, or has no part in the row. */
  start(row: Row): Promise<Broker | undefined>;
}

/** All runs of one row on one broker. */
export interface Measured {
  readonly row: Row;
  readonly broker: string;
  readonly version: string;
  readonly runs: readonly (readonly LoadFigures[])[];
}

export interface MeasurePlan {
  readonly certificates: Certificates;
  readonly repetitions: number;
  readonly secs: number;
  readonly warmUpSecs: number;
  /** Small amounts. */
  readonly quick: boolean;
  report(line: string): void;
}

export async function measureRows(
  rows: readonly Row[],
  contestants: readonly Contestant[],
  plan: MeasurePlan,
): Promise<readonly Measured[]> {
  buildLoad();
  const measured: Measured[] = [];
  for (const row of rows) {
    const runs = new Map<string, { version: string; runs: (readonly LoadFigures[])[] }>();
    for (let repetition = 0; repetition < plan.repetitions; repetition++) {
      for (const contestant of contestants) {
        if (row.notFor?.includes(contestant.name)) continue;
        const broker = await contestant.start(row);
        if (broker === undefined) continue;
        const of = runs.get(contestant.name) ?? { version: broker.version, runs: [] };
        runs.set(contestant.name, of);
        try {
          const load = argumentsOf(row, broker, plan);
          if (row.isRehearsed) await runLoad(load);
          of.runs.push((await runLoad(load)).map(withShares));
        } catch (cause) {
          const message = `${contestant.name}, ${row.name}: ${(cause as Error).message}`;
          // A wrong figure of ours would mean nothing; that another broker cannot do it is a finding.
          if (contestant.mustDo) throw new Error(message, { cause });
          plan.report(message);
        } finally {
          await broker.stop();
        }
      }
    }
    for (const [broker, one] of runs) measured.push({ row, broker, ...one });
    plan.report(lineOf(row, measured));
  }
  return measured;
}

function argumentsOf(row: Row, { pid, mqtt, mqtts }: Broker, plan: MeasurePlan): readonly string[] {
  const { authorityFile, clientCertificateFile, clientKeyFile } = plan.certificates;
  const [host = "", port = ""] = (row.isTls ? mqtts : mqtt).split(":");
  const tls = row.isTls ? ["--tls", "--ca", authorityFile, "--cert", clientCertificateFile, "--key", clientKeyFile] : [];
  const amount = row.amount === undefined ? [] : ["--n", String(row.amount[plan.quick ? 1 : 0])];
  const times = ["--secs", String(plan.secs), "--warm", String(plan.quick ? plan.warmUpSecs : (row.warmUpSecs ?? plan.warmUpSecs))];
  return [...row.args, "-h", host, "-p", port, "-P", String(pid), ...times, ...amount, ...tls];
}

function withShares(figures: LoadFigures): LoadFigures {
  // Handshakes are counted before their CONNACK, so that at the end a few more have been resumed than are connected.
  const { resumed, connects } = figures;
  if (typeof resumed !== "number" || typeof connects !== "number") return figures;
  return { ...figures, resumed_percent: connects === 0 ? 0 : Math.min(100, (resumed * 100) / connects) };
}

/** Of a figure over all runs: the median, the least and the most; undefined where it was not measured. */
export function spreadOf({ runs }: Measured, { field, what }: Pick<RowFigure, "field" | "what">) {
  const values = runs
    .flatMap((lines) => lines.filter((line) => what === undefined || line["what"] === what).map((line) => line[field]))
    .filter((value) => typeof value === "number")
    .sort((a, b) => a - b);
  if (values.length === 0) return undefined;
  const [low, high] = [values[(values.length - 1) >> 1] as number, values[values.length >> 1] as number];
  return { median: (low + high) / 2, least: values[0] as number, most: values.at(-1) as number };
}

function lineOf(row: Row, measured: readonly Measured[]): string {
  const [first] = row.figures;
  if (first === undefined) return row.name;
  const parts = measured
    .filter((one) => one.row === row)
    .map((one) => `${one.broker} ${spreadOf(one, first)?.median.toPrecision(3) ?? "-"}`);
  return `${row.name}, ${first.unit}: ${parts.join(", ")}`;
}
