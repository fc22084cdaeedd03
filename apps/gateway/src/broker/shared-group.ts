// Hot: the members of one shared subscription (MQTT 5 s4.8.2), and whose turn it is.
import type { Session } from "./session.ts";
import { Subscription, type SubscriptionOptions } from "./subscription.ts";

export class SharedGroup {
  /** `$share/{group}/{filter}`. */
  readonly name: string;
  readonly #members: Subscription[] = [];
  #next = 0;

  constructor(name: string) {
    this.name = name;
  }

  get size(): number {
    return this.#members.length;
  }

  /** Adds the session, or gives its subscription other options. */
  put(session: Session, options: SubscriptionOptions): void {
    const member = new Subscription(session, this, options);
    const at = this.#members.findIndex((one) => one.session === session);
    if (at === -1) this.#members.push(member);
    else this.#members[at] = member;
  }

  remove(session: Session): void {
    const at = this.#members.findIndex((one) => one.session === session);
    if (at === -1) return;
    this.#members.splice(at, 1);
    if (this.#next > at) this.#next--;
  }

  /**
   * The member that gets the next message: in turn among those that are connected and have room; else the connected one with the least waiting; else, for what may
   * wait, one that is away. Undefined when nobody takes it.
   */
  pick(mayWait: boolean): Subscription | undefined {
    const members = this.#members;
    const count = members.length;
    let connected: Subscription | undefined;
    for (let i = 0; i < count; i++) {
      const at = (this.#next + i) % count;
      const member = members[at] as Subscription;
      const session = member.session as Session;
      if (session.channel === null) continue;
      if (session.hasRoom) {
        this.#next = (at + 1) % count;
        return member;
      }
      if (connected === undefined || session.queued < (connected.session as Session).queued) connected = member;
    }
    return connected ?? (mayWait ? this.#pickAway() : undefined);
  }

  /** Whose turn it is among those for whom a QoS 1 message is kept. */
  #pickAway(): Subscription | undefined {
    const members = this.#members;
    for (let i = 0; i < members.length; i++) {
      const at = (this.#next + i) % members.length;
      const member = members[at] as Subscription;
      if (member.qos === 0) continue;
      this.#next = (at + 1) % members.length;
      return member;
    }
    return undefined;
  }
}
