import type { JobsOptions, QueueOptions, WorkerOptions } from "bullmq";

/** What is used of BullMQ's classes, whose types differ by backend. */
export interface EngineQueue {
  waitUntilReady(): Promise<void>;
  add(name: string, data: unknown, options: JobsOptions): Promise<unknown>;
  upsertJobScheduler(
    id: string,
    repeat: { readonly every: number },
    template: { readonly name: string; readonly data: unknown; readonly opts: object },
  ): Promise<unknown>;
  removeJobScheduler(id: string): Promise<boolean>;
  getJobCounts(...states: ("wait" | "delayed" | "active" | "completed" | "failed")[]): Promise<Record<string, number>>;
  on(event: "error", listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}

export interface EngineJob {
  readonly id?: string | undefined;
  readonly name: string;
  readonly data: unknown;
  readonly attemptsMade: number;
}

export type EngineProcessor = (job: EngineJob, token: string | undefined, signal: AbortSignal | undefined) => Promise<void>;

export interface EngineWorker {
  waitUntilReady(): Promise<void>;
  run(): Promise<void>;
  cancelAllJobs(reason: string): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "failed", listener: (job: EngineJob | undefined, error: Error) => void): unknown;
  close(force?: boolean): Promise<void>;
}

/** BullMQ over one backend: the only thing that differs between Postgres and Redis. */
export interface Engine {
  createQueue(name: string, options: Omit<QueueOptions, "connection" | "prefix">): EngineQueue;
  createWorker(name: string, processor: EngineProcessor, options: Omit<WorkerOptions, "connection" | "prefix">): EngineWorker;
  /** After all queues and workers are closed. */
  close(): Promise<void>;
}
