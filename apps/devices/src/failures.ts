import {
  assertMay,
  type DeviceApi,
  deviceNamePattern,
  invalidField,
  type NewConnectionFailure,
  productKeyPattern,
} from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import type { FailureBook } from "./failure-book.ts";
import { gatewayReasons, wordsOf } from "./failure-words.ts";
import { noDevice, parseAddress, tenantOf } from "./input.ts";
import type { DeviceStore, FailureStore } from "./ports.ts";

export type FailureOperations = Pick<DeviceApi, "recordConnectionFailures" | "listConnectionFailures">;

export interface FailureDeps {
  readonly devices: DeviceStore;
  readonly store: FailureStore;
  readonly book: FailureBook;
  readonly clock: Clock;
}

export const failuresAtOnceMax = 500;
const fingerprintPattern = /^[0-9a-f]{64}$/;
/** Older ones say nothing about why a device cannot connect now. */
const shownMs = 7 * 86_400_000;

export function createFailureOperations({ devices, store, book, clock }: FailureDeps): FailureOperations {
  return {
    async recordConnectionFailures(caller, { failures }) {
      assertMay(caller, "devices.recordConnectionFailures");
      if (failures.length > failuresAtOnceMax)
        throw invalidField("/failures", `at most ${failuresAtOnceMax} at once, not ${failures.length}`);
      // The names come from whoever tried to connect: most that are none are of no device.
      for (const failure of failures) if (isFailure(failure)) book.add(failure);
      return {};
    },

    async listConnectionFailures(caller, request) {
      assertMay(caller, "devices.listConnectionFailures");
      const device = await devices.find({ tenantId: tenantOf(caller) }, parseAddress(request));
      if (device === undefined) throw noDevice();
      await book.flush();
      const nowMs = clock.now();
      const failures = await store.list(device.deviceId, { sinceMs: nowMs - shownMs, nowMs });
      return { failures: failures.map((failure) => ({ ...failure, message: wordsOf(failure.reason) })) };
    },
  };
}

function isFailure({ productKey, deviceName, fingerprint, reason, count, atMs, heldOffUntilMs = atMs }: NewConnectionFailure): boolean {
  const isNamed = productKeyPattern.test(productKey) && deviceNamePattern.test(deviceName);
  const isShown = fingerprint !== undefined && fingerprintPattern.test(fingerprint) && productKey === "" && deviceName === "";
  const isCounted = Number.isSafeInteger(count) && count >= 1 && count <= 1_000_000 && isTime(atMs) && isTime(heldOffUntilMs);
  return (fingerprint === undefined ? isNamed : isShown) && isCounted && gatewayReasons.has(reason);
}

/** What Postgres can store, and more. */
function isTime(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms < 1e14;
}
