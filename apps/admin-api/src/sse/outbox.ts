import type { SubscribeRequest, SubscribeStart } from "@mooring/contracts";

/** What a stream says to the subscription, as the requests it reads. What was not read yet is merged into one, so nothing piles up. */
export interface Outbox extends AsyncIterable<SubscribeRequest> {
  /** The record at this offset was written: everything up to it is done, and one more may come. */
  done(offset: number): void;
  end(): void;
}

export function createOutbox(start: SubscribeStart): Outbox {
  let pending: { acknowledgedOffset: number; credit: number } | undefined;
  let ended = false;
  let wake = (): void => undefined;

  async function* requests(): AsyncGenerator<SubscribeRequest> {
    yield { start };
    while (!ended || pending !== undefined) {
      if (pending === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const request = pending;
      pending = undefined;
      yield request;
    }
  }

  return {
    [Symbol.asyncIterator]: requests,
    done(offset) {
      pending = { acknowledgedOffset: offset, credit: (pending?.credit ?? 0) + 1 };
      wake();
    },
    end() {
      ended = true;
      wake();
    },
  };
}
