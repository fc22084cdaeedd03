import type { Caller } from "./caller.ts";
import type { JsonObject } from "./json.ts";
import type { AskedAs } from "./shadow.ts";

/**
 * What the cloud has to say to a device, as a meaning; the device's protocol gives it a topic or a path, its dialect a form.
 * call: a request that wants an answer under `messageId`. The shadow kinds carry JSON (see ShadowMessage).
 */
export interface Downlink {
  readonly kind: DownlinkKind;
  readonly payload: Uint8Array;
  readonly messageId?: string;
  /** When nobody waits for the answer any more; a device that fetches its calls later is not given this one. */
  readonly expiresAtMs?: number;
  /** Of the shadow kinds: absent for the classic shadow. */
  readonly shadowName?: string;
  /**
   * Of the shadow kinds: the version in the payload. What is older than what the device was told already is not delivered.
   * Absent where an answer is given again: that is delivered in any case.
   */
  readonly version?: number;
  /** Of shadowAccepted and shadowDeleted, when a device made the change. */
  readonly askedAs?: AskedAs;
}

/**
 * The payload of the shadow kinds, as JSON with times in milliseconds. shadowAccepted: `state` and `metadata` hold what the request said;
 * shadowDelta: what is desired and not reported; shadowDeleted: neither; shadowDocuments: `previous` and `current` instead.
 */
export interface ShadowMessage {
  readonly state?: JsonObject;
  readonly metadata?: JsonObject;
  readonly previous?: ShadowSnapshot;
  readonly current?: ShadowSnapshot;
  readonly version: number;
  readonly timestamp: number;
  readonly clientToken?: string;
}

export interface ShadowSnapshot {
  readonly state: { readonly desired: JsonObject; readonly reported: JsonObject };
  readonly metadata: { readonly desired: JsonObject; readonly reported: JsonObject };
  readonly version: number;
}

export type DownlinkKind = "call" | "shadowAccepted" | "shadowDeleted" | "shadowDocuments" | "shadowDelta";

/** One gateway node, spoken to by its own address. */
export interface GatewayApi {
  /** How many of the device's connections on this node took it; 0 means none is there or none listens for this kind. */
  deliver(caller: Caller, request: { readonly deviceId: string; readonly downlink: Downlink }): Promise<{ readonly delivered: number }>;
  /** Several, in this order, with nothing of the cloud in between. For each, how many connections took it. */
  deliverAll(
    caller: Caller,
    request: { readonly deviceId: string; readonly downlinks: readonly Downlink[] },
  ): Promise<{ readonly delivered: readonly number[] }>;
  /** Ends one connection, if it is still the one with this epoch (a later login of the same client took its place). */
  disconnect(
    caller: Caller,
    request: { readonly deviceId: string; readonly clientId: string; readonly epoch: number },
  ): Promise<Record<never, never>>;
}
