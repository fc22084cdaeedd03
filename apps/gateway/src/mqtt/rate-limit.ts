// Hot: messages a second of one connection: a bucket that is filled once a tick of the wheel and holds two seconds' worth.

export class RateLimit {
  readonly #perSecond: number;
  #left: number;
  #filledAtMs = 0;

  /** 0 for no limit. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond * 2;
  }

  /** Whether one more message is within the limit. `nowMs` is the wheel's. */
  take(nowMs: number): boolean {
    if (this.#perSecond === 0) return true;
    if (nowMs !== this.#filledAtMs) {
      this.#left = Math.min(this.#perSecond * 2, this.#left + ((nowMs - this.#filledAtMs) / 1_000) * this.#perSecond);
      this.#filledAtMs = nowMs;
    }
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
