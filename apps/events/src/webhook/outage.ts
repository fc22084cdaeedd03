import type { EndpointStatus } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import type { WebhookLimits } from "./limits.ts";

export interface OutageDeps {
  readonly limits: Pick<WebhookLimits, "backoffMsFirst" | "backoffMsMax" | "retryAfterMsMax">;
  /** What people are told of the time. */
  readonly clock: Clock;
  /** When the next request may be made. */
  readonly timer: Clock;
  readonly random: () => number;
  readonly onStatus: (status: EndpointStatus) => void;
}

/** Whether an endpoint takes requests at all. While it does not, one request at a time asks, after a wait that grows. Without I/O. */
export class Outage {
  readonly #deps: OutageDeps;
  #sinceMs: number | undefined;
  #failures = 0;
  /** Of the timer. */
  #dueAtMs = 0;
  /** An outage that the process before had not seen the end of. */
  #earlierSinceMs: number | undefined;

  constructor(deps: OutageDeps, before: EndpointStatus | undefined) {
    this.#deps = deps;
    this.#earlierSinceMs = before?.state === "outage" ? before.sinceMs : undefined;
  }

  get isOn(): boolean {
    return this.#sinceMs !== undefined;
  }

  /** The next request may be made. */
  isDue(): boolean {
    return this.#deps.timer.now() >= this.#dueAtMs;
  }

  /** The request that counts has failed: the first one, or the one that asked whether it is over. */
  fail(error: string, askedMs: number | undefined, immediately: boolean): void {
    const { clock, timer, limits, onStatus } = this.#deps;
    const nowMs = clock.now();
    this.#sinceMs ??= this.#earlierSinceMs ?? nowMs;
    this.#failures++;
    const backoff = immediately ? 0 : backoffMs(this.#deps, this.#failures);
    const waitMs = Math.max(backoff, Math.min(askedMs ?? 0, limits.retryAfterMsMax));
    this.#dueAtMs = timer.now() + waitMs;
    onStatus({ state: "outage", sinceMs: this.#sinceMs, lastError: error, lastErrorAtMs: nowMs, nextTryAtMs: nowMs + waitMs });
  }

  /** The endpoint may be another one now. */
  tryAtOnce(): void {
    this.#dueAtMs = 0;
  }

  /** The endpoint has answered. False when nothing else was known. */
  end(): boolean {
    const wasOn = this.isOn || this.#earlierSinceMs !== undefined;
    this.#sinceMs = undefined;
    this.#earlierSinceMs = undefined;
    this.#failures = 0;
    if (wasOn) this.#deps.onStatus({ state: "delivering", sinceMs: this.#deps.clock.now() });
    return wasOn;
  }
}

/** Doubled after each failure, up to a quarter shorter at random. */
export function backoffMs({ limits, random }: Pick<OutageDeps, "limits" | "random">, failures: number): number {
  const full = Math.min(limits.backoffMsFirst * 2 ** Math.min(failures - 1, 30), limits.backoffMsMax);
  return Math.round(full * (0.75 + random() / 4));
}
