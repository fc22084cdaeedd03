// API keys of back ends that use the broker: looked at again once a second while they are connected, so that a revoked one is gone within two.
import { type AccessApi, PlatformError, serviceCaller } from "@mooring/contracts";
import { type Log, pause, type Running, startLoop } from "@mooring/kit";

/** Every API key begins so, which no device's password does: those are hexadecimal. */
const start = "mk_";
const keyBytesMax = 256;
const recheckMs = 1_000;

/** The API key in a password, or undefined when it is none. */
export function apiKeyOf(password: Uint8Array | null): string | undefined {
  if (password === null || password.length > keyBytesMax) return undefined;
  const text = Buffer.from(password).toString("latin1");
  return text.startsWith(start) ? text : undefined;
}

export interface OperatorKeysDeps {
  readonly access: Pick<AccessApi, "authenticateKey" | "findScramVerifier">;
  readonly log: Log;
}

/** A connection that a key let in. */
export interface KeyHolder {
  /** The key is good no more, or its tenant is suspended. */
  onKeyRevoked(reason: "credentialRevoked" | "tenantSuspended"): void;
}

export type OperatorKeys = ReturnType<typeof createOperatorKeys>;

export function createOperatorKeys({ access, log }: OperatorKeysDeps) {
  const holders = new Map<string, Set<KeyHolder>>();

  const check = async (key: string): Promise<void> => {
    try {
      if (key.startsWith(start)) await access.authenticateKey(serviceCaller("gateway"), { secret: key });
      else await access.findScramVerifier(serviceCaller("gateway"), { keyId: key });
    } catch (error) {
      const code = error instanceof PlatformError ? error.code : "internal";
      // Not known to be bad: asked again in a second.
      if (code !== "unauthenticated" && code !== "permissionDenied") return log.warn({ err: error }, "an API key could not be checked");
      const reason = code === "permissionDenied" ? "tenantSuspended" : "credentialRevoked";
      for (const holder of [...(holders.get(key) ?? [])]) holder.onKeyRevoked(reason);
    }
  };

  return {
    /** `key` is the key's secret, or its id where the secret was proved and not said. */
    add(key: string, holder: KeyHolder): void {
      const others = holders.get(key);
      if (others === undefined) holders.set(key, new Set([holder]));
      else others.add(holder);
    },
    remove(key: string, holder: KeyHolder): void {
      const others = holders.get(key);
      others?.delete(holder);
      if (others?.size === 0) holders.delete(key);
    },
    start(): Running {
      const round = async (signal: AbortSignal): Promise<void> => {
        await pause(recheckMs, signal);
        if (!signal.aborted) await Promise.all([...holders.keys()].map(check));
      };
      return startLoop(round, { retryMs: recheckMs, onError: (error) => log.error({ err: error }, "checking API keys failed") });
    },
  };
}
