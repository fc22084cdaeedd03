// Sessions of a device that was deleted go. The feed of changes says that something changed; that a device is gone is seen by asking for it.
import { serviceCaller } from "@mooring/contracts";
import { type Clock, type Log, type Running, startLoop } from "@mooring/kit";
import type { DeviceFeed, SessionSweep } from "./ports.ts";

export interface GoneDevicesDeps {
  readonly devices: DeviceFeed;
  readonly sweep: Pick<SessionSweep, "owningDevices" | "sessionsOfDevices">;
  readonly clock: Clock;
  readonly log: Log;
  /** How long the feed is asked to wait for a change; 1,000 unless said otherwise. */
  readonly waitMs?: number;
  /** How often all devices with sessions are looked at; ten minutes unless said otherwise. */
  readonly everyMs?: number;
}

const caller = serviceCaller("sessions");
/** Devices asked for at once: what `findTags` takes. */
const batchMax = 1_000;
const retryMs = 500;
/** A device's gateway may write about a session for a moment after the device is gone, and for longer when it was cut off. */
const everyMsDefault = 600_000;

/**
 * Follows the feed from where it ends now. All devices with sessions are looked at when it begins, when the feed does not reach from where it was to
 * where it is, and now and then: a gateway that was told late may have put a session back.
 */
export function startGoneDevices(deps: GoneDevicesDeps): Running {
  const { devices, sweep, clock, log } = deps;
  let position: number | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  const removeGone = async (deviceIds: readonly string[]): Promise<void> => {
    for (let from = 0; from < deviceIds.length; from += batchMax) {
      const asked = deviceIds.slice(from, from + batchMax);
      const found = await devices.findTags(caller, { deviceIds: asked });
      const there = new Set(found.devices.map(({ deviceId }) => deviceId));
      const gone = asked.filter((deviceId) => !there.has(deviceId));
      if (gone.length === 0) continue;
      const removed = await sweep.sessionsOfDevices(gone);
      if (removed > 0) log.info({ removed, devices: gone.length }, "removed sessions of devices that are gone");
    }
  };
  const lookAtAll = async (signal: AbortSignal): Promise<void> => {
    for (let after: string | undefined; !signal.aborted; ) {
      const some = await sweep.owningDevices(after, batchMax);
      await removeGone(some);
      after = some.at(-1);
      if (some.length < batchMax) break;
    }
    lookedAtMs = clock.now();
  };

  const follow = async (signal: AbortSignal): Promise<void> => {
    const request = position === undefined ? {} : { after: position, waitMs: deps.waitMs ?? 1_000 };
    const answer = await unlessAborted(devices.listChanges(caller, request), signal);
    if (answer === undefined) return;
    const { changes, next } = answer;
    // Nothing changed and yet another place: the feed does not reach from there to here. The first answer is such a one.
    const isBroken = changes.length === 0 && next !== position;
    if (isBroken || clock.now() - lookedAtMs > (deps.everyMs ?? everyMsDefault)) await lookAtAll(signal);
    else await removeGone([...new Set(changes.flatMap(({ deviceId }) => (deviceId === undefined ? [] : [deviceId])))]);
    // Only now: what failed is asked for again.
    position = next;
  };
  return startLoop(follow, { retryMs, onError: (error) => log.warn({ err: error }, "cannot follow which devices are gone; tried again") });
}

/** The promise's outcome, or undefined as soon as the signal aborts: nobody waits for a feed that waits. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const give = (): void => resolve(undefined);
    signal.addEventListener("abort", give, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", give));
  });
}
