// The groups of this process: which subscriptions it has, for how long, and who is a member.
import { PlatformError, type TenantId } from "@mooring/contracts";
import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { Signal } from "../signal.ts";
import { moved, notFound, stopping, webhookError } from "./errors.ts";
import { assertCredit, createFace } from "./face.ts";
import { createMatcher } from "./filter.ts";
import { Group } from "./group.ts";
import type { DeliveryCounters } from "./group-settings.ts";
import { attemptsOf, type HeldGroup, keyOf } from "./held.ts";
import { Keeper } from "./keeper.ts";
import { takeLease } from "./lease.ts";
import { membersPerGroupMax } from "./limits.ts";
import type { GroupMember } from "./member.ts";
import type { DeadLetterStore, DeliveryGroups, DeliveryLog, JoinOptions, Member, StoredSubscription, SubscriptionStore } from "./ports.ts";
import { Reader } from "./reader.ts";
import type { TagCache } from "./tags.ts";

/** One coarse timer for all deadlines and backoffs of the process. */
const tickMs = 25;
const writeMs = 50;
const retryMs = 200;

export interface GroupsDeps {
  /** Of this process since it started; of no other. */
  readonly owner: string;
  readonly log: DeliveryLog;
  readonly appended: Signal;
  readonly subscriptions: SubscriptionStore;
  readonly deadLetters: DeadLetterStore;
  readonly tags: TagCache;
  /** Of deadlines and backoffs. */
  readonly clock: Clock;
  /** Of leases; monotonic. */
  readonly leaseClock: Clock;
  readonly leaseMs: number;
  /** No other process delivers from this database: whoever else has a lease has died. */
  readonly isOnly: boolean;
  readonly random: () => number;
  readonly counters: DeliveryCounters;
  readonly logger: Log;
}

export class Groups implements DeliveryGroups {
  readonly #deps: GroupsDeps;
  readonly #groups = new Map<string, HeldGroup>();
  readonly #opening = new Map<string, Promise<HeldGroup>>();
  readonly #closing = new Map<string, Promise<void>>();
  readonly #stopped = new AbortController();
  readonly #reader: Reader;
  readonly #keeper: Keeper;

  constructor(deps: GroupsDeps) {
    this.#deps = deps;
    this.#reader = new Reader({ ...deps, onLost: (group, records) => this.#onLost(group, records) });
    const look = (held: HeldGroup): Promise<void> => this.#look(held);
    this.#keeper = new Keeper({ ...deps, positionOf: (held) => this.positionOf(held), onContested: look, onChanged: look });
  }

  async join(tenantId: TenantId, name: string, options: JoinOptions): Promise<Member> {
    const isWebhook = options.webhook === true;
    assertCredit(options);
    const row = await this.#deps.subscriptions.find(tenantId, name);
    if (row === undefined) throw notFound(name);
    if ((row.webhook !== undefined) !== isWebhook) throw webhookError(row.webhook !== undefined);
    const held = await this.#heldFor(tenantId, name, options.wait ?? true);
    // It may have been given back, or taken away, since.
    if (held.group.closed || this.#closing.has(keyOf(tenantId, name))) return this.join(tenantId, name, options);
    const { hasWebhook } = held.group.settings;
    const member = hasWebhook === isWebhook ? held.group.join(isWebhook, options.credit) : undefined;
    if (member !== undefined) return createFace(held.group, member, (handed) => this.#leave(held, member, handed));
    if (held.group.members.size === 0) await this.#close(held);
    if (hasWebhook !== isWebhook) throw webhookError(hasWebhook);
    throw new PlatformError("quotaExceeded", `the subscription ${name} has ${membersPerGroupMax} members already`);
  }

  find(tenantId: TenantId, name: string): HeldGroup | undefined {
    return this.#groups.get(keyOf(tenantId, name));
  }

  all(): Iterable<HeldGroup> {
    return this.#groups.values();
  }

  /** How far the log was read for it. */
  positionOf(held: HeldGroup): number {
    return this.#reader.positionOf(held.group);
  }

  /** Everything there is has been read for it. */
  isAtEnd(held: HeldGroup): boolean {
    return this.#reader.isAtEnd(held.group);
  }

  /** Looks at the subscription again, when this process has it: it was changed, set to another place, or deleted. */
  async refresh(tenantId: TenantId, name: string): Promise<void> {
    const held = this.find(tenantId, name);
    if (held !== undefined) await this.#look(held);
  }

  /** Writes what the tenant's groups of this process, or one of them, have done. */
  async write(tenantId: TenantId, name?: string): Promise<void> {
    const mine = name === undefined ? [...this.all()].filter((held) => held.tenantId === tenantId) : [this.find(tenantId, name)];
    await this.#keeper.write(
      mine.filter((held) => held !== undefined),
      true,
    );
  }

  start(): Running {
    const timer = setInterval(() => this.#tick(), tickMs);
    timer.unref();
    const writing = startLoop(
      async (signal) => {
        await this.#keeper.write(this.all());
        await pause(writeMs, signal);
      },
      { retryMs, onError: (error) => this.#deps.logger.error({ err: error }, "what was delivered cannot be written") },
    );
    return {
      stop: async () => {
        await this.#stop();
        clearInterval(timer);
        await writing.stop();
      },
    };
  }

  async #stop(): Promise<void> {
    this.#stopped.abort();
    const held = [...this.all()];
    for (const { group } of held) for (const member of [...group.members]) group.leave(member, false, stopping());
    await Promise.all(held.map((each) => this.#close(each)));
    this.#reader.stop();
  }

  #tick(): void {
    const nowMs = this.#deps.clock.now();
    for (const held of [...this.all()]) {
      if (held.group.mayDeliver()) held.group.tick(nowMs);
      else this.#end(held, new PlatformError("unavailable", `the lease of the subscription ${held.name} could not be renewed in time`));
    }
  }

  async #heldFor(tenantId: TenantId, name: string, wait: boolean): Promise<HeldGroup> {
    const key = keyOf(tenantId, name);
    for (let closing = this.#closing.get(key); closing !== undefined; closing = this.#closing.get(key)) await closing;
    const there = this.#groups.get(key);
    if (there !== undefined) return there;
    let opening = this.#opening.get(key);
    if (opening === undefined) {
      opening = this.#open(tenantId, name, wait).finally(() => this.#opening.delete(key));
      this.#opening.set(key, opening);
    }
    return opening;
  }

  async #open(tenantId: TenantId, name: string, wait: boolean): Promise<HeldGroup> {
    const { clock, leaseClock, leaseMs, random, counters, tags } = this.#deps;
    const { row, askedAtMs } = await takeLease({ ...this.#deps, stopped: this.#stopped.signal }, tenantId, name, wait);
    const { acknowledgeWithinMs, deliveriesMax } = row;
    const matcher = createMatcher(tenantId, row.filter, tags);
    const settings = { tenantId, name, matcher, acknowledgeWithinMs, deliveriesMax, hasWebhook: row.webhook !== undefined };
    const onRoom = (): void => this.#reader.fill(group);
    const group: Group = new Group(settings, row.cursor, { clock, leaseClock, random, counters, onRoom });
    group.known = attemptsOf(row);
    group.endpoint = row.progress.endpoint;
    group.renew(askedAtMs + leaseMs);
    const held: HeldGroup = {
      group,
      tenantId,
      name,
      epoch: row.epoch,
      revision: row.revision,
      cursor: row.cursor,
      writtenAtMs: askedAtMs,
      renewedAtMs: askedAtMs,
      lost: 0,
      replaysAfter: 0,
      areReplaysLeft: false,
      replaysLookAtMs: 0,
      fullSinceMs: undefined,
      tending: undefined,
    };
    this.#groups.set(keyOf(tenantId, name), held);
    if (this.#stopped.signal.aborted) this.#end(held, stopping());
    this.#reader.fill(group);
    return held;
  }

  /** How it is stored now: changed, set to another place, deleted, or another process's. */
  async #look(held: HeldGroup): Promise<void> {
    const row = await this.#deps.subscriptions.find(held.tenantId, held.name);
    if (held.group.closed) return;
    if (row === undefined) return this.#end(held, notFound(held.name));
    if (row.owner?.id === this.#deps.owner) return this.#adopt(held, row);
    this.#end(held, new PlatformError("failedPrecondition", `another process has taken the subscription ${held.name} over`));
  }

  #adopt(held: HeldGroup, row: StoredSubscription): void {
    const { group } = held;
    const { settings } = group;
    if (row.epoch !== held.epoch) return this.#move(held, row);
    if (row.revision === held.revision) return;
    held.revision = row.revision;
    held.replaysAfter = 0;
    settings.matcher = createMatcher(row.tenantId, row.filter, this.#deps.tags);
    settings.acknowledgeWithinMs = row.acknowledgeWithinMs;
    settings.deliveriesMax = row.deliveriesMax;
    settings.hasWebhook = row.webhook !== undefined;
    group.refilter();
    const wrong = [...group.members].filter((member) => member.webhook !== settings.hasWebhook);
    for (const member of wrong) group.leave(member, false, webhookError(settings.hasWebhook));
    if (wrong.length > 0 && group.members.size === 0) void this.#close(held);
  }

  /** It was set to another place. Nothing that was handed out before counts any more; members join anew. */
  #move(held: HeldGroup, { epoch, cursor }: StoredSubscription): void {
    held.epoch = epoch;
    held.cursor = cursor;
    this.#reader.detach(held.group);
    held.group.reset(cursor, moved(held.name));
    void this.#close(held);
  }

  /** It is gone from here; whoever is a member hears why. */
  #end(held: HeldGroup, error: PlatformError): void {
    // First, so that what one member had does not go out to another.
    this.#forget(held);
    const { group } = held;
    for (const member of [...group.members]) group.leave(member, false, error);
  }

  #forget(held: HeldGroup): void {
    const key = keyOf(held.tenantId, held.name);
    held.group.closed = true;
    this.#reader.detach(held.group);
    if (this.#groups.get(key) === held) this.#groups.delete(key);
  }

  async #leave(held: HeldGroup, member: GroupMember, handed?: readonly number[]): Promise<void> {
    const { group } = held;
    if (!group.members.has(member)) return;
    // A back end that goes may go because of what it was sent; the platform's own runner goes when its process does.
    group.leave(member, handed === undefined ? !member.webhook : new Set(handed));
    if (group.closed) return;
    if (group.members.size === 0) await this.#close(held);
    else await this.#keeper.write([held], true);
  }

  /** Nobody is a member any more: the subscription is given back, for whichever process is asked for it next. */
  #close(held: HeldGroup): Promise<void> {
    const key = keyOf(held.tenantId, held.name);
    const running = this.#closing.get(key);
    if (running !== undefined) return running;
    const closing = this.#keeper
      .release(held)
      .catch((error: unknown) => {
        const { name: subscription } = held;
        this.#deps.logger.warn({ err: error, subscription }, "a subscription could not be given back; its lease runs out by itself");
      })
      .finally(() => {
        this.#forget(held);
        this.#closing.delete(key);
      });
    this.#closing.set(key, closing);
    return closing;
  }

  #onLost(group: Group, records: number): void {
    const held = this.find(group.settings.tenantId, group.settings.name);
    if (held?.group !== group) return;
    const { tenantId, name: subscription } = held;
    held.lost += records;
    this.#deps.counters.lost += records;
    this.#deps.logger.warn({ tenantId, subscription, records }, "retention removed records before they were delivered");
  }
}
