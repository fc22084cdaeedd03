import { followSuspendedTenants } from "@mooring/cluster";
import type { AccessApi } from "@mooring/contracts";
import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";
import { nameUnnamed } from "./key-names.ts";
import type { DeviceStores } from "./ports.ts";

/** A gateway that was out of reach for longer looks at everything again anyway. */
const keptMs = 3_600_000;
const removeEveryMs = 600_000;
/** A revoked certificate stays on one list more after its end (RFC 5280 §3.3); lists are made for a day. */
const listedAfterEndMs = 2 * 86_400_000;
/** A certificate that was replaced stops working this soon after its overlap, live connections included: see the feed of changes. */
const endEveryMs = 1_000;
/** One transaction's worth; other changes wait for it. */
const endsMax = 200;

/** Certificates of before their keys were named, per step. */
const namedMax = 500;

export interface UpkeepDeps {
  readonly stores: Pick<DeviceStores, "authorities" | "lists" | "changes" | "certificates">;
  readonly clock: Clock;
  readonly log: Log;
}

/** What time alone changes: the feed is kept from growing without end, certificates come to theirs. Any number of processes may run it. */
export function startUpkeep({ stores, clock, log }: UpkeepDeps): Running {
  const { authorities, lists, changes, certificates } = stores;
  let isNamed = false;
  let removedAtMs = Number.NEGATIVE_INFINITY;
  const step = async (signal: AbortSignal): Promise<void> => {
    if (performance.now() - removedAtMs >= removeEveryMs) {
      const removed = await changes.removeOlderThan(keptMs);
      const ended = await authorities.removeEndedRevocations(clock.now() - listedAfterEndMs);
      await nameUnnamed(authorities);
      removedAtMs = performance.now();
      if (ended > 0) log.debug({ ended }, "removed revocations of certificates that have ended");
      if (removed > 0) log.debug({ removed }, "removed old device changes");
    }
    const superseded = await certificates.supersedeDue(clock.now(), endsMax);
    const noticed = await certificates.noticeEnds(clock.now(), endsMax);
    const overdue = await lists.tellOverdue(clock.now(), endsMax);
    const named = isNamed ? 0 : await certificates.nameKeys(namedMax);
    isNamed ||= named < namedMax;
    if (overdue > 0) log.warn({ overdue }, "revocation lists of registered authorities have become too old");
    if (superseded > 0 || noticed > 0) log.debug({ superseded, noticed }, "certificates came to their end, or near it");
    if (superseded < endsMax && noticed < endsMax && overdue < endsMax) await pause(endEveryMs, signal);
  };
  return startLoop(step, { retryMs: 5_000, onError: (error) => log.warn({ err: error }, "upkeep of devices failed; trying again") });
}

export interface SuspensionDeps {
  readonly stores: Pick<DeviceStores, "suspensions">;
  readonly access: Pick<AccessApi, "listSuspendedTenants">;
  readonly log: Log;
}

/** Keeps the devices of suspended tenants out, and lets them in again. Any number of processes may run it. */
export function startSuspensions({ stores, access, log }: SuspensionDeps): Running {
  return followSuspendedTenants({ access, service: "devices", onChange: (tenantIds) => stores.suspensions.replace([...tenantIds]), log });
}
