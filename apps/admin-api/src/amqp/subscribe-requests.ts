import type { SubscribeLeave, SubscribeRequest, SubscribeStart } from "@mooring/contracts";

/**
 * What one link says to its subscription. What comes while the stream takes nothing is gathered into the next request, so it is bounded by
 * what the link has under way.
 */
export class SubscribeRequests implements AsyncIterable<SubscribeRequest> {
  #start: SubscribeStart | undefined;
  #acknowledged: number[] = [];
  #rejected: number[] = [];
  #extended: readonly number[] = [];
  #credit = 0;
  #leave: SubscribeLeave | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(start: SubscribeStart) {
    this.#start = start;
  }

  acknowledge(offset: number): void {
    this.#acknowledged.push(offset);
    this.#wake?.();
  }

  reject(offset: number): void {
    this.#rejected.push(offset);
    this.#wake?.();
  }

  addCredit(records: number): void {
    this.#credit += records;
    this.#wake?.();
  }

  /** These wait here: they may not be taken for records that the client is at. */
  extend(offsets: readonly number[]): void {
    this.#extended = offsets;
    this.#wake?.();
  }

  /** What was said before is still said; then the stream ends. `handed`: what the client has and has not settled. Nothing else was sent to it. */
  end(handed: readonly number[]): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#leave = { handed };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SubscribeRequest> {
    for (;;) {
      const request = this.#take();
      if (request !== undefined) yield request;
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }

  #take(): SubscribeRequest | undefined {
    if (this.#start !== undefined) {
      const request = { start: this.#start };
      this.#start = undefined;
      return request;
    }
    const isQuiet = this.#credit === 0 && this.#extended.length === 0 && this.#leave === undefined;
    if (isQuiet && this.#acknowledged.length === 0 && this.#rejected.length === 0) return undefined;
    const request = {
      ...(this.#acknowledged.length === 0 ? {} : { acknowledged: this.#acknowledged }),
      ...(this.#rejected.length === 0 ? {} : { rejected: this.#rejected }),
      ...(this.#credit === 0 ? {} : { credit: this.#credit }),
      ...(this.#extended.length === 0 ? {} : { extended: this.#extended }),
      ...(this.#leave === undefined ? {} : { leave: this.#leave }),
    };
    this.#extended = [];
    this.#leave = undefined;
    this.#acknowledged = [];
    this.#rejected = [];
    this.#credit = 0;
    return request;
  }
}
