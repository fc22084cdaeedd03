// Tokens in place of proofs, for devices whose protocol has no connection that could remember who they are. Nothing is stored: a token says sealed
// whose it is, by which credential and until when, and is worth what that credential is worth when it is shown.
import { PlatformError } from "@mooring/contracts";
import type { Sealer } from "@mooring/pki";

export const sessionMs = 7 * 86_400_000;
const place = "device-session";
/** Left out of a token: firmware has room for 192 characters. */
const prefix = "mooring-sealed.v1.";

export interface DeviceSession {
  readonly deviceId: string;
  readonly credentialId: string;
  readonly validUntilMs: number;
}

export function sealSession(sealer: Sealer, { deviceId, credentialId, validUntilMs }: DeviceSession): string {
  return sealer.seal(`${validUntilMs}.${deviceId}.${credentialId}`, place).slice(prefix.length);
}

/** Undefined for what is no token of ours. */
export function openSession(sealer: Sealer, token: unknown): DeviceSession | undefined {
  if (typeof token !== "string" || !/^[\w.-]{32,512}$/.test(token)) return undefined;
  const text = unseal(sealer, token);
  const [, until = "", deviceId = "", credentialId = ""] = /^(\d+)\.([0-9a-f-]{36})\.(.+)$/.exec(text ?? "") ?? [];
  return until === "" ? undefined : { deviceId, credentialId, validUntilMs: Number(until) };
}

function unseal(sealer: Sealer, token: string): string | undefined {
  try {
    return sealer.unseal(prefix + token, place).toString("utf8");
  } catch (error) {
    // Made up, damaged, or of a key that is no more: to whom it may concern it is no token.
    if (error instanceof PlatformError) return undefined;
    throw error;
  }
}
