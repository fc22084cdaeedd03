import { invalidField, PlatformError } from "@mooring/contracts";
import { type Clock, type Log, silentLog } from "@mooring/kit";
import type { Pace } from "./pace.ts";
import type { ConsumerStore } from "./ports.ts";

/** The platform has three; names come from its own processes only. */
const consumersMax = 64;
const writeEveryMs = 1_000;

interface Consumer {
  offset: number;
  saved: number;
  savedAtMs: number;
  isSaving: boolean;
}

/** Remembers how far each consumer that reads has got: forwards only, written at most once a second per consumer, and best effort. */
export class Consumers {
  readonly #store: ConsumerStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #pace: Pace | undefined;
  readonly #consumers = new Map<string, Consumer>();

  /** The pace, if there is one, hears of every step. */
  constructor(store: ConsumerStore, clock: Clock, log: Log = silentLog, pace?: Pace) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#pace = pace;
  }

  /** The consumer has done everything up to `offset`. To be called again while it waits, so that the last word is written, too. */
  report(name: string, offset: number): void {
    const consumer = this.#get(name);
    if (offset > consumer.offset) consumer.offset = offset;
    this.#pace?.onDone(name, offset);
    const now = this.#clock.now();
    if (consumer.isSaving || consumer.offset === consumer.saved || now - consumer.savedAtMs < writeEveryMs) return;
    consumer.savedAtMs = now;
    consumer.isSaving = true;
    void this.#save(name, consumer);
  }

  #get(name: string): Consumer {
    if (!/^[a-z-]{1,32}$/.test(name)) throw invalidField("/consumer", "must be 1 to 32 small letters or hyphens");
    let consumer = this.#consumers.get(name);
    if (consumer !== undefined) return consumer;
    if (this.#consumers.size >= consumersMax) throw new PlatformError("quotaExceeded", `the log has ${consumersMax} consumers already`);
    consumer = { offset: -1, saved: -1, savedAtMs: Number.NEGATIVE_INFINITY, isSaving: false };
    this.#consumers.set(name, consumer);
    return consumer;
  }

  async #save(name: string, consumer: Consumer): Promise<void> {
    const { offset } = consumer;
    try {
      await this.#store.save(name, offset);
      consumer.saved = offset;
    } catch (error) {
      this.#log.warn({ err: error, consumer: name }, "cannot write how far a consumer of the log has got; trying again");
    } finally {
      consumer.isSaving = false;
    }
  }
}
