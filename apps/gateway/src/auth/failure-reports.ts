// What this node refused by itself, on its way to the devices service, where operators read it: alike ones counted, once a second. Best effort.
import { type DeviceApi, type NewConnectionFailure, serviceCaller } from "@mooring/contracts";
import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";

export interface FailureReportsDeps {
  readonly devices: Pick<DeviceApi, "recordConnectionFailures">;
  readonly clock: Clock;
  readonly log: Log;
}

/** Different ones between two reports; the rest is dropped. */
const waitingMax = 5_000;
/** What the devices service takes at once. */
const batchMax = 500;
const everyMs = 1_000;
/** The names come from strangers. */
const namesCharactersMax = 128;

export class FailureReports {
  readonly #deps: FailureReportsDeps;
  #waiting = new Map<string, NewConnectionFailure>();

  constructor(deps: FailureReportsDeps) {
    this.#deps = deps;
  }

  /** Of those alike the last one's `heldOffUntilMs` is told. */
  add(failure: Omit<NewConnectionFailure, "count" | "atMs">): void {
    const { productKey, deviceName, fingerprint, protocol, address, reason } = failure;
    if (productKey.length + deviceName.length > namesCharactersMax) return;
    const key = [productKey, deviceName, fingerprint, protocol, address, reason].join("\n");
    const known = this.#waiting.get(key);
    if (known === undefined && this.#waiting.size >= waitingMax) return;
    this.#waiting.set(key, { ...failure, count: (known?.count ?? 0) + 1, atMs: this.#deps.clock.now() });
  }

  /** Reports until stopped; what is left then is reported once more. */
  start(): Running {
    const step = async (signal: AbortSignal): Promise<void> => {
      await pause(everyMs, signal);
      await this.#report();
    };
    const onError = (error: unknown): void => this.#deps.log.debug({ err: error }, "failed sign-ons could not be reported");
    const loop = startLoop(step, { retryMs: everyMs, onError });
    return {
      stop: async () => {
        await loop.stop();
        await this.#report().catch(() => undefined);
      },
    };
  }

  async #report(): Promise<void> {
    const failures = [...this.#waiting.values()];
    this.#waiting = new Map();
    for (let at = 0; at < failures.length; at += batchMax) {
      await this.#deps.devices.recordConnectionFailures(serviceCaller("gateway"), { failures: failures.slice(at, at + batchMax) });
    }
  }
}
