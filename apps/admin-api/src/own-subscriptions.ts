import { type Delivery, type EventApi, invalidField, PlatformError, type SubscribeRequest } from "@mooring/contracts";

/** Names of the subscriptions that this service makes for the streams of `GET /v1/events`. */
export const ownSubscriptionPrefix = "sse-";

const isOwn = (name: string): boolean => name.startsWith(ownSubscriptionPrefix);

/**
 * The events service as callers from outside see it: subscriptions of our own are not there, and their names cannot be taken. Whoever joined
 * one would take records away from the page that it was made for.
 */
export function hideOwnSubscriptions(events: EventApi): EventApi {
  const hidden = async (): Promise<never> => {
    throw new PlatformError("notFound", "there is no such subscription");
  };
  return {
    ...events,
    subscribe: (caller, requests) => subscribe(requests, (checked) => events.subscribe(caller, checked)),
    async createSubscription(caller, request) {
      if (isOwn(request.name)) throw reserved("/name");
      return events.createSubscription(caller, request);
    },
    async listSubscriptions(caller, request) {
      const page = await events.listSubscriptions(caller, request);
      return { ...page, subscriptions: page.subscriptions.filter(({ name }) => !isOwn(name)) };
    },
    getSubscription: (caller, request) => (isOwn(request.name) ? hidden() : events.getSubscription(caller, request)),
    updateSubscription: (caller, request) => (isOwn(request.name) ? hidden() : events.updateSubscription(caller, request)),
    seekSubscription: (caller, request) => (isOwn(request.name) ? hidden() : events.seekSubscription(caller, request)),
    deleteSubscription: (caller, request) => (isOwn(request.name) ? hidden() : events.deleteSubscription(caller, request)),
    listDeadLetters: (caller, request) => (isOwn(request.name) ? hidden() : events.listDeadLetters(caller, request)),
    replayDeadLetters: (caller, request) => (isOwn(request.name) ? hidden() : events.replayDeadLetters(caller, request)),
    deleteDeadLetters: (caller, request) => (isOwn(request.name) ? hidden() : events.deleteDeadLetters(caller, request)),
    async trace(caller, request) {
      const { entries, ...traced } = await events.trace(caller, request);
      return {
        ...traced,
        entries: entries.map((entry) => (entry.consumers === undefined ? entry : { ...entry, consumers: others(entry.consumers) })),
      };
    },
  };
}

function others<T extends { readonly consumer: string }>(consumers: readonly T[]): readonly T[] {
  return consumers.filter(({ consumer }) => !consumer.startsWith(`subscription:${ownSubscriptionPrefix}`));
}

function reserved(pointer: string): PlatformError {
  return invalidField(pointer, `names that begin with ${ownSubscriptionPrefix} are the platform's own`);
}

/** The name stands in the first request, which is looked at before the service is asked at all. */
async function* subscribe(
  requests: AsyncIterable<SubscribeRequest>,
  open: (requests: AsyncIterable<SubscribeRequest>) => AsyncIterable<Delivery>,
): AsyncGenerator<Delivery> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done !== true && isOwn(first.value.start?.subscription ?? "")) throw reserved("/start/subscription");
  yield* open(resume(first, iterator));
}

async function* resume<T>(first: IteratorResult<T>, iterator: AsyncIterator<T>): AsyncGenerator<T> {
  for (let item = first; item.done !== true; item = await iterator.next()) yield item.value;
}
