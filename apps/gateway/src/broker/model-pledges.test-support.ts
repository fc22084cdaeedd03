// What clients have asked for and were not told yet that it is done.
import type { Link } from "./model-node.test-support.ts";

export type Asked = "publish" | "pubrel" | "subscribe" | "unsubscribe";

export interface Pledge {
  /** What the client did. */
  readonly event: number;
  /** It may be acknowledged only when it is committed. */
  readonly isDurable: boolean;
}

export class Pledges {
  readonly #byLink = new Map<Link, Map<string, Pledge>>();

  add(link: Link, type: Asked, packetId: number, pledge: Pledge): void {
    const pledges = this.#byLink.get(link) ?? new Map<string, Pledge>();
    this.#byLink.set(link, pledges.set(`${type} ${packetId}`, pledge));
  }

  find(link: Link, type: Asked, packetId: number): Pledge | undefined {
    return this.#byLink.get(link)?.get(`${type} ${packetId}`);
  }
}
