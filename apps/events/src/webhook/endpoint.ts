// One webhook: records in, batches out, one of a device at a time.
//
//   records ─▶ lanes ─▶ batch ─▶ job ─▶ request ─▶ 2xx: acknowledged
//                ▲ ▲                       │
//                │ └─ in halves ◀──────────┼─ refused (4xx); a record refused alone comes again after a while, until its tries are used up: dead letter
//                └─── all of it ◀──────────┴─ no answer to the content: an outage. Nothing is sent until one request, of other records, was answered
//
// A failure may still be a record's own doing, such as an endpoint that crashes over it. So what was alone in the request that began an outage is
// suspected, and it counts as a try of it when the next request, of other records, is answered: then there was no outage.
import type { Delivery, EndpointStatus } from "@mooring/contracts";
import { type Clock, signBody } from "@mooring/kit";
import type { Member, WebhookSubscription } from "../delivery/ports.ts";
import { batchId, encodeBatch } from "./body.ts";
import { type Held, isSuspect, Lanes } from "./lanes.ts";
import type { WebhookLimits } from "./limits.ts";
import { backoffMs, Outage } from "./outage.ts";
import { PostFailure } from "./post.ts";

export interface Batch {
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly held: readonly Held[];
  readonly tries: number;
  /** It is not one that waits out a failure. */
  readonly isImmediate: boolean;
  dueAtMs: number;
  state: "scheduled" | "ready" | "sending";
}

export interface EndpointDeps {
  readonly member: Pick<Member, "acknowledge" | "giveUp" | "extend" | "endpoint">;
  readonly limits: WebhookLimits;
  /** What the endpoint is told of the time, in the signature. */
  readonly clock: Clock;
  /** When something is due. */
  readonly timer: Clock;
  readonly random: () => number;
  /** Puts a job for it into the queue, due after so long; then `onDue` is called. */
  readonly schedule: (batch: Batch, delayMs: number) => void;
  /** Sends; rejects with PostFailure. */
  readonly send: (url: string, headers: Readonly<Record<string, string>>, body: Buffer) => Promise<void>;
  /** Room for a request in this process: runs the work now or when there is. */
  readonly whenRoom: (work: () => Promise<void>) => void;
  readonly onOutcome: (outcome: "delivered" | "failed" | "gaveUp", records: number) => void;
  /** Told when an outage begins, goes on and ends. */
  readonly onStatus: (status: EndpointStatus) => void;
}

/** Alone in the request that began an outage. */
interface Suspect {
  readonly held: Held;
  readonly reason: string;
}

export class Endpoint {
  readonly #deps: EndpointDeps;
  readonly #lanes = new Lanes();
  readonly #batches = new Map<string, Batch>();
  /** Due and waiting for a request of this endpoint to end. */
  readonly #ready: Batch[] = [];
  readonly #outage: Outage;
  /** Asks whether the outage is over. */
  #probe: Batch | undefined;
  #suspect: Suspect | undefined;
  /** Since when, of the timer, the endpoint has taken nothing and yet answered each time. */
  #vainSinceMs: number | undefined;
  #sending = 0;
  #turn: NodeJS.Immediate | undefined;
  #ended = false;
  #settings: WebhookSubscription;

  constructor(settings: WebhookSubscription, deps: EndpointDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#outage = new Outage(deps, deps.member.endpoint);
  }

  get settings(): WebhookSubscription {
    return this.#settings;
  }

  /** Under way or waiting for their next try. */
  get batchCount(): number {
    return this.#batches.size;
  }

  /** As they are now: a try uses the address and secret of its moment. An outage is asked about at once when they have changed. */
  onSettings(settings: WebhookSubscription): void {
    if (settings.revision !== this.#settings.revision) this.#outage.tryAtOnce();
    this.#settings = settings;
  }

  onRecord(record: Delivery): void {
    this.#lanes.add(record);
    // Those that come in one turn go together.
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#pump();
    });
  }

  /** The job of a batch came. One that came twice, or whose batch is gone, does nothing. */
  onDue(id: string): void {
    const batch = this.#batches.get(id);
    if (batch === undefined || batch.state !== "scheduled") return;
    batch.state = "ready";
    this.#ready.push(batch);
    this.#pump();
  }

  /** Called a few times a second: what is here is not forgotten, and jobs that the queue has lost are put into it once more. */
  onTick(): void {
    const { member, timer, limits, schedule } = this.#deps;
    const offsets = this.#lanes.offsets();
    if (offsets.length > 0) member.extend(offsets);
    const nowMs = timer.now();
    for (const batch of this.#batches.values()) {
      if (batch.state !== "scheduled" || nowMs - batch.dueAtMs < limits.lostAfterMs) continue;
      batch.dueAtMs = nowMs;
      schedule(batch, 0);
    }
    if (this.#outage.isOn && this.#probe === undefined && this.#outage.isDue()) this.#ask();
  }

  /** Nothing is sent any more. The records are somebody else's. */
  end(): void {
    this.#ended = true;
    this.#batches.clear();
    this.#ready.length = 0;
  }

  #pump(): void {
    const { limits } = this.#deps;
    while (!this.#ended && this.#sending < limits.requestsPerEndpointMax) {
      const batch = this.#ready.shift();
      if (batch === undefined) break;
      this.#sending++;
      batch.state = "sending";
      this.#deps.whenRoom(() => this.#try(batch));
    }
    if (this.#outage.isOn) return;
    // No more than can go at once are made: what waits goes together.
    let immediate = 0;
    for (const { state, isImmediate } of this.#batches.values()) if (isImmediate && state === "scheduled") immediate++;
    for (let busy = this.#sending + this.#ready.length + immediate; !this.#ended && busy < limits.requestsPerEndpointMax; busy++) {
      const held = this.#take();
      if (held.length === 0) return;
      this.#start(held, 0);
    }
  }

  /** One request, of records that have not failed before if there are any. */
  #ask(): void {
    let held = this.#take((first) => !isSuspect(first));
    if (held.length === 0) held = this.#take();
    if (held.length === 0 && this.#suspect !== undefined) {
      this.#acquit();
      held = this.#take();
    }
    if (held.length > 0) this.#probe = this.#start(held, 0);
  }

  #take(accepts?: (first: Held) => boolean): readonly Held[] {
    const { batchRecordsMax: records, batchBytesMax: bytes } = this.#deps.limits;
    return this.#lanes.take({ records, bytes }, accepts);
  }

  #start(held: readonly Held[], delayMs: number): Batch {
    const { tenantId, name } = this.#settings;
    const id = batchId(
      tenantId,
      name,
      held.map(({ record }) => record),
    );
    const tries = Math.max(...held.map((one) => one.tries));
    const dueAtMs = this.#deps.timer.now() + delayMs;
    const batch: Batch = { id, endpoint: this, held, tries, isImmediate: delayMs === 0, dueAtMs, state: "scheduled" };
    this.#batches.set(id, batch);
    this.#deps.schedule(batch, delayMs);
    return batch;
  }

  async #try(batch: Batch): Promise<void> {
    if (this.#ended) return;
    // An outage has begun while it waited for room.
    if (this.#outage.isOn && batch !== this.#probe) {
      this.#sending--;
      return this.#putBack(batch);
    }
    const { name, url, secret } = this.#settings;
    const records = batch.held.map(({ record }) => record);
    const body = encodeBatch(name, records);
    let failure: PostFailure | undefined;
    try {
      await this.#deps.send(url, { ...signBody(secret, batch.id, this.#deps.clock.now(), body) }, body);
    } catch (error) {
      failure = error instanceof PostFailure ? error : new PostFailure("the request could not be made", "outage");
    }
    this.#sending--;
    if (this.#ended) return;
    const wasProbe = batch === this.#probe;
    if (wasProbe) this.#probe = undefined;
    if (failure === undefined) this.#done(batch);
    else if (failure.kind === "refused") this.#refused(batch, failure);
    else this.#failed(batch, failure, wasProbe);
    this.#pump();
  }

  #done(batch: Batch): void {
    const { member, onOutcome } = this.#deps;
    const { held } = batch;
    this.#batches.delete(batch.id);
    member.acknowledge(offsetsOf(held));
    onOutcome("delivered", held.length);
    this.#lanes.remove(held);
    this.#lanes.free(devicesOf(held));
    this.#answered();
  }

  /** The endpoint does not want this content. What is not alone is tried again in halves, at once: it did answer. */
  #refused(batch: Batch, { message }: PostFailure): void {
    const { held } = batch;
    this.#deps.onOutcome("failed", held.length);
    this.#answered();
    const [alone] = held;
    if (held.length > 1 || alone === undefined) {
      narrow(held);
      return this.#putBack(batch);
    }
    this.#batches.delete(batch.id);
    this.#count(alone, message);
  }

  /** The endpoint did not answer to the content. */
  #failed(batch: Batch, failure: PostFailure, wasProbe: boolean): void {
    const { held } = batch;
    this.#deps.onOutcome("failed", held.length);
    const mayBeItsOwn = failure.kind === "failed";
    if (mayBeItsOwn && held.length > 1) narrow(held);
    const begins = !this.#outage.isOn;
    // One that was sent before the outage began says nothing new.
    if (!begins && !wasProbe) return this.#putBack(batch);
    this.#acquit();
    const isSpent = this.#isSpent(batch, failure);
    const [alone] = held;
    const isSuspected = begins && mayBeItsOwn && held.length === 1 && alone !== undefined;
    this.#outage.fail(failure.message, failure.retryAfterMs, isSuspected && alone.tries > 0);
    if (begins) for (const waiting of [...this.#batches.values()]) if (waiting.state !== "sending") this.#putBack(waiting);
    if (isSpent && alone !== undefined) {
      this.#batches.delete(batch.id);
      return this.#giveUp(alone, failure.message);
    }
    if (!isSuspected) return this.#putBack(batch);
    this.#batches.delete(batch.id);
    this.#suspect = { held: alone, reason: failure.message };
  }

  /**
   * Nothing is there to compare with, or all of it fails as well: then what fails alone for long, though the endpoint answers, is given up, one record at
   * a time, so that a record nobody can handle does not block the others for ever.
   */
  #isSpent({ held }: Batch, { kind, isAnswer }: PostFailure): boolean {
    const { timer, limits } = this.#deps;
    if (kind !== "failed" || !isAnswer) {
      this.#vainSinceMs = undefined;
      return false;
    }
    const nowMs = timer.now();
    this.#vainSinceMs ??= nowMs;
    const [alone] = held;
    if (held.length > 1 || alone === undefined) return false;
    alone.aloneTries++;
    const triesMin = Math.max(limits.aloneTriesMin, this.#settings.deliveriesMax);
    if (alone.aloneTries < triesMin || nowMs - this.#vainSinceMs < limits.aloneMsMin) return false;
    this.#vainSinceMs = nowMs;
    return true;
  }

  /** The endpoint takes requests. */
  #answered(): void {
    this.#vainSinceMs = undefined;
    if (!this.#outage.end()) return;
    const suspect = this.#suspect;
    this.#suspect = undefined;
    if (suspect !== undefined) this.#count(suspect.held, suspect.reason);
  }

  /** Others fail as well: it was not this record. */
  #acquit(): void {
    const suspect = this.#suspect;
    if (suspect === undefined) return;
    this.#suspect = undefined;
    this.#lanes.putBack([suspect.held]);
    this.#lanes.free(devicesOf([suspect.held]));
  }

  /** A try that was this record's own, which is in no batch while its device is busy. Tries that the group counts, in other processes, count as well. */
  #count(held: Held, reason: string): void {
    held.tries++;
    if (held.record.attempt - 1 + held.tries < this.#settings.deliveriesMax) {
      this.#start([held], backoffMs(this.#deps, held.tries));
      return;
    }
    this.#giveUp(held, reason);
  }

  #giveUp(held: Held, reason: string): void {
    const { member, onOutcome } = this.#deps;
    member.giveUp([held.record.offset], `webhook: ${reason}`, Math.max(held.tries, held.aloneTries));
    onOutcome("gaveUp", 1);
    this.#lanes.remove([held]);
    this.#lanes.free(devicesOf([held]));
  }

  #putBack(batch: Batch): void {
    this.#batches.delete(batch.id);
    const at = this.#ready.indexOf(batch);
    if (at !== -1) this.#ready.splice(at, 1);
    this.#lanes.putBack(batch.held);
    this.#lanes.free(devicesOf(batch.held));
  }
}

/** From now on each goes with half as many others. */
function narrow(batch: readonly Held[]): void {
  for (const held of batch) held.room = Math.ceil(batch.length / 2);
}

const offsetsOf = (held: readonly Held[]): number[] => held.map(({ record }) => record.offset);
const devicesOf = (held: readonly Held[]): Set<string> => new Set(held.map(({ record }) => record.device.deviceId));
