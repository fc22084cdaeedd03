// The brokers of all tenants on this node.
import { Space, type SpaceDeps } from "./space.ts";

export class Spaces {
  readonly #deps: Omit<SpaceDeps, "tenantId">;
  readonly #spaces = new Map<string, Space>();

  constructor(deps: Omit<SpaceDeps, "tenantId">) {
    this.#deps = deps;
  }

  /** The tenant's; made when it is first asked for. A few hundred bytes while nobody uses it. */
  of(tenantId: string): Space {
    let space = this.#spaces.get(tenantId);
    if (space === undefined) {
      space = new Space({ ...this.#deps, tenantId });
      this.#spaces.set(tenantId, space);
    }
    return space;
  }

  all(): IterableIterator<Space> {
    return this.#spaces.values();
  }
}
