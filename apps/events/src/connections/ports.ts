import type { Nodes, Presence } from "@mooring/cluster";
import type { DeviceAddress, DeviceRef } from "@mooring/contracts";

/** The projection's cursor, and its name among the consumers of the log. */
export const connectionCursor = "connections";

/** The gateway nodes that live, and the connections they have. Both reject with `unavailable` while the cluster's store is out of reach. */
export interface ClusterView {
  readonly nodes: Pick<Nodes, "list">;
  readonly presence: Pick<Presence, "find">;
}

/** Whether a device is connected, as its last online or offline record said. */
export interface StoredConnection {
  readonly online: boolean;
  readonly sinceMs: number;
  readonly clientId: string;
  readonly protocol: string;
  readonly nodeId: string;
  readonly address: string | undefined;
  readonly reason: string | undefined;
}

/** A device that is said to be online at a node. */
export interface OnlineDevice {
  readonly device: DeviceRef;
  readonly nodeId: string;
  readonly epoch: number;
  readonly clientId: string;
  readonly protocol: string;
  readonly address: string | undefined;
}

export interface DeletedDevice {
  readonly deviceId: string;
  readonly deletedAtMs: number;
}

/** How far a follower has got: `passed` records by this call, up to `offset` in all; without an offset another process is at it. */
export interface Followed {
  readonly passed: number;
  readonly offset: number | undefined;
}

/** Who is connected: a projection of the online and offline records of the log. */
export interface ConnectionStore {
  /** Applies what the next records of the log say, at most `limit` of them, together with the cursor. */
  follow(limit: number): Promise<Followed>;
  /** Where it has got to; 0 before the first record. */
  position(): Promise<number>;
  find(deviceId: string): Promise<StoredConnection | undefined>;
  /** The ids of all nodes that devices are said to be online at. */
  nodeIds(): Promise<readonly string[]>;
  /** Devices said to be online at a node, by device id, after one. */
  onlineAt(nodeId: string, after: string | undefined, limit: number): Promise<readonly OnlineDevice[]>;
  /** Those of these devices that are said to be online. */
  onlineAmong(deviceIds: readonly string[]): Promise<readonly OnlineDevice[]>;
  /** Devices of this name that were deleted and are not forgotten, the last one first; at most `limit`. */
  findDeleted(tenantId: string, address: DeviceAddress, limit: number): Promise<readonly DeletedDevice[]>;
  /** Forgets up to `limit` devices that were deleted longer ago than `ageMs` and of which the log has nothing any more. Answers how many. */
  forgetDeleted(ageMs: number, limit: number): Promise<number>;
}
