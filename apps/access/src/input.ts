import { invalidField, type Role } from "@mooring/contracts";

/** The roles a key may have; the others are for devices and the platform's own processes. */
export const keyRoles = ["owner", "operator", "backend", "viewer"] as const satisfies readonly Role[];

/** A name for people: 1 to 100 characters of any script, none of them a control character. Throws invalidArgument. */
export function parseName(name: unknown): string {
  if (typeof name !== "string" || !name.isWellFormed() || !/^(?=.*\S)[^\p{Cc}]{1,100}$/u.test(name)) {
    throw invalidField("/name", "must be 1 to 100 characters, not only spaces, without control characters");
  }
  return name;
}

/** Throws invalidArgument. */
export function parseFlag(pointer: string, flag: unknown): boolean {
  if (flag !== undefined && typeof flag !== "boolean") throw invalidField(pointer, "must be true or false");
  return flag ?? false;
}

/** For people, and optional: 1 to 200 characters, none of them a control character. Throws invalidArgument. */
export function parseReason(reason: unknown): string | undefined {
  if (reason === undefined) return undefined;
  if (typeof reason === "string" && reason.isWellFormed() && /^(?=.*\S)[^\p{Cc}]{1,200}$/u.test(reason)) return reason;
  throw invalidField("/reason", "must be 1 to 200 characters, not only spaces, without control characters");
}

/** Throws invalidArgument. */
export function parseRole(role: unknown): Role {
  const known = keyRoles.find((candidate) => candidate === role);
  if (known === undefined) throw invalidField("/role", `must be one of ${keyRoles.join(", ")}`);
  return known;
}
