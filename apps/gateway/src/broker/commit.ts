// Hot: what of one PUBLISH must be on disk before it is acknowledged and before anything of it leaves to sessions that are kept.
import type { QueueTarget } from "@mooring/contracts";
import type { Flight } from "./flight.ts";
import type { CommitListener } from "./ports.ts";
import type { Session } from "./session.ts";

/** Whose PUBLISH it was: told after what waited for the commit was handed on. */
export interface Publisher {
  onPublished(token: number, isCommitted: boolean, matched: number): void;
}

export class Commit implements CommitListener {
  #sessions: Session[] = [];
  #flights: Flight[] = [];
  #publisher: Publisher | null = null;
  #token = 0;
  /** Changes that are still being written; the last one decides. */
  #open = 0;
  #isCommitted = true;
  readonly matched: number;

  constructor(matched: number) {
    this.matched = matched;
  }

  /** Whether there is anything to wait for. */
  get isNeeded(): boolean {
    return this.#open > 0;
  }

  add(session: Session, flight: Flight): void {
    this.#sessions.push(session);
    this.#flights.push(flight);
  }

  /** The queues that the message goes into. */
  targets(): QueueTarget[] {
    return this.#flights.map(({ seq, qos, retain, ids, share, packetId }, at) => ({
      sessionId: (this.#sessions[at] as Session).id,
      ...{ seq, qos, retain, packetId },
      subscriptionIds: ids ?? [],
      ...(share === "" ? {} : { share }),
    }));
  }

  /** One more change that has to be committed. */
  expect(): this {
    this.#open++;
    return this;
  }

  /** Who is to be told. Without one, nobody waits: QoS 0, wills. */
  tell(publisher: Publisher, token: number): void {
    this.#publisher = publisher;
    this.#token = token;
  }

  onCommitted(isCommitted: boolean): void {
    if (!isCommitted) this.#isCommitted = false;
    if (--this.#open > 0) return;
    for (let i = 0; i < this.#flights.length; i++) {
      const session = this.#sessions[i] as Session;
      const flight = this.#flights[i] as Flight;
      if (this.#isCommitted) session.onFlightCommitted(flight);
      else session.onFlightRefused(flight);
    }
    this.#publisher?.onPublished(this.#token, this.#isCommitted, this.matched);
  }
}
