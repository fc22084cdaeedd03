// `npm run bench [-- --quick] [-- --keep] [-- name ...]`: every *.bench.ts beside this file, or those whose file name begins with one of the names.
// A full run leaves its figures in results/, one of some benchmarks when it is told to keep them; a quick one prints them and keeps nothing.
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Benchmark, type Findings, figure } from "./benchmark.ts";
import { describeMachine, type Machine } from "./measure/machine.ts";

const folder = import.meta.dirname;
const suffix = ".bench.ts";

async function main(args: readonly string[]): Promise<void> {
  const quick = args.includes("--quick");
  const names = args.filter((arg) => !arg.startsWith("--"));
  const kept = names.length === 0 || args.includes("--keep");
  const files = readdirSync(folder).filter((file) => file.endsWith(suffix));
  const chosen = files.filter((file) => names.length === 0 || names.some((name) => file.startsWith(name)));
  if (chosen.length === 0) throw new Error(`no benchmark is called ${names.join(" or ")}; there are ${files.join(", ")}`);
  const machine = describeMachine();
  const found = new Map<string, { readonly title: string; readonly findings: Findings }>();
  for (const file of chosen) {
    const { benchmark } = (await import(join(folder, file))) as { readonly benchmark: Benchmark };
    process.stdout.write(`${benchmark.title}\n`);
    const findings = await benchmark.run({ quick, report: (line) => void process.stdout.write(`  ${line}\n`) });
    found.set(file.slice(0, -suffix.length), { title: benchmark.title, findings });
  }
  const day = new Date().toISOString().slice(0, 10);
  const text = page(day, machine, [...found.values()]);
  process.stdout.write(`\n${text}`);
  if (!quick && kept) keep([day, machine.id, ...names].join("-"), text, { day, machine, found });
}

interface Kept {
  readonly day: string;
  readonly machine: Machine;
  readonly found: ReadonlyMap<string, { readonly findings: Findings }>;
}

function keep(name: string, text: string, { day, machine, found }: Kept): void {
  const results = join(folder, "results");
  const benchmarks = Object.fromEntries([...found].map(([key, { findings }]) => [key, findings.data]));
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `${name}.json`), `${JSON.stringify({ day, machine, benchmarks }, null, 2)}\n`);
  writeFileSync(join(results, `${name}.md`), text);
  process.stdout.write(`\nKept in bench/results/${name}.json and .md.\n`);
}

function page(day: string, machine: Machine, found: readonly { readonly title: string; readonly findings: Findings }[]): string {
  const { processor, cores, memoryGb, kernel, node, commit, fsyncMicros } = machine;
  const where = `${day}, commit ${commit}; ${processor}, ${cores} cores, ${memoryGb} GB; Linux ${kernel}, Node ${node}; 8 KB reach the disk (fsync) in ${figure(fsyncMicros / 1_000)} ms (median).`;
  const parts = found.map(({ title, findings }) => `## ${title}\n\n${findings.markdown}\n`);
  return [`# Results\n\n${where} How to read them: \`bench/README.md\`.\n`, ...parts].join("\n");
}

// What was started ends with this process, also when it is told to stop.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
await main(process.argv.slice(2));
