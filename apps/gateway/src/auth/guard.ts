// What stands before every sign-on of a device: whoever failed too often waits, and what is refused here is told to the operator.
import { createHash } from "node:crypto";
import {
  type DeviceAddress,
  type DeviceApi,
  type DeviceChange,
  deviceNamePattern,
  type GatewayFailure,
  productKeyPattern,
  type SignOnOrigin,
} from "@mooring/contracts";
import type { Clock, Log, Metrics, Running } from "@mooring/kit";
import { FailureReports } from "./failure-reports.ts";
import { Buckets, HoldOff } from "./hold-off.ts";
import { networkOf } from "./network.ts";

export interface GuardDeps {
  readonly devices: Pick<DeviceApi, "recordConnectionFailures">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Failures from one address at once; a tenth of it each second. */
  readonly failuresPerAddressMax: number;
}

/** Who somebody says to be. */
export interface Claim {
  /** What is held off, together with the address it comes from: by itself it would let strangers keep a device out. */
  readonly key: string;
  readonly device: DeviceAddress | undefined;
  /** SHA-256 of the certificate, lowercase hex: whose it is, is not known yet. */
  readonly fingerprint?: string;
  /** When the attempt began. */
  readonly atMs: number;
}

export interface Guard {
  /** False when the claim is to be refused without a look. */
  mayTry(claim: Claim, origin: SignOnOrigin): boolean;
  /** The claim was found wrong. `reason`: by the gateway itself; the devices service keeps its own. */
  failed(claim: Claim, origin: SignOnOrigin, reason?: GatewayFailure): void;
  succeeded(claim: Claim, origin: SignOnOrigin): void;
  /** Ends the waiting of whom a change may have let in. */
  onChange(change: DeviceChange): void;
  /** Ends the waiting of all: which changes there were is not known. */
  onUnknownChanges(): void;
  /** Whether one more registration from this address, or of what is `whose` (a product, a claim), is looked at. */
  mayRegister(whose: string, address: string): boolean;
  /** It was proved to be what it said: only then it counts for `whose`, or strangers could use up what that has. */
  registered(whose: string): void;
  start(): Running;
}

const perDevice = { free: 5, firstMs: 1_000, maxMs: 60_000, forgetMs: 600_000, entriesMax: 50_000 };
const entriesMax = 50_000;
/** A line of production that brings up its devices one after the other, several a second; and a fleet of several such lines. */
const registrationsPerAddress = { burst: 60, perSecond: 5, entriesMax };
const registrationsPerProduct = { burst: 300, perSecond: 50, entriesMax };

export function createGuard({ devices, clock, log, metrics, failuresPerAddressMax }: GuardDeps): Guard {
  const holdOff = new HoldOff(perDevice);
  const byAddress = new Buckets({ burst: failuresPerAddressMax, perSecond: failuresPerAddressMax / 10, entriesMax });
  const registering = [new Buckets(registrationsPerAddress), new Buckets(registrationsPerProduct)] as const;
  const reports = new FailureReports({ devices, clock, log });
  const help = "Devices, certificates and names, each at an address, whose sign-ons are refused without a look because too many failed.";
  metrics.gauge("mooring_gateway_held_off", help, () => holdOff.countHeld(performance.now()));
  const report = ({ device, fingerprint }: Claim, origin: SignOnOrigin, reason: GatewayFailure, waitMs?: number): void => {
    if (device === undefined && fingerprint === undefined) return;
    const about = { ...(device ?? { productKey: "", deviceName: "" }), ...(fingerprint !== undefined && { fingerprint }) };
    reports.add({ ...about, ...origin, reason, ...(waitMs !== undefined && { heldOffUntilMs: clock.now() + Math.ceil(waitMs) }) });
  };

  return {
    mayTry(claim, origin) {
      const nowMs = performance.now();
      const address = networkOf(origin.address);
      const untilMs = holdOff.heldUntilMs(claim.key, address, nowMs);
      if (untilMs === 0 && byAddress.has(address, nowMs)) return true;
      report(claim, origin, "held-off", Math.max(untilMs - nowMs, byAddress.msUntilNext(address, nowMs)));
      return false;
    },
    failed(claim, origin, reason) {
      const nowMs = performance.now();
      const address = networkOf(origin.address);
      byAddress.take(address, nowMs);
      holdOff.failed(claim.key, address, nowMs, claim.atMs);
      if (reason !== undefined) report(claim, origin, reason);
    },
    succeeded(claim, { address }) {
      holdOff.succeeded(claim.key, networkOf(address));
    },
    onChange({ productKey, deviceId, deviceName, fingerprints = [] }) {
      const nowMs = performance.now();
      if (deviceName !== undefined) holdOff.forget(keyOf({ productKey, deviceName }), nowMs);
      for (const fingerprint of fingerprints) holdOff.forget(fingerprint, nowMs);
      if (deviceId !== undefined) return;
      // Of what product a certificate's device is, is not known here; an authority's change is told as one of its products.
      holdOff.forgetWhere((who) => who.endsWith(`&${productKey}`) || fingerprintPattern.test(who), nowMs);
    },
    onUnknownChanges() {
      holdOff.forgetWhere(() => true, performance.now());
    },
    mayRegister(whose, address) {
      const nowMs = performance.now();
      // The address first: one that asks too often must not learn anything of others.
      return registering[0].take(networkOf(address), nowMs) && registering[1].has(whose, nowMs);
    },
    registered(whose) {
      registering[1].take(whose, performance.now());
    },
    start: () => reports.start(),
  };
}

const fingerprintPattern = /^[0-9a-f]{64}$/;

/** Somebody by a name that was said. What can be no device's is kept by nobody: it may be of thousands of characters, and is told as no name. */
export function claimOf(said: DeviceAddress | undefined): Claim {
  const isName = said !== undefined && deviceNamePattern.test(said.deviceName) && productKeyPattern.test(said.productKey);
  const device = isName ? said : undefined;
  return { key: device === undefined ? "-" : keyOf(device), device, atMs: performance.now() };
}

/** Somebody with a token that says whose it is to nobody but the devices service: held off with the address, and never for what others did there. */
export function claimOfSession(): Claim {
  return { key: "session", device: undefined, atMs: performance.now() };
}

function keyOf({ productKey, deviceName }: DeviceAddress): string {
  return `${deviceName}&${productKey}`;
}

/** Somebody by a certificate; whose it is, is not known yet. */
export function claimOfCertificate(der: Uint8Array): Claim {
  const fingerprint = createHash("sha256").update(der).digest("hex");
  return { key: fingerprint, device: undefined, fingerprint, atMs: performance.now() };
}
