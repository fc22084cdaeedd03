import type { Clock, Log } from "@mooring/kit";
import type { Jobs } from "@mooring/queue";
import type { CallStore } from "./ports.ts";

/** How long a retry finds the first call. */
const keptMs = 24 * 3_600_000;
const everyMs = 10 * 60_000;
const queueName = "rrpc";
const jobName = "sweep-calls";

/** Removes calls nobody can retry any more: a repeated job, so that one process of many does it. */
export async function startCallSweeper(deps: {
  readonly jobs: Jobs;
  readonly calls: CallStore;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<void> {
  const { jobs, calls, clock, log } = deps;
  await jobs.work(queueName, async () => {
    const removed = await calls.sweep(clock.now() - keptMs);
    if (removed > 0) log.info({ removed }, "removed calls that are too old to be retried");
  });
  await (await jobs.queue(queueName)).every(jobName, { everyMs });
}
