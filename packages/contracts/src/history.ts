// The history of properties: points, and intervals of them.
import type { DeviceAddress } from "./ids.ts";
import type { JsonValue } from "./json.ts";

/** Which properties of a device. */
export interface HistorySelection extends DeviceAddress {
  readonly property?: string;
  /** Several, at most 300, together with `property` if that is given. None of both: all that there are. */
  readonly properties?: readonly string[];
}

export interface HistoryQuery extends HistorySelection {
  /** Inclusive. */
  readonly fromMs?: number;
  /** Exclusive. */
  readonly toMs?: number;
  readonly pageSize?: number;
  readonly pageToken?: string;
}

export interface HistoryPoint {
  readonly property: string;
  readonly timeMs: number;
  readonly value: JsonValue;
  readonly messageId: string;
}

export interface HistoryAggregateQuery extends HistorySelection {
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /** Width of the intervals, which begin at multiples of it since 1970 UTC. At least 1,000; at most 10,000 intervals, of all properties together. */
  readonly intervalMs: number;
}

/** Points of one interval; intervals without points are left out. */
export interface HistoryInterval {
  readonly property: string;
  readonly startMs: number;
  readonly count: number;
  /** Of the numbers among the values; absent when there are none. */
  readonly min?: number;
  readonly max?: number;
  readonly avg?: number;
  readonly last: JsonValue;
}
