import { type DeviceAddress, type DeviceIdentity, PlatformError, type SignOnOrigin } from "@mooring/contracts";
import type { Log, Metrics } from "@mooring/kit";
import type { FailureBook } from "./failure-book.ts";

/** The device, or why it is none: for the log, the figures and the operator, never for the peer. */
export type Verdict = DeviceIdentity | Refused;

export interface Refused {
  readonly refused: string;
  /** Said where it holds a credential of the device all the same; see About. */
  readonly proven?: boolean;
}

/** How it tried to prove who it is. */
export type Method = "certificate" | "secret" | "token" | "jwt" | "psk" | "session" | "registration" | "claim" | "check";

export interface About {
  /** The device in whose name it was tried, as far as that was said. */
  readonly device?: DeviceAddress | undefined;
  readonly origin?: SignOnOrigin | undefined;
  /** It holds a credential of the device, whatever else is wrong: not anybody can have done this in the device's name. */
  readonly proven?: boolean;
  /** More for the log. */
  readonly facts?: object;
}

export interface ConcludeDeps {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly failures: Pick<FailureBook, "add">;
}

/** Why devices of a suspended tenant are refused. */
export const suspendedReason = "tenant-suspended";

/** What a device's status says against it, if it does. */
export function judgeStatus(deviceStatus: string): Refused | undefined {
  if (deviceStatus === "enabled") return undefined;
  return { refused: deviceStatus === "suspended" ? suspendedReason : "disabled" };
}

/**
 * Counts the verdict; hands on what was found, or throws the one sentence that every refused peer hears: `unauthenticated`, or `permissionDenied` when all
 * that is wrong is that the tenant is suspended.
 */
export type Conclude = <T extends object>(method: Method, verdict: T, about: About) => Exclude<T, Refused>;

export function createConclude({ log, metrics, failures }: ConcludeDeps): Conclude {
  const help = "Devices' proofs of identity, by outcome.";
  const counter = metrics.counter("mooring_device_authentications_total", help, ["method", "outcome"]);
  return (method, verdict, { device, origin, proven = false, facts }) => {
    if (!isRefused(verdict)) {
      counter.inc({ method, outcome: "accepted" });
      return verdict as Exclude<typeof verdict, Refused>;
    }
    const { refused: reason } = verdict;
    counter.inc({ method, outcome: reason });
    log.info({ method, reason, ...device, ...origin, ...facts }, "refused a device");
    if (device !== undefined && origin !== undefined)
      failures.add({ ...device, ...origin, reason, proven: proven || verdict.proven === true });
    // Who hears this has proved who it is, or can prove nothing while it is so.
    if (reason === suspendedReason) throw new PlatformError("permissionDenied", "the tenant is suspended");
    throw new PlatformError("unauthenticated", "the device could not be authenticated");
  };
}

export function isRefused(verdict: object): verdict is Refused {
  return "refused" in verdict;
}
