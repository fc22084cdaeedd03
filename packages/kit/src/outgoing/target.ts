// Where a request goes whose address somebody else chose. The address is checked where the socket is opened, after the name was looked up for this
// very connection, so that a name that points elsewhere a moment later (DNS rebinding) changes nothing.
import { isIP, type LookupFunction } from "node:net";
import type { AddressRules } from "./networks.ts";
import type { Resolve } from "./resolve.ts";

export interface Target {
  /** Without the brackets that IPv6 has in a URL. */
  readonly hostname: string;
  readonly port: number;
  /** Over TLS. */
  readonly secure: boolean;
  /** What the header Host says. */
  readonly host: string;
  /** With the query. */
  readonly path: string;
}

export interface TargetDeps {
  readonly rules: AddressRules;
  readonly resolve: Resolve;
}

/** The name has no address, or none that may be reached, in words for whoever chose it. */
export class TargetRefused extends Error {
  override readonly name = "TargetRefused";
}

/** Of an http or https URL. */
export function readTarget(url: string): Target {
  const { protocol, hostname, host, port, pathname, search } = new URL(url);
  const secure = protocol === "https:";
  return {
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port || (secure ? 443 : 80)),
    ...{ secure, host, path: `${pathname}${search}` },
  };
}

/**
 * Looks the name up and answers a `lookup` for the socket that knows the allowed addresses and no other. Rejects with TargetRefused.
 * `trustsPlain`: plain http is as good as https here, because what comes is signed.
 */
export async function lookUpTarget(
  { rules, resolve }: TargetDeps,
  { hostname, port, secure }: Target,
  { signal, trustsPlain = false }: { readonly signal: AbortSignal; readonly trustsPlain?: boolean },
): Promise<LookupFunction> {
  const found = isIP(hostname) === 0 ? await orAbort(resolve(hostname), signal) : [hostname];
  const refusals = found.map((address) => rules.refusal(address, port, secure || trustsPlain));
  const allowed = found.filter((_, at) => refusals[at] === undefined);
  if (allowed.length === 0) throw new TargetRefused(refusals[0] ?? "the name has no address");
  return lookupIn(allowed);
}

function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new TargetRefused("the name could not be looked up in time")), { once: true });
    promise.then(resolve, () => reject(new TargetRefused("the name could not be looked up")));
  });
}

/** Gives a socket the addresses that were checked, whatever the name means by now. */
function lookupIn(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, options, callback) => {
    const [first] = entries;
    if (options.all) callback(null, entries);
    else callback(null, first?.address ?? "", first?.family ?? 0);
  };
}
