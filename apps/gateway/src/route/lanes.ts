/** Runs the slow work of each key one after the other, so that a device's shadow updates arrive in the order they were said. */
export class Lanes {
  readonly #waitingMax: number;
  readonly #lanes = new Map<string, { tail: Promise<void>; waiting: number }>();

  /** `waitingMax` bounds what one key may have running and waiting. */
  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** Whether anything of this key runs or waits. Asked for each message of a device, and mostly there is no lane at all. */
  has(key: string): boolean {
    return this.#lanes.size > 0 && this.#lanes.has(key);
  }

  /** False when the lane is full: then the task is not run. The task handles its own errors. */
  run(key: string, task: () => Promise<void>): boolean {
    const lane = this.#lanes.get(key) ?? { tail: Promise.resolve(), waiting: 0 };
    if (lane.waiting >= this.#waitingMax) return false;
    lane.waiting++;
    this.#lanes.set(key, lane);
    lane.tail = lane.tail.then(task).finally(() => {
      lane.waiting--;
      if (lane.waiting === 0) this.#lanes.delete(key);
    });
    return true;
  }
}
