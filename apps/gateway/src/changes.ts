// A right taken away is gone within two seconds: every change of a device, credential or product is followed, and what it touches looked at again.
import { type DeviceApi, type DeviceChange, PlatformError, serviceCaller } from "@mooring/contracts";
import { type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { Guard } from "./auth/guard.ts";
import type { Models } from "./route/models.ts";
import type { Outlet, Registry } from "./route/registry.ts";
import type { Topology } from "./route/topology.ts";

export interface ChangesDeps {
  readonly devices: Pick<DeviceApi, "listChanges" | "checkCredential">;
  readonly registry: Registry;
  readonly models: Models;
  readonly topology: Pick<Topology, "forget">;
  readonly guard: Pick<Guard, "onChange" | "onUnknownChanges">;
  readonly log: Log;
  /** How long the feed is asked to wait for a change; 1,000 unless said otherwise. */
  readonly waitMs?: number;
}

/** After so long without the feed, everything is checked when it is back: it may have forgotten what it said meanwhile. */
const blindMsMax = 5_000;
const retryMs = 500;
/** Credential checks under way at once. */
const checksMax = 32;

export type Changes = ReturnType<typeof createChanges>;

export function createChanges(deps: ChangesDeps) {
  const { registry, log } = deps;
  let generation = 0;
  let position: number | undefined;
  let heardAt = performance.now();
  const queue = new Set<Outlet>();
  let checking = 0;

  const check = async (outlet: Outlet): Promise<void> => {
    const { credentialId, device } = outlet.identity;
    try {
      await deps.devices.checkCredential(serviceCaller("gateway"), { deviceId: device.deviceId, credentialId });
    } catch (error) {
      const code = error instanceof PlatformError ? error.code : "internal";
      if (code === "permissionDenied") return outlet.end("tenantSuspended");
      if (code === "unauthenticated" || code === "notFound") return outlet.end("credentialRevoked");
      // Not known to be bad: asked again until there is an answer, or the connection ends.
      log.warn({ err: error, deviceId: device.deviceId }, "a credential could not be checked");
      await pause(retryMs);
      if (registry.find(device.deviceId, outlet.clientId) === outlet) queue.add(outlet);
    }
  };
  const work = (): void => {
    for (const outlet of queue) {
      if (checking >= checksMax) return;
      queue.delete(outlet);
      checking++;
      void check(outlet).finally(() => {
        checking--;
        work();
      });
    }
  };
  const recheck = (outlets: Iterable<Outlet>): void => {
    for (const outlet of outlets) queue.add(outlet);
    work();
  };

  const recheckAll = (): void => {
    generation++;
    deps.models.invalidate();
    deps.topology.forget();
    deps.guard.onUnknownChanges();
    recheck(registry.all());
  };
  const apply = (changes: readonly DeviceChange[]): void => {
    if (changes.length === 0) return;
    generation++;
    const products = new Set<string>();
    for (const change of changes) {
      const { productKey, deviceId } = change;
      deps.guard.onChange(change);
      if (deviceId !== undefined) deps.topology.forget({ deviceId });
      if (deviceId !== undefined) recheck(registry.ofDevice(deviceId));
      else products.add(productKey);
    }
    for (const productKey of products) {
      deps.models.invalidate(productKey);
      recheck(registry.ofProduct(productKey));
    }
  };

  const follow = async (signal: AbortSignal): Promise<void> => {
    try {
      // The first answer says where the feed ends now. Connections may be older than that, so it counts as a broken one.
      const request = position === undefined ? { after: undefined } : { after: position, waitMs: deps.waitMs ?? 1_000 };
      const asked = deps.devices.listChanges(serviceCaller("gateway"), request.after === undefined ? {} : request);
      const answer = await unlessAborted(asked, signal);
      if (answer === undefined) return;
      const { changes, next } = answer;
      const wasBlind = performance.now() - heardAt > blindMsMax;
      // No changes and yet another place: the feed does not reach from there to here, so it cannot say what changed.
      const isBroken = changes.length === 0 && next !== request.after;
      heardAt = performance.now();
      position = next;
      if (wasBlind || isBroken) recheckAll();
      else apply(changes);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, "the feed of changes cannot be read; it is tried again");
      await pause(retryMs, signal);
    }
  };

  return {
    /** Grows with everything that was heard of. A verdict reached before it grew is to be reached again. */
    get generation(): number {
      return generation;
    },
    /** Looks at one connection again: for one that was let in while a change was being told. */
    recheck: (outlet: Outlet) => recheck([outlet]),
    start: (): Running => startLoop(follow, { retryMs, onError: (error) => log.error({ err: error }, "following changes failed") }),
  };
}

/** The promise's outcome, or undefined as soon as the signal aborts: nobody waits for a feed that waits. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const give = (): void => resolve(undefined);
    signal.addEventListener("abort", give, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", give));
  });
}
