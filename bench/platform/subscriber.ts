import type { SubscribeRequest } from "@mooring/contracts";
import { pause } from "@mooring/kit";
import { connectPublic, nobody } from "./public-client.ts";
import type { Platform } from "./start-platform.ts";

const acknowledgeMs = 50;
/** A quarter of what a member may have unacknowledged: one that waits longer before it says so waits for records in its turn. */
const acknowledgeRecords = 250;

/** A back end that takes every property report and acknowledges all it has after each 250 of them, and twenty times a second. */
export interface Subscriber {
  /** Deliveries so far; those that came again count again. */
  readonly delivered: () => number;
  /** The highest offset that came. */
  readonly last: () => number;
  readonly end: () => void;
  /** Resolves after `end`; rejects when the stream broke before. */
  readonly ended: Promise<void>;
}

export function startSubscriber(platform: Platform): Subscriber {
  const client = connectPublic(platform, "events");
  const stopped = new AbortController();
  let delivered = 0;
  let last = 0;
  let unacknowledged = 0;
  let due = new AbortController();
  async function* requests(): AsyncGenerator<SubscribeRequest> {
    yield { start: { subscription: "bench", from: "now", kinds: ["properties"] } };
    for (let told = 0; !stopped.signal.aborted; ) {
      due = new AbortController();
      if (unacknowledged < acknowledgeRecords) await pause(acknowledgeMs, AbortSignal.any([stopped.signal, due.signal]));
      if (last === told) continue;
      told = last;
      unacknowledged = 0;
      yield { acknowledgedOffset: told };
    }
  }
  const receive = async (): Promise<void> => {
    for await (const { offset } of client.subscribe(nobody, requests())) {
      delivered += 1;
      last = offset;
      unacknowledged += 1;
      if (unacknowledged === acknowledgeRecords) due.abort();
    }
  };
  const ended = receive().finally(() => client.stop());
  // Looked at in the end; until then it must not count as unhandled.
  ended.catch(() => undefined);
  return {
    delivered: () => delivered,
    last: () => last,
    end: () => stopped.abort(),
    ended,
  };
}
