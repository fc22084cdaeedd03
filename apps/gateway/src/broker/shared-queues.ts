// What waits for one member of a shared group goes on to another when the member leaves it: its session ends, or it unsubscribes (MQTT 5 s4.8.2).
//
//   not sent yet, or sent with QoS 1 and not acknowledged --> another member, while there is one
//   QoS 2 and its delivery has begun                      --> nobody [MQTT-4.8.2-5]
//
// A session that is kept has its queue in the store. It is written down as over, which stays true whatever becomes of the process; then its queue is
// read, handed on, each message in one change with its leaving here, and the session deleted. What is over and still there is settled by the next start.
import type { Qos } from "@mooring/mqtt";
import type { Flight } from "./flight.ts";
import type { Session } from "./session.ts";
import { formOf, type Space } from "./space.ts";

/** How long it takes until a queue that could not be read is tried again. */
const retryMs = 5_000;

export class SharedQueues {
  readonly #space: Space;

  constructor(space: Space) {
    this.#space = space;
  }

  /** The session has left one group. What has been sent to it, it keeps [MQTT-3.10.4-3]. */
  onLeft(session: Session, share: string): void {
    if (this.#space.hasGroup(share)) session.giveAway((flight) => flight.share === share && this.#handOn(session, flight));
  }

  /** The queue of a session that is back has been read: it may have left groups meanwhile. */
  onRead(session: Session): void {
    session.giveAway((flight) => flight.share !== "" && !session.subscriptions.has(flight.share) && this.#handOn(session, flight));
  }

  /** The session has ended, and is in no group any more. */
  onEnded(session: Session): void {
    if (!session.isDurable) {
      for (const flight of session.owed()) if (mayGoOn(flight)) this.#handOn(session, flight);
      return;
    }
    const isQueueOwed = session.mayHoldShared && this.#space.hasGroups;
    if (isQueueOwed || session.will !== null) this.#space.keepOver(session);
    else this.#space.endings.write(session.key, { op: "deleteSession", sessionId: session.id });
    if (isQueueOwed) this.settle(session);
  }

  /** Of a session that is over: hands on what is in its queue, and deletes it. */
  settle(session: Session): void {
    session.isOver = true;
    // In a turn of its own: what is being routed at this moment is written down first.
    queueMicrotask(() => this.#space.queues.load(session, (flights) => this.#onQueue(session, flights)));
  }

  #onQueue(session: Session, flights: readonly Flight[] | undefined): void {
    if (flights === undefined) return this.#space.wheel.schedule(session, retryMs);
    for (const flight of flights) if (mayGoOn(flight)) this.#handOn(session, flight);
    session.isOver = false;
    this.forget(session);
  }

  /** Deletes what is over, unless its will is still to be published. */
  forget({ id, isDurable, will }: Session): void {
    if (isDurable && will === null) this.#space.store.write({ op: "deleteSession", sessionId: id }, null);
  }

  /** False when nobody takes it: then it is still where it was. */
  #handOn(from: Session, { message, share, retain, seq, isTransient }: Flight): boolean {
    const { store, clock, counters } = this.#space;
    if (message === null || share === "" || isTransient || message.isExpired(clock.now())) return false;
    const to = this.#space.pick(share);
    if (to === undefined) return false;
    if (from.isDurable) {
      store.together();
      store.write({ op: "dequeue", sessionId: from.id, seqs: [seq] }, null);
    }
    counters.handedOn++;
    const session = to.session as Session;
    const qos: Qos = to.qos < message.qos ? to.qos : message.qos; // [MQTT-4.8.2-3]
    if (qos === 0) session.channel?.sendQos0(message, message.topic, formOf(message), to);
    else this.#space.send(session, message, qos, retain && to.retainAsPublished, to);
    return true;
  }
}

/** Of a session that has ended. */
function mayGoOn({ qos, packetId }: Flight): boolean {
  return qos === 1 || packetId === 0;
}
