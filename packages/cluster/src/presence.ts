/** One live connection of a device. `epoch` tells newer from older: it only grows, per device. */
export interface PresenceEntry {
  readonly deviceId: string;
  readonly clientId: string;
  readonly nodeId: string;
  readonly epoch: number;
}

/** Who asks for an entry. */
export type PresenceClaim = Omit<PresenceEntry, "epoch">;

export interface Claimed {
  readonly epoch: number;
  /** The entry this one took the place of (same device, same client id): its node closes that connection. */
  readonly replaced: PresenceEntry | undefined;
  /** The device had no connection to a live node before. */
  readonly first: boolean;
}

export interface Released {
  /** False when the entry was no longer the one with this epoch: it was taken over, or lost with the store. */
  readonly released: boolean;
  /** The device has no connection to a live node now. A device went away when `released && last`. */
  readonly last: boolean;
}

/** An entry whose node died, removed now. */
export interface Evicted {
  readonly entry: PresenceEntry;
  readonly last: boolean;
}

/** More connections of one device than any device needs; the bound of what one device can make the cluster remember. */
export const connectionsPerDeviceMax = 64;
/** One `evict` removes at most this many entries, so that no caller waits long behind it. */
export const evictedMax = 500;

/**
 * Which device is connected where. Every operation is atomic. All reject with `unavailable` while the store cannot be
 * reached, within about a second, and work again by themselves afterwards. An entry counts only while its node is
 * registered (see nodes.ts), so a node registers before it claims.
 */
export interface Presence {
  /**
   * Registers a connection; a device may hold several under different client ids. The epoch is above every epoch this
   * device ever had, across restarts of nodes and the loss of the store (it follows the clock, in milliseconds, and never
   * stands still). Rejects with `quotaExceeded` above `connectionsPerDeviceMax`.
   */
  claim(claim: PresenceClaim): Promise<Claimed>;
  /** Removes the entry if it is still the one with this epoch. Idempotent. */
  release(entry: PresenceEntry): Promise<Released>;
  /** The entries on live nodes, newest first. */
  find(deviceId: string): Promise<readonly PresenceEntry[]>;
  /**
   * Puts entries back after the store was lost. Idempotent. An entry that a newer one has taken the place of is not put
   * back: those are returned, and their connections are to be closed.
   */
  restore(entries: readonly PresenceEntry[]): Promise<readonly PresenceEntry[]>;
  /**
   * Removes up to `evictedMax` entries of dead nodes and returns them; each entry is returned to one caller only. Called
   * now and then by any node, it turns a node's death into the absence of its devices and keeps the store from growing.
   */
  evict(): Promise<readonly Evicted[]>;
}
