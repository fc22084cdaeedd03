interface Delivery {
  readonly id: number;
}

/**
 * In place of rhea's ring of a session's deliveries, which frees them from the oldest on only: there, one message that a client does not settle
 * would in time stop every link of its session. Here each goes when it is settled. The links bound how many there are.
 */
export class UnorderedDeliveries {
  readonly #byId = new Map<number, Delivery>();
  /** Those that were asked for since the last look: only they can have been settled. */
  #touched: number[] = [];

  available(): number {
    return Number.MAX_SAFE_INTEGER;
  }

  get size(): number {
    return this.#byId.size;
  }

  push(delivery: Delivery): void {
    this.#byId.set(delivery.id, delivery);
  }

  by_id(id: number): Delivery | undefined {
    const delivery = this.#byId.get(id);
    if (delivery !== undefined) this.#touched.push(id);
    return delivery;
  }

  pop_if(isDone: (delivery: Delivery) => boolean): void {
    for (const id of this.#touched) {
      const delivery = this.#byId.get(id);
      if (delivery !== undefined && isDone(delivery)) this.#byId.delete(id);
    }
    this.#touched = [];
  }
}
