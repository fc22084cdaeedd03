// Who asks: the certificate of the TLS connection, looked up again at each request unless that was done a moment ago.
import type { TLSSocket } from "node:tls";
import { type DeviceApi, type DeviceIdentity, PlatformError } from "@mooring/contracts";
import { authenticateCertificate, shownCertificate } from "../auth/client-certificate.ts";
import { claimOfCertificate, type Guard } from "../auth/guard.ts";
import type { Changes } from "../changes.ts";
import type { RareCounters } from "../counters.ts";
import { peerAddress } from "../sockets.ts";

export interface IdentifyDeps {
  readonly devices: Pick<DeviceApi, "authenticateCertificate">;
  readonly changes: Pick<Changes, "generation">;
  readonly guard: Pick<Guard, "mayTry" | "failed" | "succeeded">;
  readonly rare: RareCounters;
}

/** The word for this door in records and failures. */
export const httpProtocol = "https";

/** How long a verdict holds, unless a change is heard of before: a right taken away is gone within two seconds. */
const verdictMsMax = 1_000;

interface Verdict {
  readonly identity: DeviceIdentity;
  readonly generation: number;
  readonly atMs: number;
}

/** Rejects with `unauthenticated`, or with what says that nobody could tell. */
export function createIdentify(deps: IdentifyDeps): (socket: TLSSocket) => Promise<DeviceIdentity> {
  const verdicts = new WeakMap<TLSSocket, Verdict>();
  return async (socket) => {
    const { generation } = deps.changes;
    const known = verdicts.get(socket);
    if (known !== undefined && known.generation === generation && performance.now() - known.atMs < verdictMsMax) return known.identity;
    const shown = shownCertificate(socket);
    if (shown === undefined) {
      deps.rare.onAuthFailure("noCredential");
      throw new PlatformError("unauthenticated", "send a client certificate in the TLS handshake");
    }
    const atMs = performance.now();
    const [claim, origin] = [claimOfCertificate(shown.der), { protocol: httpProtocol, address: peerAddress(socket) ?? "" }];
    if (!deps.guard.mayTry(claim, origin)) {
      deps.rare.onAuthFailure("heldOff");
      throw new PlatformError("quotaExceeded", "too many failures before; wait a minute");
    }
    try {
      const identity = await authenticateCertificate(deps.devices, shown, origin);
      deps.guard.succeeded(claim, origin);
      verdicts.set(socket, { identity, generation, atMs });
      return identity;
    } catch (error) {
      verdicts.delete(socket);
      const code = error instanceof PlatformError ? error.code : "internal";
      const isVerdict = code === "unauthenticated";
      deps.rare.onAuthFailure(
        isVerdict
          ? "certificate"
          : code === "permissionDenied"
            ? "tenantSuspended"
            : code === "failedPrecondition"
              ? "certificate"
              : "unavailable",
      );
      if (code === "permissionDenied") throw error;
      if (code === "failedPrecondition")
        throw new PlatformError("permissionDenied", "a claim's certificate is good for POST /ext/claim/provision alone", { cause: error });
      if (isVerdict) {
        deps.guard.failed(claim, origin);
        throw error;
      }
      throw new PlatformError("unavailable", "the certificate cannot be checked now", { cause: error });
    }
  };
}
