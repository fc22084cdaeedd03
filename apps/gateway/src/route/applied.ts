// Hot: messages that are in the log and acknowledged once the shadow holds them too.
//
//   wait(message, offset) --> [ oldest ... newest ] --one question for the highest offset--> ShadowApi.waitApplied
//                                ^-- told in the order in which they came, as far as the shadow says it is
//
// However many wait, the shadow service is asked one question at a time, for so many of the oldest that it can say of each whether it took it.
import { type ErrorCode, type RefusedReport, type ShadowApi, serviceCaller } from "@mooring/contracts";
import { type Log, pause, type Running } from "@mooring/kit";

/** Told once. One object per message, made by who waits. */
export interface AppliedWaiter {
  onApplied(): void;
  /** The shadow is that far, and did not take it: it would not the next time. */
  onUnfit(code: ErrorCode, reason: string): void;
  /** The ids of its records in the log. */
  readonly recordIds: readonly string[];
  /** The shadow did not get that far in time, or nobody can tell. */
  onNotApplied(): void;
}

export interface AppliedDeps {
  readonly shadow: Pick<ShadowApi, "waitApplied">;
  readonly log: Log;
  /** 10,000 unless said otherwise. */
  readonly giveUpMs?: number;
}

/** As many as the uplink stream may hold. */
const waitersMax = 100_000;
/** Ids in one question: as many as the shadow service takes. */
const askedIdsMax = 5_000;
const noneRefused: ReadonlyMap<string, RefusedReport> = new Map();
/** How long one question may take: what is applied meanwhile is told when it is answered, so that it should not be long. */
const askMs = 1_000;
/** After a failed question, and after one that was answered at once with nothing gained. */
const retryMs = 100;
const watchMs = 500;

export class Applied {
  readonly #deps: AppliedDeps;
  readonly #giveUpMs: number;
  /** Three columns of one queue; what lies before `#head` was told. */
  #waiters: (AppliedWaiter | undefined)[] = [];
  #offsets: number[] = [];
  #sinceMs: number[] = [];
  #head = 0;
  #told = 0;
  #wake: (() => void) | undefined;
  readonly #stopped = new AbortController();

  constructor(deps: AppliedDeps) {
    this.#deps = deps;
    this.#giveUpMs = deps.giveUpMs ?? 10_000;
  }

  get waiting(): number {
    return this.#waiters.length - this.#head;
  }

  /** `offset`: of the log, at or after the message's own; -1 when the log did not say, which nobody can wait for. */
  wait(waiter: AppliedWaiter, offset: number): void {
    if (offset < 0 || this.waiting >= waitersMax || this.#stopped.signal.aborted) return waiter.onNotApplied();
    this.#waiters.push(waiter);
    this.#offsets.push(offset);
    this.#sinceMs.push(performance.now());
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Asks until stopped; who still waits then is told that it is not known. */
  start(): Running {
    const running = this.#run();
    const watch = setInterval(() => this.#giveUp(performance.now() - this.#giveUpMs), watchMs);
    watch.unref();
    return {
      stop: async () => {
        clearInterval(watch);
        this.#stopped.abort();
        this.#wake?.();
        await running;
        this.#giveUp(Number.POSITIVE_INFINITY);
      },
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      if (this.waiting === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const before = this.#told;
      const askedAt = performance.now();
      const applied = await this.#ask();
      if (applied !== undefined) this.#tell(applied);
      if (this.#told === before && performance.now() - askedAt < retryMs) await pause(retryMs, signal);
    }
  }

  /** What the shadow says of the oldest; undefined when it could not be asked, or the gateway stops. */
  async #ask(): Promise<Answer | undefined> {
    let highest = 0;
    const messageIds: string[] = [];
    let upTo = this.#told;
    for (let at = this.#head; at < this.#offsets.length; at++, upTo++) {
      const ids = this.#waiters[at]?.recordIds ?? [];
      if (messageIds.length + ids.length > askedIdsMax) break;
      for (const id of ids) messageIds.push(id);
      highest = Math.max(highest, this.#offsets[at] ?? 0);
    }
    const { signal } = this.#stopped;
    const asked = this.#deps.shadow.waitApplied(serviceCaller("gateway"), { offset: highest, timeoutMs: askMs, messageIds });
    const answer = asked.then(
      ({ offset, refused = [] }) => ({
        offset,
        upTo,
        refused: refused.length === 0 ? noneRefused : new Map(refused.map((one) => [one.messageId, one])),
      }),
      (error: unknown) => {
        this.#deps.log.warn({ err: error, waiting: this.waiting }, "the shadow cannot say how far it is");
        return undefined;
      },
    );
    const stopped = new AbortController();
    // Nobody is kept from stopping by a question; the pause also ends one that is never answered.
    const late = pause(Math.min(askMs * 3, this.#giveUpMs / 2), AbortSignal.any([signal, stopped.signal])).then(() => undefined);
    const applied = await Promise.race([answer, late]);
    stopped.abort();
    return applied;
  }

  #tell({ offset, upTo, refused }: Answer): void {
    while (this.waiting > 0 && this.#told < upTo && (this.#offsets[this.#head] as number) <= offset) {
      const waiter = this.#take();
      const unfit = refused.size === 0 ? undefined : firstOf(waiter?.recordIds ?? [], refused);
      if (unfit === undefined) waiter?.onApplied();
      else waiter?.onUnfit(unfit.code, unfit.reason);
    }
    this.#shrink();
  }

  #giveUp(sinceMs: number): void {
    while (this.waiting > 0 && (this.#sinceMs[this.#head] as number) <= sinceMs) this.#take()?.onNotApplied();
    this.#shrink();
  }

  #take(): AppliedWaiter | undefined {
    const waiter = this.#waiters[this.#head];
    this.#waiters[this.#head] = undefined;
    this.#head++;
    this.#told++;
    return waiter;
  }

  /** Lets go of what was told once it is half of the columns. */
  #shrink(): void {
    if (this.#head < 1_024 && this.waiting > 0) return;
    if (this.#head * 2 < this.#waiters.length) return;
    this.#waiters = this.#waiters.slice(this.#head);
    this.#offsets = this.#offsets.slice(this.#head);
    this.#sinceMs = this.#sinceMs.slice(this.#head);
    this.#head = 0;
  }
}

interface Answer {
  /** How far the shadow is. */
  readonly offset: number;
  /** Who was asked for: as many as were told once these have been told. */
  readonly upTo: number;
  readonly refused: ReadonlyMap<string, RefusedReport>;
}

function firstOf(ids: readonly string[], refused: ReadonlyMap<string, RefusedReport>): RefusedReport | undefined {
  for (const id of ids) {
    const found = refused.get(id);
    if (found !== undefined) return found;
  }
  return undefined;
}
