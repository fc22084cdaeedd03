import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mode } from "../e2e/harness/platform.ts";
import { root } from "../e2e/harness/service-process.ts";
import type { RoundResult } from "./round.ts";

export interface ModeResult {
  readonly mode: Mode;
  readonly fullLoadPerS: number;
  readonly results: readonly RoundResult[];
}

const figures = [
  ...["acknowledged", "stored", "delivered again", "fault s", "acknowledged after s", "delivered after s"],
  ...["reconnections", "violations"],
];

/** Writes the figures of a deployment into bench/results: every one as JSON, and a page with a table. */
export function keep(seed: number, result: ModeResult): void {
  const day = new Date().toISOString().slice(0, 10);
  const folder = join(root, "bench/results");
  const name = `${day}-faults-${result.mode}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.md`), page(day, seed, result));
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify({ day, seed, ...result }, null, 2)}\n`);
  process.stdout.write(`Kept in bench/results/${name}.md and .json.\n`);
}

function page(day: string, seed: number, { mode, fullLoadPerS, results }: ModeResult): string {
  return `# Faults, ${mode}

${day}, seed ${seed}. Devices of two tenants post with QoS 1 while a fault is made and mended; figures are sums over the rounds before. At full load ${Math.round(fullLoadPerS)}/s were taken and delivered; a third of it during faults. How to read them: \`bench/README.md\`.

| fault | ${figures.join(" | ")} |
| --- |${" ---: |".repeat(figures.length)}
${results.map(row).join("\n")}
`;
}

function row({ fault, verdict, faultMs, drainMs, settleMs, reconnections }: RoundResult): string {
  const seconds = [faultMs, drainMs, settleMs].map((ms) => (ms / 1_000).toFixed(1));
  const { acknowledged, stored, redelivered, violations } = verdict;
  return `| ${[fault, acknowledged, stored, redelivered, ...seconds, reconnections, violations.length].join(" | ")} |`;
}
