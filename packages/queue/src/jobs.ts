import type { JsonValue } from "@mooring/contracts";

/** Names of queues and of the kinds of jobs in them. */
export const jobNamePattern = /^[a-z][a-z0-9-]{0,62}$/;
/** A job says what to look at; what there is to see lies in the database. */
export const jobDataBytesMax = 64 * 1024;
/** Finished jobs that are kept for a look: the database is the record, not the queue. */
export const completedKept = 100;
export const failedKept = { count: 1_000, ageMs: 7 * 86_400_000 } as const;
export const attemptsDefault = 5;
export const attemptsMax = 100;
/** Exponential backoff stops growing here. */
export const backoffMsMax = 3_600_000;
export const everyMsMin = 100;
export const concurrencyMax = 100;

export interface Backoff {
  /** Fixed: the same wait each time. Exponential: doubles after each failure, up to an hour. Both up to a quarter shorter at random. */
  readonly kind: "fixed" | "exponential";
  readonly delayMs: number;
}

export interface AddOptions {
  /**
   * One job of this id at a time: while it waits, adding it again adds nothing; while it runs, it runs once more afterwards,
   * with the data of the last call, so that no wake-up is lost. Once finished the id is free. 1 to 256 printable ASCII characters.
   */
  readonly jobId?: string;
  /** Not before this long from now. */
  readonly delayMs?: number;
  /** How often it is tried until it is failed for good. 5 unless told. */
  readonly attempts?: number;
  /** Between attempts. Exponential from 1 s unless told. */
  readonly backoff?: Backoff;
}

export interface Repetition {
  /** At least `everyMsMin`. Runs do not pile up: the next one is scheduled when one starts. */
  readonly everyMs: number;
  readonly data?: JsonValue;
}

export interface JobCounts {
  readonly waiting: number;
  readonly delayed: number;
  readonly active: number;
  readonly completed: number;
  readonly failed: number;
}

/** Where jobs are put. Every operation rejects with `unavailable` within seconds while the backend cannot be reached. */
export interface JobQueue {
  /** Rejects with `payloadTooLarge` above `jobDataBytesMax` as JSON, with `invalidArgument` for options out of bounds. */
  add(name: string, data: JsonValue, options?: AddOptions): Promise<void>;
  /**
   * Runs a job of this name again and again, on one node at a time; said by every node at its start, it is still one
   * repetition. The first run comes at once, a run that fails is not repeated before its next turn. Stored until `removeEvery`.
   */
  every(name: string, repetition: Repetition): Promise<void>;
  /** Ends a repetition; one that does not exist has ended. A run that is under way is not disturbed. */
  removeEvery(name: string): Promise<void>;
  /** For metrics. */
  counts(): Promise<JobCounts>;
}

export interface Job {
  readonly id: string;
  readonly name: string;
  readonly data: JsonValue;
  /** 1 at first. */
  readonly attempt: number;
  /** Aborted when the process closes and the job was given its time to end. */
  readonly signal: AbortSignal;
}

/**
 * Does one job. At least once: a job whose process died runs again, so doing it twice must be as doing it once. A rejection is
 * logged and the job is tried again until its attempts are used up.
 */
export type JobHandler = (job: Job) => Promise<void>;

export interface WorkOptions {
  /** Jobs of this queue at a time in this process, up to `concurrencyMax`. 1 unless told. */
  readonly concurrency?: number;
}

/** Background jobs. A job is a wake-up: what must not be lost is a row in the database, written with the change it follows from. */
export interface Jobs {
  /** The queue of this name, always the same. Rejects with `unavailable` or `invalidArgument`. */
  queue(name: string): Promise<JobQueue>;
  /** Starts to do this queue's jobs. Rejects with `unavailable`; later outages only make it wait. */
  work(queueName: string, handler: JobHandler, options?: WorkOptions): Promise<void>;
  /**
   * Takes no more jobs, lets the running ones end (after `closeGraceMs` their signals abort, and a second later they are left
   * to run again elsewhere), then lets the backend go. Idempotent.
   */
  close(): Promise<void>;
}
