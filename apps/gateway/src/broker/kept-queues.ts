// Hot: what sessions that are kept say to the store about their queues, and ask it.
import type { QueueItem } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import { Commit } from "./commit.ts";
import type { BrokerCounters } from "./counters.ts";
import type { Flight } from "./flight.ts";
import type { Message } from "./message.ts";
import type { SessionStore } from "./ports.ts";
import type { Session } from "./session.ts";
import { flightOf, storedMessage } from "./stored.ts";

/** Rows that one change may name: a frame with more than the service takes is refused, and with it what others have in it. */
const rowsPerOp = 400;

export interface KeptQueuesDeps {
  readonly tenantId: string;
  readonly store: SessionStore;
  readonly clock: Clock;
  readonly counters: BrokerCounters;
}

export interface QueueFigures {
  readonly messages: number;
  readonly bytes: number;
}

export class KeptQueues {
  readonly #deps: KeptQueuesDeps;

  constructor(deps: KeptQueuesDeps) {
    this.#deps = deps;
  }

  /** Into the queues of the sessions that the commit names. */
  add(message: Message, commit: Commit): void {
    const { store, tenantId, clock } = this.#deps;
    const stored = storedMessage(message, tenantId, clock.now());
    for (const targets of pieces(commit.targets())) store.write({ op: "queue", message: stored, targets }, commit.expect());
  }

  assignPacketIds(session: Session, flights: readonly Flight[]): void {
    const commit = new Commit(0);
    for (const flight of flights) commit.add(session, flight);
    const all = flights.map(({ seq, packetId }) => ({ seq, packetId }));
    for (const items of pieces(all)) this.#deps.store.write({ op: "setPacketIds", sessionId: session.id, items }, commit.expect());
  }

  release(session: Session, flight: Flight): void {
    flight.isCommitted = false;
    const commit = new Commit(0);
    commit.add(session, flight);
    this.#deps.store.write({ op: "setReleased", sessionId: session.id, seqs: [flight.seq] }, commit.expect());
  }

  /** Undefined when it cannot be read now. */
  load(session: Session, onLoaded: (flights: readonly Flight[] | undefined) => void): void {
    this.#ask(session, this.#deps.store.loadQueue(session.id), (items) => onLoaded(items?.map(flightOf)));
  }

  /** Undefined when it cannot be read now. */
  count(session: Session, onCounted: (figures: QueueFigures | undefined) => void): void {
    this.#ask(session, this.#deps.store.loadQueue(session.id), (items) =>
      onCounted(items && { messages: items.length, bytes: bytesOf(items) }),
    );
  }

  dropOldest(session: Session, count: number, onDropped: (dropped: number, bytes: number) => void): void {
    this.#ask(session, this.#deps.store.loadOldest(session.id, count), (items = []) => {
      // It has come back meanwhile, and has read what is in its queue: that is not to change behind its back.
      if (session.channel !== null) return onDropped(0, 0);
      const all = items.map(({ seq }) => seq);
      for (const seqs of pieces(all)) this.#deps.store.write({ op: "dequeue", sessionId: session.id, seqs }, null);
      this.#deps.counters.queueDropped += items.length;
      onDropped(items.length, bytesOf(items));
    });
  }

  #ask<T>(session: Session, question: Promise<T>, onAnswer: (answer: T | undefined) => void): void {
    const answer = (value: T | undefined): void => {
      try {
        onAnswer(value);
      } catch (error) {
        session.fail(error);
      }
    };
    question.then(answer, () => answer(undefined));
  }
}

/** A list in pieces of which each goes into one change; a short list, which most are, as it is. */
function pieces<T>(all: readonly T[]): readonly (readonly T[])[] {
  if (all.length <= rowsPerOp) return all.length === 0 ? [] : [all];
  const cut: (readonly T[])[] = [];
  for (let at = 0; at < all.length; at += rowsPerOp) cut.push(all.slice(at, at + rowsPerOp));
  return cut;
}

/** What a queue is charged for these: as when they came. */
function bytesOf(items: readonly QueueItem[]): number {
  return items.reduce((sum, item) => sum + (flightOf(item).message?.bytes ?? 0), 0);
}
