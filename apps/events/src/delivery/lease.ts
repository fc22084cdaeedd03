import { PlatformError, type TenantId } from "@mooring/contracts";
import { type Clock, pause } from "@mooring/kit";
import { notFound, stopping } from "./errors.ts";
import { takeOverMarginMs } from "./limits.ts";
import type { StoredSubscription, SubscriptionStore } from "./ports.ts";

/** How often a stream looks whether the lease it waits for has run out. */
const lookMs = 250;

export interface LeaseDeps {
  readonly owner: string;
  readonly subscriptions: SubscriptionStore;
  readonly leaseClock: Clock;
  readonly leaseMs: number;
  readonly isOnly: boolean;
  readonly stopped: AbortSignal;
}

export interface Lease {
  readonly row: StoredSubscription;
  /** When it was asked for: it lasts from then on, at least. */
  readonly askedAtMs: number;
}

/**
 * Takes a subscription for this process. While another process has it and renews its lease the answer is `unavailable`; one that does not renew has
 * died, and the end of its lease is waited for, unless `wait` is false.
 */
export async function takeLease(deps: LeaseDeps, tenantId: TenantId, name: string, wait: boolean): Promise<Lease> {
  const { owner, subscriptions, leaseClock, leaseMs, isOnly, stopped } = deps;
  const giveUpAtMs = leaseClock.now() + leaseMs + takeOverMarginMs;
  let seenUntilMs: number | undefined;
  for (;;) {
    if (stopped.aborted) throw stopping();
    const askedAtMs = leaseClock.now();
    const taken = await subscriptions.take(tenantId, name, { owner, leaseMs, force: isOnly });
    if (taken !== undefined) return { row: taken, askedAtMs };
    const row = await subscriptions.find(tenantId, name);
    if (row === undefined) throw notFound(name);
    const untilMs = row.owner?.untilMs;
    const isRenewed = seenUntilMs !== undefined && untilMs !== undefined && untilMs !== seenUntilMs;
    if (!wait || isRenewed || leaseClock.now() > giveUpAtMs) {
      throw new PlatformError(
        "unavailable",
        `another process of the platform delivers the subscription ${name}; connect again to reach it`,
      );
    }
    seenUntilMs = untilMs;
    await pause(lookMs, stopped);
  }
}
