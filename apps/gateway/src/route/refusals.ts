// Hot where it is told, clear where it reports: what was not accepted and why, for those who ask what became of a device's messages.
//
//   add() --> 20 a device and minute --> waiting (10,000) --(every second, 500 at a time)--> EventApi.recordRefusals
//
// Best effort: what is over a limit, and what the log's service does not take, is dropped and counted. A device is never kept waiting for it.
import { type DeviceRef, type ErrorCode, type EventApi, type Refusal, serviceCaller } from "@mooring/contracts";
import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { GatewayCounters } from "../counters.ts";

export interface RefusalsDeps {
  readonly events: Pick<EventApi, "recordRefusals">;
  readonly clock: Clock;
  readonly counters: GatewayCounters;
  readonly log: Log;
}

/** What was said where, and why it was not taken. `message` is safe to show. */
export interface Refused {
  readonly device: DeviceRef;
  readonly protocol: string;
  readonly topic: string;
  readonly code: ErrorCode;
  readonly message: string;
}

const perDeviceMax = 20;
const minuteMs = 60_000;
const waitingMax = 10_000;
const batchMax = 500;
const everyMs = 1_000;
/** Devices counted within one minute; those beyond it are not reported. */
const devicesMax = 100_000;
/** A topic that is refused may be as long as MQTT allows. */
const topicCharactersMax = 256;
const reasonCharactersMax = 512;

export class Refusals {
  readonly #deps: RefusalsDeps;
  #waiting: Refusal[] = [];
  readonly #counts = new Map<string, number>();
  #minuteStartMs = 0;

  constructor(deps: RefusalsDeps) {
    this.#deps = deps;
  }

  /** Takes note of it. Costs a device that is over its limit a look at a table, and nothing else. */
  add({ device, protocol, topic, code, message }: Refused): void {
    const now = this.#deps.clock.now();
    if (now - this.#minuteStartMs >= minuteMs || now < this.#minuteStartMs) {
      this.#minuteStartMs = now;
      this.#counts.clear();
    }
    const count = this.#counts.get(device.deviceId) ?? 0;
    const isOver = count >= perDeviceMax || (count === 0 && this.#counts.size >= devicesMax) || this.#waiting.length >= waitingMax;
    if (isOver) {
      this.#deps.counters.refusalsDropped++;
      return;
    }
    this.#counts.set(device.deviceId, count + 1);
    this.#waiting.push({
      device,
      atMs: now,
      protocol,
      topic: topic.slice(0, topicCharactersMax).toWellFormed(),
      code,
      reason: message.slice(0, reasonCharactersMax).toWellFormed(),
    });
  }

  /** Reports until stopped; what is left then is reported once more. */
  start(): Running {
    const loop = startLoop(
      async (signal) => {
        await pause(everyMs, signal);
        await this.#report();
      },
      { retryMs: everyMs, onError: (error) => this.#deps.log.debug({ err: error }, "refusals could not be reported") },
    );
    return {
      stop: async () => {
        await loop.stop();
        await this.#report().catch(() => undefined);
      },
    };
  }

  async #report(): Promise<void> {
    while (this.#waiting.length > 0) {
      const refusals = this.#waiting.slice(0, batchMax);
      this.#waiting = this.#waiting.slice(refusals.length);
      try {
        await this.#deps.events.recordRefusals(serviceCaller("gateway"), { refusals });
      } catch (error) {
        this.#deps.counters.refusalsDropped += refusals.length;
        throw error;
      }
    }
  }
}
