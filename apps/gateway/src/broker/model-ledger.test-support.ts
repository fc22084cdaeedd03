// Which session is owed which message, and what it got of it.

import type { Target } from "./model-book.test-support.ts";
import type { Delivery } from "./model-judge.test-support.ts";

interface Message {
  readonly tenantId: string;
  readonly topic: string;
  readonly publisher: string;
  readonly qos: number;
  readonly order: number;
  /** 0 for never. */
  expiresAtMs: number;
  routings: number;
}

/** One hand-over of a message to one session, or to one of a group. */
interface Copy {
  readonly event: number;
  readonly payload: string;
  /** Of a group: all who were in it, and those who came since one of them has left it. */
  readonly targets: Target[];
  readonly group: string | undefined;
  /** 0 for never. A message that is published again has another one then, which this copy has nothing of. */
  readonly expiresAtMs: number;
  /** It has to arrive, as long as its session lives. */
  isOwed: boolean;
  /** How often one of its group has left it: each time another one may get it. */
  moves: number;
}

interface Account {
  readonly serial: number;
  readonly payload: string;
  copies: Copy[];
  /** Times that it may have come as a retained message. */
  replays: number;
  /** Without DUP. */
  first: number;
  /** All that the application saw. */
  seen: number;
  /** With QoS 0 and 2. */
  exact: number;
  highestQos: number;
}

/** Who leaves a group. */
export interface Leaving {
  readonly serial: number;
  readonly hasEnded: boolean;
  /** The event since which it was away; what came later has not been sent to it. */
  readonly awayAfter: number;
}

export interface Drops {
  /** How many were dropped. */
  readonly max: number;
  /** So many newer ones waited behind each of them. */
  readonly newerMin: number;
}

export class Ledger {
  readonly #messages = new Map<string, Message>();
  readonly #accounts = new Map<string, Account>();
  /** Who of a group got a message, by group and payload. */
  readonly #takers = new Map<string, Set<number>>();
  readonly #shared: Copy[] = [];
  readonly #lastOrder = new Map<string, number>();
  readonly #fail: (words: string) => void;
  #order = 0;
  #hasCrashed = false;

  constructor(fail: (words: string) => void) {
    this.#fail = fail;
  }

  /** A message is published, once more perhaps. */
  note(payload: string, about: Omit<Message, "order" | "routings">): Message {
    const message = this.#messages.get(payload) ?? { ...about, order: ++this.#order, routings: 0 };
    message.expiresAtMs = about.expiresAtMs;
    message.routings++;
    this.#messages.set(payload, message);
    return message;
  }

  owe(
    payload: string,
    event: number,
    targets: readonly Target[],
    { name: group, isSure = true }: { readonly name?: string; readonly isSure?: boolean } = {},
  ): void {
    // A member with QoS 0 that is away may be the one whose turn it is.
    const isOwed = isSure && targets.every(({ qos }) => qos > 0);
    const expiresAtMs = this.#messages.get(payload)?.expiresAtMs ?? 0;
    const copy: Copy = { event, payload, targets: [...targets], group, isOwed, expiresAtMs, moves: 0 };
    if (group !== undefined) this.#shared.push(copy);
    for (const { serial } of targets) this.#account(serial, payload).copies.push(copy);
  }

  /**
   * One has left a group, or has joined it; `members` are those that are in it now. What waits for one who leaves goes to them, but for QoS 2 whose
   * delivery has begun: since `awayAfter` none did.
   */
  onGroup(of: { readonly tenantId: string; readonly name: string }, members: readonly Target[], left?: Leaving): void {
    for (const copy of this.#shared) {
      const message = this.#messages.get(copy.payload);
      if (copy.group !== of.name || message?.tenantId !== of.tenantId) continue;
      const mine = copy.targets.find(({ serial }) => serial === left?.serial);
      if (left !== undefined && mine !== undefined) {
        copy.moves++;
        if (left.hasEnded && mine.qos === 2 && copy.event <= left.awayAfter) copy.isOwed = false;
      }
      if (copy.moves === 0) continue;
      for (const member of members) this.#mayGet(copy, { ...member, qos: Math.min(member.qos, message.qos) });
      if (members.length === 0 || members.some(({ qos }) => qos === 0)) copy.isOwed = false;
    }
  }

  #mayGet(copy: Copy, target: Target): void {
    if (copy.targets.some(({ serial, qos }) => serial === target.serial && qos === target.qos)) return;
    const isNew = copy.targets.every(({ serial }) => serial !== target.serial);
    copy.targets.push(target);
    if (isNew) this.#account(target.serial, copy.payload).copies.push(copy);
  }

  /** These sessions are no more, and what they had with them. */
  onLost(serials: ReadonlySet<number>): void {
    this.#hasCrashed = true;
    for (const copy of this.#shared) if (copy.targets.some(({ serial }) => serials.has(serial))) copy.isOwed = false;
  }

  /** A retained message may be sent to a new subscription. */
  allowReplay(serial: number, payload: string, qos: number): void {
    const account = this.#account(serial, payload);
    account.replays++;
    account.highestQos = Math.max(account.highestQos, qos);
  }

  #account(serial: number, payload: string): Account {
    const key = `${serial} ${payload}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { serial, payload, copies: [], replays: 0, first: 0, seen: 0, exact: 0, highestQos: 0 };
    }
    // One that a crash took everything from begins anew, behind the others.
    if (account.copies.length === 0) this.#accounts.delete(key);
    this.#accounts.set(key, account);
    return account;
  }

  onDelivery(who: string, serial: number, delivery: Delivery, nowMs: number): void {
    const { payload, topic, qos, dup, retain } = delivery;
    const message = this.#messages.get(payload);
    const account = this.#accounts.get(`${serial} ${payload}`);
    const what = `${payload} of ${topic} with QoS ${qos}`;
    if (message === undefined || account === undefined || message.topic !== topic)
      return this.#fail(`${who} was sent ${what}, and is owed no such thing`);
    const targets = account.copies.flatMap((copy) => copy.targets.filter((target) => target.serial === serial));
    const allowed = targets.length + account.replays;
    if (!targets.some((target) => target.qos === qos) && !(account.replays > 0 && retain && qos <= account.highestQos))
      this.#fail(`${who} was sent ${what}, and not with the QoS it is owed: ${targets.map((target) => target.qos)}`);
    if (retain && account.replays === 0 && !targets.some(({ mayRetain }) => mayRetain)) this.#fail(`${who} was sent ${what} as retained`);
    account.seen++;
    if (!dup && ++account.first > allowed) this.#fail(`${who} was sent ${what} anew ${account.first} times, and is owed ${allowed}`);
    if (qos !== 1 && ++account.exact > allowed) this.#fail(`${who} was sent ${what} ${account.exact} times, and is owed ${allowed}`);
    this.#judgeExpiry(who, what, message, delivery, nowMs);
    this.#judgeGroup(account, what);
    const isMoved = account.copies.some(({ moves }) => moves > 0);
    if (!dup && qos > 0 && message.routings === 1 && account.replays === 0 && !isMoved) this.#judgeOrder(who, serial, message, qos, what);
  }

  #judgeExpiry(who: string, what: string, { expiresAtMs, routings }: Message, { dup, expiryS, isLate }: Delivery, nowMs: number): void {
    if (expiresAtMs === 0 || isLate || routings > 1) return;
    if (!dup && nowMs >= expiresAtMs) this.#fail(`${who} was sent ${what} after it had expired`);
    if (expiryS !== undefined && expiryS !== Math.max(0, Math.ceil((expiresAtMs - nowMs) / 1_000)))
      this.#fail(`${who} was told that ${what} expires in ${expiryS} s`);
  }

  #judgeGroup({ serial, payload, copies }: Account, what: string): void {
    const group = copies[0]?.group;
    if (group === undefined) return;
    const key = `${group} ${payload}`;
    const takers = this.#takers.get(key) ?? new Set();
    this.#takers.set(key, takers.add(serial));
    const routings = this.#messages.get(payload)?.routings ?? 0;
    // With QoS 1 the one before may have had it, and not said so.
    const isExact = !this.#hasCrashed && copies.every(({ targets }) => targets.every(({ qos }) => qos === 2));
    const moves = isExact ? 0 : copies.reduce((sum, copy) => sum + copy.moves, 0);
    if (takers.size > routings + moves) this.#fail(`${what} went to ${takers.size} members of ${group}`);
  }

  #judgeOrder(who: string, serial: number, { publisher, topic, order }: Message, qos: number, what: string): void {
    const key = `${serial} ${publisher} ${topic} ${qos}`;
    if (order < (this.#lastOrder.get(key) ?? 0)) this.#fail(`${who} was sent ${what} out of order`);
    else this.#lastOrder.set(key, order);
  }

  /** The process ended, and what is stored is as it was after some event from `first` to `last`: what came later never happened. */
  forgetAfter(first: number, last: number): void {
    for (const account of this.#accounts.values()) {
      account.copies = account.copies.filter((copy) => {
        if (copy.event > first) copy.isOwed = false;
        return copy.event <= last || copy.group !== undefined || copy.targets.every(({ qos }) => qos === 0);
      });
    }
  }

  /** What has to have arrived by now, but for what made room in a full queue: the oldest did. */
  judge(isAlive: (serial: number) => boolean, nowMs: number, drops: Drops): void {
    const bySession = new Map<number, Account[]>();
    for (const account of this.#accounts.values()) bySession.set(account.serial, [...(bySession.get(account.serial) ?? []), account]);
    const dropped = new Set<string>();
    for (const accounts of bySession.values()) {
      for (const account of accounts) {
        const missing = this.#missing(account, isAlive, nowMs);
        if (missing === undefined) continue;
        dropped.add(missing);
        // One that was published again is queued again.
        const since = account.copies[0]?.event ?? 0;
        const newer = accounts.flatMap(({ copies }) => copies).filter(({ event }) => event > since).length;
        // Which member's queue a group's message waited in, nobody can tell.
        const isFew = account.copies[0]?.group === undefined && newer < drops.newerMin;
        if (dropped.size > drops.max || isFew) this.#fail(`${missing}, with ${newer} newer ones behind it`);
      }
    }
  }

  #missing({ serial, payload, copies, seen }: Account, isAlive: (serial: number) => boolean, nowMs: number): string | undefined {
    for (const { targets, group, isOwed, expiresAtMs } of copies) {
      if (expiresAtMs !== 0 && nowMs >= expiresAtMs) continue;
      if (!isOwed || (group === undefined && !targets.every((target) => isAlive(target.serial)))) continue;
      if (group === undefined && seen === 0) return `${payload} never reached session ${serial}`;
      if (group !== undefined && !this.#takers.has(`${group} ${payload}`)) return `${payload} reached no member of ${group}`;
    }
    return undefined;
  }
}
