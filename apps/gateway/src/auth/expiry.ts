// Proofs that hold for a while: a secret that is being replaced, a token. A connection ends with what let it in.
import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { Outlet } from "../route/registry.ts";

const everyMs = 1_000;

export class Expiry {
  readonly #clock: Clock;
  /** Those with an end alone: most hold until they are revoked. */
  readonly #ends = new Map<Outlet, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(outlet: Outlet): void {
    const { validUntilMs } = outlet.identity;
    if (validUntilMs !== undefined) this.#ends.set(outlet, validUntilMs);
  }

  remove(outlet: Outlet): void {
    this.#ends.delete(outlet);
  }

  start(log: Log): Running {
    const step = async (signal: AbortSignal): Promise<void> => {
      await pause(everyMs, signal);
      const nowMs = this.#clock.now();
      for (const [outlet, untilMs] of [...this.#ends]) if (nowMs >= untilMs) outlet.end("credentialRevoked");
    };
    return startLoop(step, { retryMs: everyMs, onError: (error) => log.error({ err: error }, "ending expired connections failed") });
  }
}
