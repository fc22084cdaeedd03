import { createHash } from "node:crypto";
import { type AccessApi, type Caller, PlatformError, serviceCaller } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import { limits } from "./limits.ts";

/** The caller behind an `Authorization` header. Throws `unauthenticated`, or what `access` failed with: nobody is let in meanwhile. */
export type AuthenticateHeader = (header: string | undefined) => Promise<Caller>;

interface Remembered {
  readonly sinceMs: number;
  readonly caller: Promise<Caller>;
}

/** RFC 6750 §2.1. */
const bearerPattern = /^Bearer +([\x21-\x7e]{1,200})$/i;

export interface KeyMemoryDeps {
  readonly access: Pick<AccessApi, "authenticateKey">;
  readonly clock: Clock;
  /** How long an answer is kept; `limits.keyTrustMs` when not given. */
  readonly trustMs?: number;
}

/**
 * Asks `access` once per key and `trustMs`. Only answers that let someone in are kept, under the hash of the key, and counted from the moment
 * the question was asked, so a key that was revoked works for at most `trustMs`.
 */
export function createKeyMemory(deps: KeyMemoryDeps): (secret: string) => Promise<Caller> {
  const trustMs = deps.trustMs ?? limits.keyTrustMs;
  const self = serviceCaller("admin-api");
  const known = new Map<string, Remembered>();

  function ask(secret: string): Promise<Caller> {
    const id = createHash("sha256").update(secret).digest("base64");
    const nowMs = deps.clock.now();
    const remembered = known.get(id);
    if (remembered !== undefined) {
      const ageMs = nowMs - remembered.sinceMs;
      // An age below zero is a clock that was set back: the entry's true age is not known.
      if (ageMs >= 0 && ageMs < trustMs) return remembered.caller;
    }
    const caller = deps.access.authenticateKey(self, { secret });
    const entry = { sinceMs: nowMs, caller };
    known.delete(id);
    known.set(id, entry);
    dropOldest();
    caller.catch(() => {
      if (known.get(id) === entry) known.delete(id);
    });
    return caller;
  }

  function dropOldest(): void {
    for (const id of known.keys()) {
      if (known.size <= limits.keysMax) return;
      known.delete(id);
    }
  }

  return ask;
}

/** Who asks over HTTP. */
export function createAuthenticator(deps: KeyMemoryDeps): AuthenticateHeader {
  const ask = createKeyMemory(deps);
  return async (header) => {
    const match = bearerPattern.exec(header ?? "");
    if (match === null) throw new PlatformError("unauthenticated", "send the header Authorization: Bearer <API key>");
    return ask(match[1] ?? "");
  };
}

/** RFC 6750 §3: an error is named only to those who sent a credential. */
export function challenge(header: string | undefined): string {
  return header === undefined ? 'Bearer realm="mooring"' : 'Bearer realm="mooring", error="invalid_token"';
}
