// Measures the CPU time of work against what this machine, with whatever else it does, needs for work that is known.

/** What a model or a payload may cost, in milliseconds of CPU, on a machine that does the known work in `knownWorkMs`. */
export const boundMs = 100;
/** CPU time of `doKnownWork` on the machine whose figures are in bench/: two cores, Node 24. */
const knownWorkMs = 12;
/** A machine that is slower than this by its other work says nothing about ours. */
const factorMax = 4;

/** The CPU time of this process that a call takes, in milliseconds: of all its threads, as its garbage is part of its cost. */
export function cpuMs(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/**
 * CPU time in milliseconds as the known machine would need it: of the cheapest of five runs of `work`, each next to a run of the known work. Five, since
 * compiling and collecting garbage for others is not the work's fault; a bound that is broken is broken in all of them. `work` is told which run it is.
 */
export function calibratedMs(work: (run: number) => unknown): number {
  let leastMs = Number.POSITIVE_INFINITY;
  let leastKnownMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run += 1) {
    leastKnownMs = Math.min(leastKnownMs, cpuMs(doKnownWork));
    leastMs = Math.min(
      leastMs,
      cpuMs(() => work(run)),
    );
    if (run > 0 && leastMs < boundMs / 2) break;
  }
  return leastMs / Math.min(factorMax, Math.max(1, leastKnownMs / knownWorkMs));
}

/** Text, objects and maps in the proportions that reading a model has them. */
export function doKnownWork(): number {
  const text = JSON.stringify(Array.from({ length: 8_000 }, (_, index) => ({ [`n${index}`]: { type: "number", index } })));
  const seen = new Map<string, unknown>();
  for (const entry of JSON.parse(text) as readonly Record<string, { readonly index: number }>[]) {
    for (const name of Object.keys(entry)) seen.set(`/a/${name.replaceAll("~", "~0")}`, { ...entry[name] });
  }
  return seen.size;
}
