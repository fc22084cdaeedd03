import type { Running } from "./lifecycle.ts";

/** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}

export interface LoopOptions {
  /** Wait after a failure: grows from this to a minute, with jitter; from the start again after a step that went on for longer than the wait. */
  readonly retryMs: number;
  readonly onError: (error: unknown) => void;
}

const retryMsMax = 60_000;

/** Runs `step` again and again until stopped; the step waits by itself when there is nothing to do. A failure is reported and tried again later. */
export function startLoop(step: (signal: AbortSignal) => Promise<void>, options: LoopOptions): Running {
  const abort = new AbortController();
  const run = async (): Promise<void> => {
    let retryMs = options.retryMs;
    while (!abort.signal.aborted) {
      const startedAtMs = performance.now();
      try {
        await step(abort.signal);
        retryMs = options.retryMs;
      } catch (error) {
        if (abort.signal.aborted) return;
        options.onError(error);
        if (performance.now() - startedAtMs > retryMs * 2) retryMs = options.retryMs;
        await pause(retryMs * (0.5 + Math.random()), abort.signal);
        retryMs = Math.min(retryMs * 2, retryMsMax);
      }
    }
  };
  const done = run();
  return {
    async stop() {
      abort.abort();
      await done;
    },
  };
}
