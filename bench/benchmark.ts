import type { JsonObject } from "@mooring/contracts";

/** What a benchmark is told. */
export interface BenchmarkOptions {
  /** A few seconds each, to see that it works: the figures are not worth keeping. */
  readonly quick: boolean;
  /** One line for the person who waits. */
  report(line: string): void;
}

/** What it found: the figures to keep, and the same for readers. */
export interface Findings {
  readonly data: JsonObject;
  /** Tables and what is to be known about them, in Markdown, without a heading. */
  readonly markdown: string;
}

/** Every `*.bench.ts` exports one as `benchmark`. It measures the real thing, checks that what it measured was right, and throws where it was not. */
export interface Benchmark {
  readonly title: string;
  run(options: BenchmarkOptions): Promise<Findings>;
}

/** A Markdown table; the first column is text, the others are figures. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, column) => (column === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** A figure for readers: three digits that count, thousands apart. */
export function figure(value: number): string {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en-US", { minimumFractionDigits: Math.min(digits, 3), maximumFractionDigits: Math.min(digits, 3) });
}
