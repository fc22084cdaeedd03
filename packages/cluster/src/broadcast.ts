import type { JsonValue } from "@mooring/contracts";

/** Larger messages belong into the database, with a broadcast that says so. */
export const broadcastBytesMax = 64 * 1024;
export const channelPattern = /^[a-z0-9-]{1,64}$/;

export type BroadcastHandler = (message: JsonValue) => void;

/** What may be missed is told: after this is called, anything may have been said in between. */
export interface SubscribeOptions {
  readonly onGap?: () => void;
}

/**
 * Messages to all nodes, this one included. At most once: a message said while a node is cut off from the store is lost
 * for it, so losing one must be survivable. A cache invalidated this way either reloads itself in `onGap` and bounds the
 * age of what it holds, or is not correct. Messages of one publisher arrive in order.
 */
export interface Broadcast {
  /**
   * Resolves once the message was handed over, not once it was heard. Rejects with `unavailable` (store out of reach),
   * `payloadTooLarge` (above `broadcastBytesMax` as JSON) or `invalidArgument` (a channel not of `channelPattern`).
   */
  publish(channel: string, message: JsonValue): Promise<void>;
  /** Hears from when the promise resolves until the returned function is called. A throwing handler harms nobody else. */
  subscribe(channel: string, handler: BroadcastHandler, options?: SubscribeOptions): Promise<() => void>;
}
