import type { AmqpEnd } from "./conditions.ts";
import type { AmqpLimits } from "./limits.ts";
import type { Link, Room } from "./link.ts";
import type { OutgoingSender, OutgoingSession } from "./rhea-internals.ts";

export interface SendTurnsDeps {
  readonly limits: AmqpLimits;
  /** Those of the connection; a turn changes their order. */
  readonly links: Map<OutgoingSender, Link>;
  /** Nothing is sent any more. */
  readonly isOver: () => boolean;
  /** Lets the library write what it was handed. */
  readonly write: () => void;
  readonly close: (end: AmqpEnd) => void;
  readonly onError: (error: unknown) => void;
}

/** Messages are sent in a turn of their own: what is sent from within the library's events is not seen by the loop that runs there. */
export class SendTurns {
  readonly #deps: SendTurnsDeps;
  #turn: NodeJS.Immediate | undefined;
  /** Of this turn. */
  readonly #rooms = new Map<OutgoingSession, Room>();
  /** Handed to the library in this turn and not written yet. */
  queuedBytes = 0;

  constructor(deps: SendTurnsDeps) {
    this.#deps = deps;
  }

  request(): void {
    if (this.#deps.isOver()) return;
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      try {
        if (!this.#deps.isOver()) this.#send();
      } catch (error) {
        this.#deps.onError(error);
      }
    });
  }

  stop(): void {
    if (this.#turn !== undefined) clearImmediate(this.#turn);
  }

  /** What the session takes in this turn. */
  roomOf(session: OutgoingSession): Room {
    let room = this.#rooms.get(session);
    if (room === undefined) {
      const frames = isBlocked(session) ? 0 : session.outgoing.transfer_window();
      room = { frames: Number.isNaN(frames) ? 0 : frames, untouched: true };
      this.#rooms.set(session, room);
    }
    return room;
  }

  #send(): void {
    const { links: all, limits } = this.#deps;
    this.#rooms.clear();
    const links = [...all];
    // Whoever was first is last next time.
    const first = links[0];
    if (first !== undefined && links.length > 1) {
      all.delete(first[0]);
      all.set(...first);
    }
    for (const [, link] of links) link.send();
    // At once, so that what is left of credit and window is known when more is asked for.
    this.#deps.write();
    this.queuedBytes = 0;
    for (const [sender, link] of links) {
      link.onSent();
      if (sender.session.outgoing.next_transfer_id > limits.transfersPerSessionMax) {
        return this.#deps.close({ condition: "amqp:connection:forced", description: "the session is worn out; connect again" });
      }
    }
  }
}

/** A message is on its way that the client's session does not take whole yet. */
export function isBlocked({ outgoing }: OutgoingSession): boolean {
  return outgoing.next_pending_delivery < outgoing.next_delivery_id;
}
