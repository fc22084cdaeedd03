// `npm run faults [-- --seed=N] [--rounds=N] [--mode=split|all-in-one] [--only=words] [--hold-s=30]`: devices post while things happen to the platform, and a
// ledger judges what became of every message. Figures are kept in bench/results.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pause } from "@mooring/kit";
import type { Mode } from "../e2e/harness/platform.ts";
import type { Fault } from "./fault.ts";
import { faults } from "./faults.ts";
import type { Fleet } from "./fleet.ts";
import { keep, type ModeResult } from "./results.ts";
import { type RoundResult, randomFrom, runRound } from "./round.ts";
import { openWorld, type World } from "./world.ts";

const devicesPerTenant = 10;
/** Room for a Postgres with the reports of half an hour. */
const diskMegabytes = 2_048;
const calibrationMs = 5_000;
/** More than any machine takes: what is found is the machine's limit with these devices. */
const calibrationPerS = 50_000;

interface Plan {
  readonly mode: Mode;
  readonly seed: number;
  readonly rounds: number;
  readonly holdMs: number;
  readonly only: string;
}

async function runMode(plan: Plan): Promise<ModeResult> {
  const { mode } = plan;
  const random = randomFrom(plan.seed);
  const world = await openWorld({ mode, random, devicesPerTenant, diskMegabytes });
  const { platform, fleet, ways, disk, clocks } = world;
  try {
    const fullLoadPerS = await calibrate(fleet);
    const results: RoundResult[] = [];
    const context = { platform, random, holdMs: plan.holdMs, disk, clocks, ways, messagesPerS: Math.ceil(fullLoadPerS / 3) };
    for (let round = 1; round <= plan.rounds; round += 1) {
      for (const fault of shuffled(chosen(plan, world), random)) {
        const result = await runRound(fleet, fault, context);
        results.push(result);
        process.stdout.write(`${line(result)}\n`);
        if (result.verdict.violations.length > 0) {
          tellSubscribers(fleet);
          return { mode, fullLoadPerS, results };
        }
      }
    }
    return { mode, fullLoadPerS, results };
  } catch (error) {
    process.stderr.write(`${platform.logs().slice(-20_000)}\n`);
    tellSubscribers(fleet);
    throw error;
  } finally {
    await world.close();
  }
}

/** Where each subscriber stands, when something is wrong. */
function tellSubscribers(fleet: Fleet): void {
  for (const { name, receipts } of fleet.subscribers) {
    process.stdout.write(`       ${name}: ${receipts.distinct} received, ${receipts.streams} streams; ${receipts.reasons.join("; ")}\n`);
  }
}

function chosen({ mode, only }: Plan, world: World): readonly Fault[] {
  return faults.filter((fault) => {
    if (!fault.modes.includes(mode) || !fault.name.includes(only)) return false;
    const reason = world.whyNot(fault);
    if (reason !== undefined) process.stdout.write(`NOT TRIED: ${fault.name}, since ${reason}\n`);
    return reason === undefined;
  });
}

/** Messages a second that the platform takes and brings to every subscriber, when devices send as fast as their windows let them. */
async function calibrate(fleet: Fleet): Promise<number> {
  fleet.post(calibrationPerS);
  await pause(1_000);
  const [before, startMs] = [fleet.ledger.acknowledged, performance.now()];
  await pause(calibrationMs);
  await fleet.drain();
  const { late } = await fleet.settle();
  if (late.length > 0) throw new Error(`at full load not everything came to ${late.join(", ")}`);
  return ((fleet.ledger.acknowledged - before) * 1_000) / (performance.now() - startMs);
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

function line({ fault, verdict, faultMs, drainMs, settleMs, last, reconnections }: RoundResult): string {
  const { intended, acknowledged, stored, redelivered, violations } = verdict;
  const figures = `${intended} sent, ${acknowledged} acknowledged, ${stored} stored, ${redelivered} delivered again`;
  const times = `fault ${(faultMs / 1_000).toFixed(1)} s, all acknowledged ${(drainMs / 1_000).toFixed(1)} s later, delivered and applied ${(settleMs / 1_000).toFixed(1)} s later (${last} last), ${reconnections} reconnections`;
  return [`  ${violations.length === 0 ? "ok  " : "FAIL"} ${fault}: ${figures}; ${times}`, ...violations].join("\n       ");
}

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    rounds: { type: "string", default: "1" },
    mode: { type: "string" },
    "hold-s": { type: "string", default: "30" },
    only: { type: "string", default: "" },
  },
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
// Where the devices' keys and certificates are kept.
const runFolder = mkdtempSync(join(tmpdir(), "mooring-faults-run-"));
process.env["MOORING_TEST_RUN_FOLDER"] = runFolder;
process.once("exit", () => rmSync(runFolder, { recursive: true, force: true }));
const seed = Number(values.seed);
const modes: ModeResult[] = [];
for (const mode of ["all-in-one", "split"] as const) {
  if (values.mode !== undefined && values.mode !== mode) continue;
  process.stdout.write(`${mode}, seed ${seed}\n`);
  const result = await runMode({ mode, seed, rounds: Number(values.rounds), holdMs: Number(values["hold-s"]) * 1_000, only: values.only });
  modes.push(result);
  // What was tried in part, or failed, is no figure to hold others against.
  if (values.only === "" && result.results.every(({ verdict }) => verdict.violations.length === 0)) keep(seed, result);
}
const violations = modes.flatMap(({ results }) => results.flatMap(({ verdict }) => verdict.violations));
if (violations.length > 0) {
  process.stderr.write(`${violations.length} violations. Again with: npm run faults -- --seed=${seed}\n`);
  process.exitCode = 1;
}
