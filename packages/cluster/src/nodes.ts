export type NodeKind = "gateway" | "rrpc";

/** One process of the cluster. */
export interface NodeInfo {
  /** New at every start of a process (a name and something random): a restarted node must not inherit the dead one's entries. */
  readonly nodeId: string;
  readonly kind: NodeKind;
  /** Where the other services reach it, as gRPC writes it: `host:port`. */
  readonly address: string;
}

/** A node as others see it. */
export interface LiveNode extends NodeInfo {
  /** 1 to 32767, no other live node has it: names the node in places too small for its id, such as message ids. */
  readonly number: number;
}

export interface RegisterOptions {
  /**
   * Called when the registration had vanished from the store (flushed, or this process was out of reach for too long) and
   * has been made again: the node restores its presence here. Called again at each heartbeat until it resolves.
   */
  readonly onLost?: () => Promise<void>;
}

export interface Registration {
  /** This node's number. It changes only when the store was lost and another node took the number meanwhile. */
  readonly number: number;
  /** Ends the registration: the node is dead to others at once. Never rejects; without a store the registration runs out. */
  stop(): Promise<void>;
}

export const heartbeatMs = 1_000;
/** Five missed heartbeats: longer than a garbage collection or a Redis restart, short enough for calls to be refused soon. */
export const deadAfterMs = 5_000;
export const nodeNumberMax = 32_767;

/** Which nodes exist. A node unseen for `deadAfterMs` is dead. Rejects with `unavailable` while the store cannot be reached. */
export interface Nodes {
  /** Registers this process and keeps it alive until stopped. Rejects with `alreadyExists` while a live node has the id. */
  register(node: NodeInfo, options?: RegisterOptions): Promise<Registration>;
  find(nodeId: string): Promise<LiveNode | undefined>;
  findNumber(number: number): Promise<LiveNode | undefined>;
  /** All live nodes of a kind, by id. */
  list(kind: NodeKind): Promise<readonly LiveNode[]>;
}
