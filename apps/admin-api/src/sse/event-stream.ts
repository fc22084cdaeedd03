import type { ServerResponse } from "node:http";
import { type Caller, type Delivery, type EventApi, PlatformError, toPlatformError } from "@mooring/contracts";
import { subscribeGuarded } from "../guarded-stream.ts";
import type { limits } from "../limits.ts";
import { errorFrame, farewellFrame, heartbeatFrame, openingFrame, recordFrame } from "./frames.ts";
import { createOutbox } from "./outbox.ts";

export type StreamLimits = { readonly [K in keyof typeof limits.streams]: number };

/** Why a stream ended: `client`, `server` (its time was up or the process stops), or an error's code. */
export type StreamEnd = string;

export interface StreamDeps {
  readonly events: EventApi;
  readonly caller: Caller;
  /** The subscription that was made for this stream alone. */
  readonly subscription: string;
  /** The stream begins after this offset. */
  readonly position: number;
  /** Asks whether the API key still holds. */
  readonly check: () => Promise<Caller>;
  readonly limits: StreamLimits;
}

const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // nginx would hold records back until its buffer is full.
  "x-accel-buffering": "no",
};

/**
 * One response that never ends by itself. The client's Last-Event-ID is its cursor; the subscription behind it only brings the records:
 *
 *   log -> subscription -> at most `windowMax` records -> this -> socket -> client
 *              ^                                            |
 *              +------- acknowledged, one more credit ------+   once written and, when the socket is full, drained
 */
export class EventStream {
  readonly #deps: StreamDeps;
  readonly #res: ServerResponse;
  readonly #over = new AbortController();
  /** No frame with a smaller id may follow: everything up to here was written or is not wanted. */
  #position: number;
  /** Where it was at the heartbeat before. */
  #beatPosition: number;
  #end: StreamEnd = "client";

  constructor(deps: StreamDeps, res: ServerResponse) {
    this.#deps = deps;
    this.#res = res;
    this.#position = deps.position;
    this.#beatPosition = deps.position;
  }

  /** Resolves with why it ended, once the response is complete. Never rejects. */
  async run(): Promise<StreamEnd> {
    const res = this.#res;
    const onClose = (): void => this.#over.abort();
    res.once("close", onClose);
    // What fails on the socket shows as its close.
    res.on("error", () => undefined);
    if (res.destroyed) return this.#end;
    res.writeHead(200, headers);
    res.write(openingFrame(this.#position, this.#deps.limits.retryMs));
    let lastWords = farewellFrame;
    try {
      await this.#pump();
    } catch (thrown) {
      const error = toPlatformError(thrown);
      this.#end = error.code;
      lastWords = errorFrame(error);
    }
    this.#over.abort();
    res.off("close", onClose);
    await farewell(res, lastWords, this.#deps.limits.farewellMs);
    return this.#end;
  }

  /** Ends it without an error; the client comes again. */
  stop(): void {
    if (!this.#over.signal.aborted) this.#end = "server";
    this.#over.abort();
  }

  /** A sign of life. On a stream that says little it moves the client on past what is filtered out, up to the subscription's cursor. */
  async beat(): Promise<void> {
    const cursor = this.#position === this.#beatPosition ? await this.#cursor() : 0;
    if (this.#over.signal.aborted || this.#res.writableNeedDrain) return;
    // All up to the cursor was written here, since only then is it acknowledged, or is not wanted.
    this.#position = Math.max(this.#position, cursor);
    this.#beatPosition = this.#position;
    this.#res.write(heartbeatFrame(this.#position));
  }

  async #cursor(): Promise<number> {
    const { events, caller, subscription } = this.#deps;
    try {
      return (await events.getSubscription(caller, { name: subscription })).cursor;
    } catch {
      // A heartbeat does not depend on the answer.
      return 0;
    }
  }

  async #pump(): Promise<void> {
    const { events, caller, subscription, check, limits } = this.#deps;
    const { signal } = this.#over;
    const outbox = createOutbox({ subscription, credit: limits.windowMax });
    signal.addEventListener("abort", outbox.end, { once: true });
    const deliveries = subscribeGuarded(events, caller, outbox, { check, signal });
    for await (const delivery of deliveries) {
      if (signal.aborted) return;
      this.#write(delivery);
      if (this.#res.writableNeedDrain) await this.#drained();
      outbox.done(delivery.offset);
    }
    if (!signal.aborted) throw new PlatformError("unavailable", "the subscription ended; come again with Last-Event-ID");
  }

  #write(delivery: Delivery): void {
    // Redelivery or another order would make the last id a place that other records may be missing before.
    if (delivery.attempt > 1 || delivery.offset <= this.#position) {
      throw new PlatformError("unavailable", "the stream lost its place; come again with Last-Event-ID");
    }
    this.#position = delivery.offset;
    this.#res.write(recordFrame(delivery));
  }

  /** Throws `timeout` when the client reads nothing for too long. */
  #drained(): Promise<void> {
    const { stallMs } = this.#deps.limits;
    const { signal } = this.#over;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#res.off("drain", settle);
        signal.removeEventListener("abort", settle);
        resolve();
      };
      const timer = setTimeout(() => {
        reject(new PlatformError("timeout", `the client read nothing for ${stallMs} ms; come again with Last-Event-ID`));
        settle();
      }, stallMs);
      this.#res.once("drain", settle);
      signal.addEventListener("abort", settle, { once: true });
    });
  }
}

/** Says the last words and closes, at the latest after `withinMs`. */
function farewell(res: ServerResponse, words: string, withinMs: number): Promise<void> {
  if (res.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => res.destroy(), withinMs);
    res.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    res.end(words);
  });
}
