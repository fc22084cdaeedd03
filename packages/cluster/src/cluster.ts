import type { Broadcast } from "./broadcast.ts";
import type { Nodes } from "./nodes.ts";
import type { Presence } from "./presence.ts";

/** The three ports of one adapter over one store. */
export interface Cluster {
  readonly presence: Presence;
  readonly nodes: Nodes;
  readonly broadcast: Broadcast;
  /** Lets the store go. Registrations are stopped before, by whoever made them. */
  close(): Promise<void>;
}
