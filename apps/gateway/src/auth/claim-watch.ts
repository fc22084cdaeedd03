// Connections of claims: each claim is looked at again once a second while it has some, so that one that was taken away is gone within two; and none stays.
import { type ClaimIdentity, type DeviceApi, PlatformError, serviceCaller } from "@mooring/contracts";
import { type Log, pause, type Running, startLoop } from "@mooring/kit";

const recheckMs = 1_000;
/** A device that is provisioned comes again as itself; one that waits for something waits elsewhere. */
const lifeMs = 300_000;
/** Of one claim on one node. */
const perClaimMax = 1_000;

export interface ClaimHolder {
  end(reason: "credentialRevoked" | "tenantSuspended" | "claimOver"): void;
}

export type ClaimWatch = ReturnType<typeof createClaimWatch>;

export function createClaimWatch({ devices, log }: { readonly devices: Pick<DeviceApi, "checkClaim">; readonly log: Log }) {
  const claims = new Map<string, Map<ClaimHolder, number>>();

  const check = async (claimId: string): Promise<void> => {
    const holders = claims.get(claimId) ?? new Map<ClaimHolder, number>();
    const bornBeforeMs = performance.now() - lifeMs;
    for (const [holder, sinceMs] of [...holders]) if (sinceMs < bornBeforeMs) holder.end("claimOver");
    try {
      await devices.checkClaim(serviceCaller("gateway"), { claimId });
    } catch (error) {
      const code = error instanceof PlatformError ? error.code : "internal";
      // Not known to be bad: asked again in a second. Nothing can be done with it meanwhile that is not looked at then.
      if (code !== "unauthenticated" && code !== "permissionDenied")
        return log.warn({ err: error, claimId }, "a claim could not be checked");
      for (const holder of [...holders.keys()]) holder.end(code === "permissionDenied" ? "tenantSuspended" : "credentialRevoked");
    }
  };

  return {
    /** False when the claim has as many connections as it may. */
    hasRoom: ({ claimId }: ClaimIdentity): boolean => (claims.get(claimId)?.size ?? 0) < perClaimMax,
    add({ claimId }: ClaimIdentity, holder: ClaimHolder): void {
      const others = claims.get(claimId);
      if (others === undefined) claims.set(claimId, new Map([[holder, performance.now()]]));
      else others.set(holder, performance.now());
    },
    remove({ claimId }: ClaimIdentity, holder: ClaimHolder): void {
      const others = claims.get(claimId);
      others?.delete(holder);
      if (others?.size === 0) claims.delete(claimId);
    },
    start(): Running {
      const round = async (signal: AbortSignal): Promise<void> => {
        await pause(recheckMs, signal);
        if (!signal.aborted) await Promise.all([...claims.keys()].map(check));
      };
      return startLoop(round, { retryMs: recheckMs, onError: (error) => log.error({ err: error }, "checking claims failed") });
    },
  };
}
