import { pause } from "@mooring/kit";
import type { Mode, Platform } from "../e2e/harness/platform.ts";
import type { Fault, FaultContext } from "./fault.ts";

const services = ["access", "devices", "thing-model", "shadow", "rrpc", "events", "sessions", "gateway", "admin-api"];
const inOneProcess: readonly Mode[] = ["all-in-one"];
const split: readonly Mode[] = ["split"];

/** Processes that die, stand still and are restarted. */
export const processFaults: readonly Fault[] = [
  killed("platform", inOneProcess),
  ...[...services, "postgres", "redis"].map((part) => killed(part, split)),
  // The platform ends with its Postgres, and whatever keeps it running starts both again.
  { name: "kill -9 the embedded postgres", modes: inOneProcess, run: killEmbeddedPostgres },
  // What was committed and not acknowledged: who would acknowledge stands still while the log goes on, and dies before it can say PUBACK. In one
  // process it is Postgres that goes on.
  between("platform", inOneProcess),
  between("gateway", split),
  // The commit is on its way to Postgres while who asked for it stands still, and dies before it hears of it.
  between("events", split),
  frozen("platform", inOneProcess),
  frozen("postgres", ["all-in-one", "split"]),
  ...[...services, "redis"].map((part) => frozen(part, split)),
  { name: "postgres restarted in order", modes: split, run: ({ platform }) => platform.restart("postgres") },
  { name: "everything killed at the same time", modes: ["all-in-one", "split"], run: ({ platform }) => killAll(platform) },
  { name: "rolling restart", modes: split, run: rollingRestart },
  { name: "the whole stopped and started", modes: inOneProcess, run: ({ platform }) => platform.restart() },
];

function killed(part: string, modes: readonly Mode[]): Fault {
  return {
    name: `kill -9 ${part}`,
    modes,
    async run({ platform, random }) {
      await platform.kill9(part);
      await pause(random() * 1_000);
      await platform.restart(part);
    },
  };
}

function between(part: string, modes: readonly Mode[]): Fault {
  return {
    name: `kill -9 ${part} between commit and acknowledgement`,
    modes,
    async run({ platform, random }) {
      platform.freeze(part, true);
      await pause(50 + random() * 200);
      await platform.kill9(part);
      await platform.restart(part);
    },
  };
}

/** Nobody restarts anything: what stood still goes on, and so does everybody who waited for it. */
function frozen(part: string, modes: readonly Mode[]): Fault {
  return {
    name: `SIGSTOP ${part}`,
    modes,
    async run({ platform, holdMs }) {
      platform.freeze(part);
      await pause(holdMs);
      platform.thaw(part);
    },
  };
}

async function killEmbeddedPostgres({ platform, random }: FaultContext): Promise<void> {
  await platform.kill9("postgres");
  await pause(random() * 1_000);
  await platform.restart();
}

async function killAll(platform: Platform): Promise<void> {
  await platform.kill9();
  await platform.restart();
}

async function rollingRestart({ platform }: FaultContext): Promise<void> {
  for (const service of services) await platform.restart(service);
}
