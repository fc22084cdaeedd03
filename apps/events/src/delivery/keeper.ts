// Writes what groups have done: cursors and leases of all of them in one statement, dead letters, replays that have ended.
import type { Clock, Log } from "@mooring/kit";
import type { Entry } from "./entry.ts";
import { type HeldGroup, keyOf, takeState } from "./held.ts";
import { renewShare, replaysInMemoryMax } from "./limits.ts";
import type { DeadLetterStore, NewDeadLetter, OwnedState, SubscriptionStore } from "./ports.ts";

/** A cursor that has moved past nothing but what others wanted is written this often: nobody waits for it. */
const passedMs = 1_000;
const holdMax = 500;
/** In one statement. */
const lettersMax = 500;
/** How often it is tried again to bury where there was no room. */
const fullMs = 1_000;
/** How often replays are looked for that could not be taken up before. */
const replaysMs = 3_000;
const replayPage = 500;
/** A database out of reach is told this often. */
const warnMs = 5_000;

export interface KeeperDeps {
  readonly owner: string;
  readonly subscriptions: SubscriptionStore;
  readonly deadLetters: DeadLetterStore;
  readonly leaseClock: Clock;
  readonly leaseMs: number;
  readonly logger: Log;
  readonly positionOf: (held: HeldGroup) => number;
  /** The subscription is not this owner's in this epoch: deleted, set to another place, or taken over. */
  readonly onContested: (held: HeldGroup) => Promise<void>;
  /** Its settings were changed. */
  readonly onChanged: (held: HeldGroup) => Promise<void>;
}

export class Keeper {
  readonly #deps: KeeperDeps;
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  /** What is due of these groups, or everything that has moved. What cannot be written stays due; one group's trouble does not hold up the others. */
  async write(groups: Iterable<HeldGroup>, now = false): Promise<void> {
    const nowMs = this.#deps.leaseClock.now();
    const open = [...groups].filter((held) => !held.group.closed);
    const due = open.filter((held) => this.#isDue(held, nowMs, now));
    for (let from = 0; from < due.length; from += holdMax) await this.#attempt(this.#hold(due.slice(from, from + holdMax)));
    for (const held of open) if (hasToTend(held)) await this.#attempt(this.#tend(held, nowMs));
  }

  /** The last word on a group that nobody is a member of any more: everything is written and the lease given back. */
  async release(held: HeldGroup): Promise<void> {
    await held.tending?.catch(() => undefined);
    await this.#bury(held, Number.POSITIVE_INFINITY);
    await this.#endReplays(held);
    held.group.closed = true;
    const { owner, subscriptions, positionOf } = this.#deps;
    await subscriptions.release(owner, takeState(held, positionOf(held)));
  }

  async #attempt(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      const nowMs = this.#deps.leaseClock.now();
      if (nowMs - this.#warnedAtMs < warnMs) return;
      this.#warnedAtMs = nowMs;
      this.#deps.logger.warn({ err: error }, "what was delivered could not be written; trying again");
    }
  }

  #isDue(held: HeldGroup, nowMs: number, now: boolean): boolean {
    const { group } = held;
    if (nowMs - held.renewedAtMs >= this.#deps.leaseMs * renewShare || held.lost > 0 || group.hasNews) return true;
    if (!now && !group.endings.moved && nowMs - held.writtenAtMs < passedMs) return false;
    return group.window.cursor(this.#deps.positionOf(held)) > held.cursor;
  }

  async #hold(due: readonly HeldGroup[]): Promise<void> {
    const { owner, subscriptions, leaseClock, leaseMs, positionOf } = this.#deps;
    const askedAtMs = leaseClock.now();
    const states = due.map((held) => {
      held.group.endings.moved = false;
      return takeState(held, positionOf(held));
    });
    const rows = await subscriptions.hold(owner, leaseMs, states).catch((error: unknown) => {
      due.forEach((held, i) => {
        held.group.endings.moved = true;
        held.lost += states[i]?.lost ?? 0;
      });
      throw error;
    });
    const revisions = new Map(rows.map((row) => [keyOf(row.tenantId, row.name), row.revision]));
    for (const [i, held] of due.entries()) {
      const state = states[i] as OwnedState;
      // Closed meanwhile, or set to another place by this process: what was written is of no account.
      if (held.group.closed || held.epoch !== state.epoch) continue;
      const revision = revisions.get(keyOf(held.tenantId, held.name));
      if (revision === undefined) {
        await this.#deps.onContested(held);
        continue;
      }
      held.cursor = state.cursor;
      held.writtenAtMs = askedAtMs;
      held.renewedAtMs = askedAtMs;
      held.group.renew(askedAtMs + leaseMs);
      if (revision !== held.revision) await this.#deps.onChanged(held);
    }
  }

  /** Dead letters and replays of one group. Whoever asks meanwhile waits for the same run. */
  #tend(held: HeldGroup, nowMs: number): Promise<void> {
    const run = async (): Promise<void> => {
      await this.#bury(held, nowMs);
      await this.#endReplays(held);
      await this.#takeReplays(held, nowMs);
    };
    held.tending ??= run().finally(() => {
      held.tending = undefined;
    });
    return held.tending;
  }

  /** Copies of what was delivered in vain go to the dead letters, and the cursor past them. */
  async #bury(held: HeldGroup, nowMs: number): Promise<void> {
    const { owner, deadLetters, logger, positionOf } = this.#deps;
    const { group, epoch } = held;
    if (group.endings.dying.size === 0 || (held.fullSinceMs !== undefined && nowMs - held.fullSinceMs < fullMs)) return;
    const chosen = [...group.endings.dying].slice(0, lettersMax);
    const entries = new Set(chosen.map(([entry]) => entry));
    const state = takeState(held, positionOf(held), entries);
    // This is not where a loss is written.
    held.lost += state.lost;
    const letters = chosen.map(([entry, reason]) => toLetter(entry, reason));
    const outcome = await deadLetters.bury(owner, state, letters);
    if (group.closed || held.epoch !== epoch) return;
    if (outcome === "fenced") return this.#deps.onContested(held);
    if (outcome === "full") {
      if (!group.full)
        logger.warn({ tenantId: held.tenantId, subscription: held.name }, "the dead letters are full; the subscription stands still");
      group.full = true;
      held.fullSinceMs = nowMs;
      return;
    }
    held.cursor = Math.max(held.cursor, state.cursor);
    held.fullSinceMs = undefined;
    group.buried(entries);
    if (group.full) group.resume();
  }

  async #endReplays({ group, tenantId, name }: HeldGroup): Promise<void> {
    if (group.endings.replayed.size === 0) return;
    const { deadLetters } = this.#deps;
    const ended = [...group.endings.replayed];
    const acknowledged = ended.flatMap(([offset, reason]) => (reason === undefined ? [offset] : []));
    const failed = ended.flatMap(([offset, reason]) => (reason === undefined ? [] : [{ offset, reason }]));
    if (acknowledged.length > 0) await deadLetters.delete(tenantId, name, acknowledged);
    if (failed.length > 0) await deadLetters.unmark(tenantId, name, failed);
    for (const [offset] of ended) {
      group.endings.replayed.delete(offset);
      group.endings.replays.delete(offset);
    }
  }

  /** Dead letters that were marked go beside the stream, unless they are still to come, or under way, in it. */
  async #takeReplays(held: HeldGroup, nowMs: number): Promise<void> {
    const { group, tenantId, name, replaysAfter: after, epoch } = held;
    if (!wantsReplays(held, nowMs) || after === undefined) return;
    // Marked while this is read: seen at the next revision.
    held.replaysAfter = undefined;
    const page = await this.#deps.deadLetters.replayed(tenantId, name, after, replayPage).catch((error: unknown) => {
      held.replaysAfter ??= after;
      throw error;
    });
    if (group.closed || held.epoch !== epoch) return;
    const position = this.#deps.positionOf(held);
    let isLeft = false;
    for (const { record } of page) {
      if (group.endings.replays.has(record.offset)) continue;
      if (record.offset <= position && group.isOver(record.offset)) group.offerReplay(record);
      else isLeft = true;
    }
    const last = page.at(-1)?.record.offset;
    held.areReplaysLeft ||= isLeft;
    if (page.length === replayPage && last !== undefined) held.replaysAfter ??= last;
    else if (held.areReplaysLeft) {
      held.areReplaysLeft = false;
      held.replaysAfter ??= 0;
      held.replaysLookAtMs = nowMs + replaysMs;
    }
    group.pump();
  }
}

function wantsReplays({ group, replaysAfter, replaysLookAtMs }: HeldGroup, nowMs: number): boolean {
  return (
    !group.closed && replaysAfter !== undefined && nowMs >= replaysLookAtMs && group.endings.replays.size <= replaysInMemoryMax - replayPage
  );
}

function hasToTend({ group, replaysAfter }: HeldGroup): boolean {
  return group.endings.dying.size > 0 || group.endings.replayed.size > 0 || replaysAfter !== undefined;
}

function toLetter(entry: Entry, reason: string): NewDeadLetter {
  return { record: entry.record, deliveries: entry.failures + entry.deaths, reason };
}
