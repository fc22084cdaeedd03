import { type Caller, type Delivery, type EventApi, PlatformError, type SubscribeRequest } from "@mooring/contracts";
import type { Authenticate } from "@mooring/rpc";
import { subscribeGuarded } from "./guarded-stream.ts";

/**
 * The guard remembers with which credential a caller came, asks about it again while a subscription is open (with `recheck`, whose answers are no
 * older than `limits.recheck.sharedMs`), and ends it with `unauthenticated` when the key holds no more, or `unavailable` when that cannot be learned.
 */
export function createSubscriptionGuard(
  authenticate: Authenticate,
  recheck: Authenticate,
): {
  readonly authenticate: Authenticate;
  events(api: EventApi): EventApi;
} {
  const rechecks = new WeakMap<Caller, () => Promise<Caller>>();

  async function* subscribe(api: EventApi, caller: Caller, requests: AsyncIterable<SubscribeRequest>): AsyncGenerator<Delivery> {
    const check = rechecks.get(caller);
    if (check === undefined) throw new PlatformError("unauthenticated", "the stream has no credential");
    yield* subscribeGuarded(api, caller, requests, { check });
  }

  return {
    async authenticate(metadata) {
      // A copy, so that two streams of one key are two entries.
      const caller = { ...(await authenticate(metadata)) };
      rechecks.set(caller, () => recheck(metadata));
      return caller;
    },
    events: (api) => ({ ...api, subscribe: (caller, requests) => subscribe(api, caller, requests) }),
  };
}
