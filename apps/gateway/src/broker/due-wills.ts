// Wills whose time has come, until they are out for good: whether they may be published, or the way there, can take a while.
//
//   due --> asked about, published --+--> published, or not to be: out of the store
//            ^                       |
//            '-------- later --------'
//
// Until then a will stays in the store, in its session's row. When its client is back meanwhile, with another will or none, it goes into a row of its
// own: that of a session that is over. Whatever becomes of the process, the next start publishes it. What of a will goes into queues is written before
// the will's leaving, in one frame when it is for a few hundred queues or less: a crash between the two publishes it twice, and never not at all.
import { randomUUID } from "node:crypto";
import { WheelEntry } from "@mooring/kit";
import { AwayQueue } from "./away-queue.ts";
import { createMessage, type Message } from "./message.ts";
import { Session } from "./session.ts";
import type { Space } from "./space.ts";
import type { SessionWill } from "./will.ts";

/** `later`: neither yet, so that it is to be tried again. */
export type WillOutcome = "published" | "refused" | "later";
/** Publishes a will of the session and says what became of it: once, at once or later. What it throws counts as refused. */
export type PublishWill = (session: Session, message: Message, tell: (outcome: WillOutcome) => void) => void;

const retryMs = 5_000;

class DueWill extends WheelEntry {
  readonly session: Session;
  readonly message: Message;
  /** Whose row in the store has it. */
  row: Session;
  /** What calls for it now writes down what becomes of the row. */
  isNew = true;
  readonly #attempt: (due: DueWill) => void;

  constructor(session: Session, message: Message, attempt: (due: DueWill) => void) {
    super();
    this.session = session;
    this.message = message;
    this.row = session;
    this.#attempt = attempt;
  }

  override onDeadline(): void {
    try {
      this.#attempt(this);
    } catch (error) {
      this.session.space.onFault(error);
    }
  }
}

export class DueWills {
  readonly #space: Space;
  readonly #publish: PublishWill;
  /** By their rows. */
  readonly #due = new Map<Session, DueWill>();

  constructor(space: Space, publish: PublishWill) {
    this.#space = space;
    this.#publish = publish;
  }

  /** The will is due. It is the session's until it is out; the caller writes down how the session is. */
  publish(session: Session): void {
    const { will } = session;
    if (will === null || this.#due.has(session)) return;
    const due = new DueWill(session, this.#messageOf(will), (one) => this.#attempt(one));
    this.#due.set(session, due);
    this.#attempt(due);
    due.isNew = false;
  }

  #messageOf({ message, expiryIntervalS }: SessionWill): Message {
    const { topic, payload, qos, retain, properties } = message;
    const expiresAtMs = expiryIntervalS === undefined ? 0 : this.#space.clock.now() + expiryIntervalS * 1_000;
    return createMessage({ topic, payload, qos, retain, properties }, expiresAtMs);
  }

  #attempt(due: DueWill): void {
    try {
      this.#publish(due.session, due.message, (outcome) => {
        if (outcome === "later") this.#space.wheel.schedule(due, retryMs);
        else this.#onOut(due, outcome === "published");
      });
    } catch (error) {
      this.#onOut(due, false);
      throw error;
    }
  }

  #onOut(due: DueWill, isPublished: boolean): void {
    const { row, isNew } = due;
    if (this.#due.get(row) !== due) return;
    this.#due.delete(row);
    row.will = null;
    if (isPublished) this.#space.counters.willsPublished++;
    if (!isNew) this.#space.onWillOut(row);
  }

  /** The session is about to have another connection's will: what is due leaves it, for good, in one frame. */
  onAttach(session: Session): void {
    const due = this.#due.get(session);
    if (due === undefined) return;
    this.#due.delete(session);
    due.row = rowOf(session);
    this.#due.set(due.row, due);
    session.will = null;
    this.#space.store.together();
    this.#space.keep(due.row);
    this.#space.keep(session);
  }
}

/** A session that is over, and has the will. */
function rowOf({ space, key, clientId, owner, protocolLevel, connectedAtMs, disconnectedAtMs, will }: Session): Session {
  const row = new Session(space, key, clientId, owner);
  row.id = randomUUID();
  row.away = new AwayQueue(row);
  return Object.assign(row, { protocolLevel, connectedAtMs, disconnectedAtMs, will });
}
