import { type Caller, type EventApi, PlatformError, pageSizeMax } from "@mooring/contracts";
import type { Clock, Log } from "@mooring/kit";
import { ownSubscriptionPrefix } from "../own-subscriptions.ts";

/**
 * Deletes subscriptions of streams whose process died before it could. No stream is older than `lifeMs`, so what is older than twice that
 * belongs to none, whichever process made it.
 */
export function createSweeper(
  deps: { readonly events: EventApi; readonly clock: Clock; readonly log: Log },
  bounds: { readonly lifeMs: number; readonly sweepMs: number },
): { sweep(caller: Caller): Promise<void> } {
  /** Tenants that were looked at within `sweepMs`, oldest first. */
  const sweptAtMs = new Map<string, number>();

  function forgetOld(nowMs: number): void {
    for (const [tenant, atMs] of sweptAtMs) {
      if (nowMs - atMs < bounds.sweepMs) return;
      sweptAtMs.delete(tenant);
    }
  }

  async function sweepPage(caller: Caller, pageToken: string | undefined): Promise<string | undefined> {
    const page = await deps.events.listSubscriptions(caller, { pageSize: pageSizeMax, ...(pageToken === undefined ? {} : { pageToken }) });
    const bornBeforeMs = deps.clock.now() - 2 * bounds.lifeMs;
    for (const { name, createdAtMs } of page.subscriptions) {
      if (!name.startsWith(ownSubscriptionPrefix) || createdAtMs >= bornBeforeMs) continue;
      await deps.events.deleteSubscription(caller, { name }).catch((error: unknown) => {
        // Another process was quicker.
        if (!(error instanceof PlatformError && error.code === "notFound")) throw error;
      });
    }
    return page.nextPageToken;
  }

  return {
    /** Looks at the caller's tenant, unless that was done a short while ago. Never rejects: the next one tries again. */
    async sweep(caller) {
      const nowMs = deps.clock.now();
      forgetOld(nowMs);
      if (sweptAtMs.has(caller.tenantId)) return;
      sweptAtMs.set(caller.tenantId, nowMs);
      try {
        let token: string | undefined;
        do token = await sweepPage(caller, token);
        while (token !== undefined);
      } catch (error) {
        sweptAtMs.delete(caller.tenantId);
        deps.log.warn({ err: error }, "leftovers of event streams could not be looked for");
      }
    },
  };
}
