// Hot: what becomes of an error of the gateway's own while something is done for one connection: it ends that connection, and nothing else.
import { type Log, WheelEntry } from "@mooring/kit";
import type { RareCounters } from "../counters.ts";

export interface GuardedDeps {
  readonly rare: RareCounters;
  readonly log: Log;
}

/** Every way in from outside (bytes, events of the stream, timers, answers that were waited for) ends in `fail`. */
export abstract class Guarded extends WheelEntry {
  #hasFailed = false;

  protected abstract readonly deps: GuardedDeps;
  /** For the log. */
  protected abstract whoFailed(): { readonly address: string | undefined; readonly clientId: string | undefined };
  /** How far things got nobody knows, so there is no going on. `isAgain`: without a word. */
  protected abstract onFault(isAgain: boolean): void;

  fail(error: unknown): void {
    const isAgain = this.#hasFailed;
    this.#report(error);
    this.onFault(isAgain);
  }

  protected guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.fail(error);
    }
  }

  /** For what ends the connection anyway. */
  protected attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#report(error);
    }
  }

  /** Once, with where it came from: what follows may follow from it. */
  #report(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const { rare, log } = this.deps;
    rare.onConnectionFault();
    log.error({ err: error, ...this.whoFailed() }, "an error of ours ended a connection");
  }
}
