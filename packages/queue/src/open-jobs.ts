import { PlatformError } from "@mooring/contracts";
import { type Log, withTimeout } from "@mooring/kit";
import type { Job as BullJob, QueueOptions, WorkerOptions } from "bullmq";
import { backoffMs, checkInteger, checkName, decodeData, encodeData, toJobsOptions } from "./bounds.ts";
import type { Engine, EngineQueue, EngineWorker } from "./engine.ts";
import {
  completedKept,
  concurrencyMax,
  everyMsMin,
  failedKept,
  type JobHandler,
  type JobQueue,
  type Jobs,
  type WorkOptions,
} from "./jobs.ts";
import { openPostgresEngine } from "./postgres/engine.ts";
import { openRedisEngine } from "./redis/engine.ts";

export type JobsBackend =
  | { readonly kind: "postgres"; readonly connectionString: string }
  | { readonly kind: "redis"; readonly url: string };

export interface OpenJobsOptions {
  readonly backend: JobsBackend;
  readonly log: Log;
  /** How long `close` lets running jobs go on. 10 s unless told. */
  readonly closeGraceMs?: number;
}

/** An operation that has no answer after this is given up; it may still be done later. */
const operationTimeoutMs = 5_000;
const closeGraceMsDefault = 10_000;
/** How long an aborted job may take to notice, and a backend to let go. */
const abortGraceMs = 1_000;
const everyMsMax = 366 * 86_400_000;

/** BullMQ writes an event per step for listeners that do not exist here. */
const eventsKept = 100;

const queueOptions = {
  defaultJobOptions: {
    removeOnComplete: { count: completedKept },
    removeOnFail: { count: failedKept.count, age: failedKept.ageMs / 1_000 },
    stackTraceLimit: 5,
  },
  streams: { events: { maxLen: eventsKept } },
} satisfies Omit<QueueOptions, "connection">;

const workerOptions = {
  autorun: false,
  // After an error of the backend, not of a job.
  runRetryDelay: 1_000,
  // A job whose process died runs again; one that kills its process each time ends as failed.
  maxStalledCount: 5,
  settings: {
    backoffStrategy(failures: number, type?: string, _error?: Error, job?: Pick<BullJob, "opts">) {
      const { backoff } = job?.opts ?? {};
      const delayMs = typeof backoff === "object" ? (backoff.delay ?? 0) : 0;
      return Math.round(backoffMs(type, delayMs, failures) * (0.75 + Math.random() / 4));
    },
  },
} satisfies Omit<WorkerOptions, "connection">;

/** Opens the job queues of a backend; the code above it is the same for both. Rejects with `unavailable`. */
export async function openJobs(options: OpenJobsOptions): Promise<Jobs> {
  const { backend, log } = options;
  const engine = await reach(() =>
    backend.kind === "postgres"
      ? openPostgresEngine({ connectionString: backend.connectionString, log })
      : openRedisEngine({ url: backend.url, log }),
  );
  const queues = new Map<string, Promise<EngineQueue>>();
  const workers: EngineWorker[] = [];
  let closing: Promise<void> | undefined;
  const assertOpen = (): void => {
    if (closing !== undefined) throw new PlatformError("unavailable", "the job queue is closed");
  };
  const close = async (): Promise<void> => {
    await Promise.all(workers.map((worker) => closeWorker(worker, options.closeGraceMs ?? closeGraceMsDefault, log)));
    const opened = await Promise.allSettled(queues.values());
    for (const queue of opened) if (queue.status === "fulfilled") await settle(queue.value.close(), log);
    await settle(engine.close(), log);
  };
  return {
    async queue(name) {
      assertOpen();
      checkName("/queue", name);
      let queue = queues.get(name);
      if (queue === undefined) {
        queue = openQueue(engine, name, log);
        queues.set(name, queue);
        // A queue that could not be opened is opened anew by the next caller.
        queue.catch(() => queues.delete(name));
      }
      return createJobQueue(await queue, assertOpen);
    },
    async work(queueName, handler, workOptions = {}) {
      assertOpen();
      checkName("/queue", queueName);
      const worker = await startWorker(engine, { queueName, handler, log, ...workOptions });
      workers.push(worker);
      // Closed meanwhile: `close` has not seen this worker.
      if (closing !== undefined) await closeWorker(worker, 0, log);
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

async function openQueue(engine: Engine, name: string, log: Log): Promise<EngineQueue> {
  const queue = engine.createQueue(name, queueOptions);
  queue.on("error", (error) => log.warn({ err: error, queue: name }, "a job queue has trouble with its backend"));
  try {
    await reach(() => queue.waitUntilReady());
    return queue;
  } catch (error) {
    void settle(queue.close(), log);
    throw error;
  }
}

function createJobQueue(queue: EngineQueue, assertOpen: () => void): JobQueue {
  const call = <T>(operation: () => Promise<T>): Promise<T> => {
    assertOpen();
    return reach(operation);
  };
  return {
    async add(name, data, options = {}) {
      checkName("/name", name);
      const stored = encodeData(data);
      const jobsOptions = toJobsOptions(options);
      await call(() => queue.add(name, stored, jobsOptions));
    },
    async every(name, { everyMs, data = null }) {
      checkName("/name", name);
      const stored = encodeData(data);
      const every = checkInteger("/everyMs", everyMs, [everyMsMin, everyMsMax]);
      await call(() => queue.upsertJobScheduler(name, { every }, { name, data: stored, opts: { attempts: 1 } }));
    },
    async removeEvery(name) {
      await call(() => queue.removeJobScheduler(name));
    },
    async counts() {
      const counts = await call(() => queue.getJobCounts("wait", "delayed", "active", "completed", "failed"));
      const of = (state: string): number => counts[state] ?? 0;
      return { waiting: of("wait"), delayed: of("delayed"), active: of("active"), completed: of("completed"), failed: of("failed") };
    },
  };
}

interface WorkerDeps extends WorkOptions {
  readonly queueName: string;
  readonly handler: JobHandler;
  readonly log: Log;
}

async function startWorker(engine: Engine, { queueName, handler, log, concurrency = 1 }: WorkerDeps): Promise<EngineWorker> {
  checkInteger("/concurrency", concurrency, [1, concurrencyMax]);
  const worker = engine.createWorker(
    queueName,
    // Three parameters: BullMQ counts them, and hands the signal only to those who take it.
    async (job, _token, signal) =>
      handler({
        id: job.id ?? "",
        name: job.name,
        data: decodeData(job.data),
        attempt: job.attemptsMade + 1,
        signal: signal ?? new AbortController().signal,
      }),
    { ...workerOptions, concurrency },
  );
  worker.on("error", (error) => log.warn({ err: error, queue: queueName }, "a job worker has trouble with its backend"));
  worker.on("failed", (job, error) => {
    log.warn({ err: error, queue: queueName, job: job?.name, jobId: job?.id, attempt: job?.attemptsMade }, "a job failed");
  });
  try {
    await reach(() => worker.waitUntilReady());
  } catch (error) {
    void settle(worker.close(true), log);
    throw error;
  }
  worker.run().catch((error: unknown) => log.error({ err: error, queue: queueName }, "a job worker ended"));
  return worker;
}

async function closeWorker(worker: EngineWorker, graceMs: number, log: Log): Promise<void> {
  const closed = worker.close();
  try {
    await withTimeout(closed, graceMs, "jobs are still running");
  } catch (error) {
    log.warn({ err: error, graceMs }, "jobs did not end in time and are aborted");
    worker.cancelAllJobs("the process closes");
    await settle(closed, log);
  }
}

/** Waits for something to let go, but not for long: what hangs is reported and left. */
async function settle(closing: Promise<void>, log: Log): Promise<void> {
  await withTimeout(closing, abortGraceMs, "closing took too long").catch((error: unknown) => {
    log.warn({ err: error }, "a part of the job queue did not close");
  });
}

async function reach<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await withTimeout(operation(), operationTimeoutMs, `no answer after ${operationTimeoutMs} ms`);
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    throw new PlatformError("unavailable", "the job queue cannot be reached", { cause: error });
  }
}
