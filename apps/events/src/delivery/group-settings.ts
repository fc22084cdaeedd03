import type { TenantId } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import type { Matcher } from "./filter.ts";

/** Of all groups of the process; read at scrape time. */
export interface DeliveryCounters {
  delivered: number;
  redelivered: number;
  acknowledged: number;
  deadLetters: number;
  lost: number;
}

export interface GroupDeps {
  /** Of deadlines and backoffs. Monotonic; only differences count. */
  readonly clock: Clock;
  /** Of leases, which end by the clock of the database: monotonic as well, and never a test's. */
  readonly leaseClock: Clock;
  readonly random: () => number;
  readonly counters: DeliveryCounters;
  /** The group can take records again after it could not. */
  readonly onRoom: () => void;
}

export interface GroupSettings {
  readonly tenantId: TenantId;
  readonly name: string;
  matcher: Matcher;
  acknowledgeWithinMs: number;
  deliveriesMax: number;
  hasWebhook: boolean;
}

/** Where a record is, for `trace`. */
export interface EntryState {
  readonly state: "acknowledged" | "inFlight" | "waiting";
  readonly attempt: number;
}
