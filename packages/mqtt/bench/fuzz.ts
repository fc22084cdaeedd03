// `npm run fuzz -- [runs] [seed]`: the streams of `fuzz.test.ts`, a million of them, from a seed that is printed.
import { fuzz } from "../src/fuzz.test-support.ts";

const runs = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? Date.now() % 0x7fffffff);
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(seed)) throw new Error("usage: npm run fuzz -- [runs] [seed]");
process.stdout.write(`${runs} streams from seed ${seed}\n`);
const startedAt = performance.now();
const { refused, heard } = fuzz(seed, runs);
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(
  `${refused} streams refused, ${heard} packets handed over and the same when encoded again, in ${seconds.toFixed(1)} s\n`,
);
if (refused < runs / 5 || heard < runs / 2) throw new Error("both outcomes must be common, or the streams test nothing");
