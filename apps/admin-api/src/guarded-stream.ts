import { type Caller, type Delivery, type EventApi, PlatformError, type SubscribeRequest } from "@mooring/contracts";
import { pause, withTimeout } from "@mooring/kit";
import { limits } from "./limits.ts";

/** How a stream's credential is asked about again. `check` throws `unauthenticated` when it holds no more, `permissionDenied` for a suspended tenant. */
export interface Recheck {
  check(): Promise<Caller>;
  /** Ends the stream without an error, whatever the service behind it waits for. */
  readonly signal?: AbortSignal;
}

/**
 * Streams outlive the moment they were let in: this one asks about its credential again and again, and ends with `unauthenticated` when it
 * holds no more, `permissionDenied` when its tenant is suspended, or `unavailable` when nobody can say.
 */
export async function* subscribeGuarded(
  events: EventApi,
  caller: Caller,
  requests: AsyncIterable<SubscribeRequest>,
  recheck: Recheck,
): AsyncGenerator<Delivery> {
  const over = new AbortController();
  const signals = recheck.signal === undefined ? [over.signal] : [over.signal, recheck.signal];
  const lost = watch(recheck.check, AbortSignal.any(signals));
  // A stream ends with its requests: ending them lets the service clean up, whatever it is waiting for.
  const deliveries = events.subscribe(caller, until(lost, requests))[Symbol.asyncIterator]();
  const next = orEnd(deliveries, lost);
  try {
    for (let item = await next(); !(item instanceof PlatformError); item = await next()) {
      if (item.done === true) return;
      yield item.value;
    }
    if (recheck.signal?.aborted !== true) throw await lost;
  } finally {
    over.abort();
    // Not awaited: a generator that waits for records answers only when it has one or its requests end.
    deliveries.return?.().catch(() => undefined);
  }
}

/**
 * Resolves with why the stream must end: `unauthenticated` when the key holds no more, `permissionDenied` when its tenant is suspended, `unavailable` when that could not be learned for so long that it
 * might have been revoked 2 s ago. Also, with an error nobody sees, when the stream is over anyway.
 */
export async function watch(check: () => Promise<Caller>, over: AbortSignal): Promise<PlatformError> {
  const { everyMs, trustMs, firstMs, retryMs } = limits.recheck;
  let untilMs = performance.now() + firstMs;
  while (!over.aborted) {
    const askedAtMs = performance.now();
    try {
      await withTimeout(check(), untilMs - askedAtMs, "no answer");
      untilMs = askedAtMs + trustMs;
      await pause(Math.max(0, askedAtMs + everyMs - performance.now()), over);
    } catch (error) {
      if (error instanceof PlatformError && (error.code === "unauthenticated" || error.code === "permissionDenied")) return error;
      if (performance.now() + retryMs >= untilMs) break;
      await pause(retryMs, over);
    }
  }
  return new PlatformError("unavailable", "it could not be checked in time whether the API key still holds; connect again");
}

/** The items until `end` resolves. */
async function* until<T>(end: Promise<PlatformError>, items: AsyncIterable<T>): AsyncGenerator<T> {
  const next = orEnd(items[Symbol.asyncIterator](), end);
  for (let item = await next(); !(item instanceof PlatformError) && item.done !== true; item = await next()) yield item.value;
}

/** Asks for the next item, or gives what `end` resolved with. Not Promise.race: `end` would keep something of every item of a long stream. */
function orEnd<T>(items: AsyncIterator<T>, end: Promise<PlatformError>): () => Promise<IteratorResult<T> | PlatformError> {
  let ended: PlatformError | undefined;
  let wake: ((error: PlatformError) => void) | undefined;
  end.then((error) => {
    ended = error;
    wake?.(error);
  });
  return () =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return resolve(ended);
      wake = resolve;
      items.next().then(resolve, reject);
    });
}
