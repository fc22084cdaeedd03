import { type Delivery, type EventApi, type LogRecord, PlatformError, type SubscribeRequest, type Subscription } from "@mooring/contracts";

interface UnderWay {
  readonly record: Delivery;
  readonly stream: number;
}

/** One subscription called `group`, in memory: streams share its records, what is not acknowledged when a stream ends or rejects it comes again. */
export class MemorySubscription {
  readonly #waiting: Delivery[] = [];
  readonly #underWay = new Map<number, UnderWay>();
  readonly #wakes = new Set<() => void>();
  #streams = 0;
  #offset = 0;
  readonly acknowledged: number[] = [];
  readonly rejected: number[] = [];
  readonly extended = new Set<number>();
  /** What each stream that left said its client had. */
  readonly handed: (readonly number[])[] = [];
  openStreams = 0;
  /** What the next streams fail with. */
  failure: PlatformError | undefined;
  settings: Partial<Subscription> = {};

  say(record: Partial<LogRecord> = {}): number {
    const offset = ++this.#offset;
    const device = { tenantId: "t1", deviceId: "d1", productKey: "pk01", deviceName: "dev-1" } as never;
    const body = JSON.stringify({ topic: `/pk01/dev-1/user/t`, payloadBase64: Buffer.from(`message ${offset}`).toString("base64") });
    const messageId = `00000000-0000-7000-8000-${String(offset).padStart(12, "0")}`;
    this.#waiting.push({
      offset,
      messageId,
      device,
      kind: "message",
      receivedAtMs: 1_700_000_000_000 + offset,
      body,
      attempt: 1,
      ...record,
    });
    this.#wake();
    return offset;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** Its streams fail now. */
  fail(error: PlatformError): void {
    this.failure = error;
    this.#wake();
  }

  readonly events: Pick<EventApi, "subscribe" | "getSubscription"> = {
    getSubscription: async (_, { name }) => {
      if (name !== "group") throw new PlatformError("notFound", "there is no such subscription");
      return { name, ...this.settings } as Subscription;
    },
    subscribe: (_, requests) => this.#subscribe(requests),
  };

  async *#subscribe(requests: AsyncIterable<SubscribeRequest>): AsyncGenerator<Delivery> {
    const state = { stream: ++this.#streams, credit: 0, ended: false };
    this.openStreams++;
    void this.#listen(requests, state);
    try {
      while (!state.ended) {
        if (this.failure !== undefined) throw this.failure;
        const record = state.credit > 0 ? this.#waiting.shift() : undefined;
        if (record === undefined) {
          await new Promise<void>((resolve) => this.#wakes.add(resolve));
          continue;
        }
        state.credit--;
        this.#underWay.set(record.offset, { record, stream: state.stream });
        yield record;
      }
    } finally {
      this.openStreams--;
      for (const { record, stream } of this.#underWay.values()) if (stream === state.stream) this.#back(record);
    }
  }

  async #listen(
    requests: AsyncIterable<SubscribeRequest>,
    state: { readonly stream: number; credit: number; ended: boolean },
  ): Promise<void> {
    for await (const { start, credit = 0, acknowledged = [], rejected = [], extended = [], leave } of requests) {
      for (const offset of extended) this.extended.add(offset);
      if (leave !== undefined) this.handed.push(leave.handed);
      state.credit += credit + (start?.credit ?? 0);
      for (const offset of acknowledged) {
        if (this.#underWay.get(offset)?.stream !== state.stream) continue;
        this.#underWay.delete(offset);
        this.acknowledged.push(offset);
      }
      for (const offset of rejected) {
        const entry = this.#underWay.get(offset);
        if (entry?.stream !== state.stream) continue;
        this.rejected.push(offset);
        this.#back({ ...entry.record, attempt: entry.record.attempt + 1 });
      }
      this.#wake();
    }
    state.ended = true;
    this.#wake();
  }

  #back(record: Delivery): void {
    this.#underWay.delete(record.offset);
    this.#waiting.push(record);
    this.#waiting.sort((a, b) => a.offset - b.offset);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
    this.#wakes.clear();
  }
}
