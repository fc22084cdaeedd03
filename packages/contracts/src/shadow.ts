import type { Caller } from "./caller.ts";
import type { ErrorCode } from "./errors.ts";
import type { DeviceAddress } from "./ids.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import type { PageRequest } from "./page.ts";

/** Names of shadows besides the classic one, which has none. AWS allows the same. */
export const shadowNamePattern = /^[A-Za-z0-9:_-]{1,64}$/;

/** Which shadow of which device. */
export interface ShadowAddress extends DeviceAddress {
  /** Absent: the classic shadow, which property reports go to. */
  readonly shadowName?: string;
}

/** A device's shadow as readers see it. `metadata` mirrors each section with `{timestamp}` (integer ms) per leaf. */
export interface ShadowView {
  /** Grows by one per accepted change; 0 means nothing was ever said. */
  readonly version: number;
  readonly desired: JsonObject;
  readonly reported: JsonObject;
  /** What of desired is missing in or differs from reported. */
  readonly delta: JsonObject;
  readonly metadata: { readonly desired: JsonObject; readonly reported: JsonObject };
  /** For each top-level member of desired, the shadow's version that last changed it. */
  readonly desiredVersions: Readonly<Record<string, number>>;
  readonly timestampMs: number;
}

/** How a device asked for a change, so that it is answered the same way. It goes along with the change and is no part of what was said. */
export interface AskedAs {
  /** Of devices whose dialect has an answer of its own form. */
  readonly dialect?: "alibaba";
  /** Of MQTT. The answer's is not above it. */
  readonly qos: number;
}

/** Merge patches (RFC 7396) per section; null for a section clears it. */
export interface ShadowUpdate extends ShadowAddress {
  readonly desired?: JsonValue;
  readonly reported?: JsonValue;
  /** When given and not the stored version: `versionConflict` that carries the current document. */
  readonly expectedVersion?: number;
  /** `versionConflict` unless each of these members of desired was last changed by this version. */
  readonly expectedDesiredVersions?: Readonly<Record<string, number>>;
  /** Alibaba's rule: accepted if and only if above the stored version, which becomes it. Devices of that dialect only. */
  readonly nextVersion?: number;
  /** Comes back in the messages that follow from it. At most 64 bytes. */
  readonly clientToken?: string;
  /**
   * A UUID of the caller's: the same change asked for again under it within the deduplication window is not made, and answered as the first time.
   * Something else under it is another change; one that was refused may be tried again.
   */
  readonly messageId?: string;
  /** When the gateway received a device's change, so that reports it sent before and after it are told apart. Looked at for devices only. */
  readonly receivedAtMs?: number;
  /** From a gateway. Looked at for devices only. */
  readonly askedAs?: AskedAs;
}

/** One accepted change. */
export interface ShadowChange {
  readonly version: number;
  readonly atMs: number;
  /** Who: `key:{id}`, `device:{productKey}/{deviceName}`; reports from the log are the device's. */
  readonly principal: string;
  /** As they were given. Absent when the change left the section alone. */
  readonly desired?: JsonValue;
  readonly reported?: JsonValue;
  readonly clientToken?: string;
  /** Of the record in the log that it was made from. */
  readonly offset?: number;
}

/** A report that is in the log and that no document took. */
export interface RefusedReport {
  readonly messageId: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** How the shadow reports for a trace that it refused a record of the log. */
export const shadowRefusal = { protocol: "shadow", topicOf: (offset: number): string => `log/${offset}` } as const;

/**
 * Who changes a document hears `accepted`; then everyone who listens `documents`; then, when desired and reported differ and the change
 * touched either, `delta`: in this order, and for one shadow in the order of versions. Property reports from the log change the document
 * without messages.
 */
export interface ShadowApi {
  get(caller: Caller, request: ShadowAddress): Promise<ShadowView>;
  /** One accepted change. Only a device may write `reported`, and operators and back ends only `desired`. */
  update(caller: Caller, request: ShadowUpdate): Promise<ShadowView>;
  /** Empties the document; the version goes on counting. */
  delete(
    caller: Caller,
    request: ShadowAddress & Pick<ShadowUpdate, "expectedVersion" | "clientToken" | "messageId" | "askedAs">,
  ): Promise<ShadowView>;
  /** Names of the device's shadows that hold anything, the classic one left out, in order. */
  listNames(
    caller: Caller,
    request: DeviceAddress & PageRequest,
  ): Promise<{ readonly names: readonly string[]; readonly nextPageToken?: string }>;
  /** Accepted changes, newest first. */
  history(
    caller: Caller,
    request: ShadowAddress & PageRequest,
  ): Promise<{ readonly changes: readonly ShadowChange[]; readonly nextPageToken?: string }>;
  /** The document as it was at a version or time; exactly one is given. `notFound` when it was not yet, or its history is not kept any more. */
  getAt(caller: Caller, request: ShadowAddress & { readonly version?: number; readonly timeMs?: number }): Promise<ShadowView>;
  /** The device is connected and listens for deltas: it is sent the open one, if there is any. Nothing was queued while it was away. */
  deviceReady(caller: Caller, request: ShadowAddress): Promise<Record<never, never>>;
  /**
   * Waits until every report of the log up to `offset` is in its document or refused, at most `timeoutMs` (30,000 at most); says how far that is, and
   * which of the messages asked for (5,000 at most) no document took.
   */
  waitApplied(
    caller: Caller,
    request: { readonly offset: number; readonly timeoutMs: number; readonly messageIds?: readonly string[] },
  ): Promise<{ readonly offset: number; readonly refused?: readonly RefusedReport[] }>;
}
