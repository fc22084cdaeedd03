// What became of a device's messages, and whether it is there.
import type { DeviceAddress, DeviceRef } from "./ids.ts";

/** A message of a device that was not accepted, for `trace`. */
export interface Refusal {
  readonly device: DeviceRef;
  readonly atMs: number;
  readonly protocol: string;
  readonly topic: string;
  /** An error code of the platform's table. */
  readonly code: string;
  readonly reason: string;
}

export interface TraceConsumer {
  /** `history`, `shadow`, or `subscription:{name}`. */
  readonly consumer: string;
  /**
   * applied; notForIt: what was said of the past changes no shadow; refused, with the reason; acknowledged; filtered: its filter does not want it; inFlight: sent, not acknowledged; waiting: not reached yet; deadLetter;
   * discarded: a dead letter that somebody deleted; lost.
   */
  readonly state: string;
  /** How often it was sent so far, while in flight or dead. */
  readonly attempt?: number;
  /** Of a dead letter, while the webhook's endpoint is out, or where what is told follows from a filter or tags that may have been others then. */
  readonly reason?: string;
}

export interface TraceEntry {
  readonly atMs: number;
  /** `accepted` or `refused`. */
  readonly outcome: string;
  /** Of an accepted record. */
  readonly offset?: number;
  readonly messageId?: string;
  readonly kind?: string;
  readonly consumers?: readonly TraceConsumer[];
  /** Of a refused message. */
  readonly topic?: string;
  readonly protocol?: string;
  readonly code?: string;
  readonly reason?: string;
}

export interface TraceRequest extends DeviceAddress {
  /** At most 100, default 20. */
  readonly limit?: number;
  /** Which device of this name. Absent: the one there is, or else the one that was deleted last. */
  readonly deviceId?: string;
}

export interface Trace {
  readonly deviceId: string;
  /** Of a device that is gone: its trace is told as long as the log has anything of it. */
  readonly deletedAtMs?: number;
  /** Newest first. */
  readonly entries: readonly TraceEntry[];
}

/** Whether a device is connected, from its last online or offline record. */
export interface ConnectionStatus {
  readonly online: boolean;
  /** Since when; 0 when it was never seen. */
  readonly sinceMs: number;
  readonly clientId?: string;
  readonly protocol?: string;
  readonly nodeId?: string;
  readonly address?: string;
  /** Why it went. */
  readonly reason?: string;
}
