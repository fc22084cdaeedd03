// What stands before every sign-on of a device: whoever failed too often waits, and what is refused here is told to the operator.
import { createHash } from "node:crypto";
import type { DeviceAddress, DeviceApi, GatewayFailure, SignOnOrigin } from "@mooring/contracts";
import type { Clock, Log, Running } from "@mooring/kit";
import { FailureReports } from "./failure-reports.ts";
import { Buckets, HoldOff } from "./hold-off.ts";

export interface GuardDeps {
  readonly devices: Pick<DeviceApi, "recordConnectionFailures">;
  readonly clock: Clock;
  readonly log: Log;
  /** Failures from one address at once; a tenth of it each second. */
  readonly failuresPerAddressMax: number;
}

/** Who somebody says to be. */
export interface Claim {
  /** What is held off, together with the address it comes from: by itself it would let strangers keep a device out. */
  readonly key: string;
  readonly device: DeviceAddress | undefined;
}

export interface Guard {
  /** False when the claim is to be refused without a look. */
  mayTry(claim: Claim, origin: SignOnOrigin): boolean;
  /** The claim was found wrong. `reason`: by the gateway itself; the devices service keeps its own. */
  failed(claim: Claim, origin: SignOnOrigin, reason?: GatewayFailure): void;
  succeeded(claim: Claim, origin: SignOnOrigin): void;
  /** Whether one more registration from this address, or of this product, is taken. */
  mayRegister(productKey: string, address: string): boolean;
  start(): Running;
}

const perDevice = { free: 5, firstMs: 1_000, maxMs: 60_000, forgetMs: 600_000, entriesMax: 50_000 };
const entriesMax = 50_000;
/** A line of production that brings up its devices one after the other, several a second; and a fleet of several such lines. */
const registrationsPerAddress = { burst: 60, perSecond: 5, entriesMax };
const registrationsPerProduct = { burst: 300, perSecond: 50, entriesMax };

export function createGuard({ devices, clock, log, failuresPerAddressMax }: GuardDeps): Guard {
  const holdOff = new HoldOff(perDevice);
  const byAddress = new Buckets({ burst: failuresPerAddressMax, perSecond: failuresPerAddressMax / 10, entriesMax });
  const registering = [new Buckets(registrationsPerAddress), new Buckets(registrationsPerProduct)] as const;
  const reports = new FailureReports({ devices, clock, log });
  const report = ({ device }: Claim, origin: SignOnOrigin, reason: GatewayFailure): void => {
    if (device !== undefined) reports.add({ ...device, ...origin, reason });
  };

  return {
    mayTry(claim, origin) {
      const nowMs = performance.now();
      const { address } = origin;
      if (byAddress.has(address, nowMs) && holdOff.mayTry(`${claim.key}@${address}`, nowMs)) return true;
      report(claim, origin, "held-off");
      return false;
    },
    failed(claim, origin, reason) {
      const nowMs = performance.now();
      byAddress.take(origin.address, nowMs);
      holdOff.failed(`${claim.key}@${origin.address}`, nowMs);
      if (reason !== undefined) report(claim, origin, reason);
    },
    succeeded(claim, { address }) {
      holdOff.succeeded(`${claim.key}@${address}`);
    },
    mayRegister(productKey, address) {
      const nowMs = performance.now();
      // The address first: one that asks too often must not use up what its product has for others.
      return registering[0].take(address, nowMs) && registering[1].take(productKey, nowMs);
    },
    start: () => reports.start(),
  };
}

/** Somebody by a name that was said. */
export function claimOf(device: DeviceAddress | undefined): Claim {
  return { key: device === undefined ? "-" : `${device.deviceName}&${device.productKey}`, device };
}

/** Somebody by a certificate; whose it is, is not known yet. */
export function claimOfCertificate(der: Uint8Array): Claim {
  return { key: createHash("sha1").update(der).digest("base64"), device: undefined };
}
