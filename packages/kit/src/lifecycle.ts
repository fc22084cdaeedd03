import type { Log } from "./log.ts";

/** Something that runs until it is stopped. `stop` resolves when nothing of it is left. */
export interface Running {
  stop(): Promise<void>;
}

/** Longest one part may take to stop before the next one is stopped all the same. */
const stopMsMax = 15_000;

/** What a process has started, in order, so that it can be stopped in reverse order, once. */
export class Lifecycle {
  readonly #parts: { readonly name: string; readonly part: Running }[] = [];
  readonly #log: Log;
  #stopping: Promise<void> | undefined;
  readonly #failure = Promise.withResolvers<string>();
  /** Resolves with the reason when a part that the process cannot do without has ended by itself. */
  readonly failed: Promise<string> = this.#failure.promise;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Throws when the process is stopping already: the part is stopped, and whoever starts the next one should not. */
  add<T extends Running>(name: string, part: T): T {
    this.#parts.push({ name, part });
    if (this.#stopping === undefined) return part;
    this.#stopping = this.#stopping.then(() => this.#stopAll());
    throw new Error("the process is stopping");
  }

  /** A part that the process cannot do without has ended. Without effect once the process is stopping anyway. */
  fail(reason: string): void {
    if (this.#stopping === undefined) this.#failure.resolve(reason);
  }

  /** Stops what was added, last first. May be called again, to wait for parts that came late. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    for (let entry = this.#parts.pop(); entry !== undefined; entry = this.#parts.pop()) {
      const { name, part } = entry;
      try {
        await withTimeout(part.stop(), stopMsMax, `${name} did not stop in time`);
        this.#log.debug({ part: name }, "stopped");
      } catch (error) {
        this.#log.error({ part: name, err: error }, "could not stop cleanly");
      }
    }
  }
}

/** Rejects with `message` if the promise is not settled in time. The work itself is not cancelled. */
export async function withTimeout<T>(promise: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves with the first of SIGINT and SIGTERM. A second signal ends the process at once. */
export function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let seen = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (seen) process.exit(1);
      seen = true;
      resolve(signal);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
