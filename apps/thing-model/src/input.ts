import { type Caller, type FieldIssue, invalidField, PlatformError, type ThingModelKey, uuidPattern } from "@mooring/contracts";
import type { Finding, ModelChange } from "@mooring/thing-model";
import { isModelName, isVersion } from "./names.ts";

/** Names every field that is wrong. Throws `invalidArgument`. */
export function assertKey({ name, version, document }: ThingModelKey & { readonly document?: string }, hasDocument = false): void {
  const issues: FieldIssue[] = [];
  if (!isModelName(name))
    issues.push({ pointer: "/name", message: "must be 1 to 64 characters of A-Z, a-z, 0-9 and _ . -, a letter first" });
  if (!isVersion(version)) issues.push({ pointer: "/version", message: "must be a semantic version such as 1.0.0, at most 64 characters" });
  if (hasDocument && typeof document !== "string") issues.push({ pointer: "/document", message: "must be the text of an SDF document" });
  if (issues.length === 0) return;
  throw new PlatformError("invalidArgument", issues.map(({ pointer, message }) => `${pointer}: ${message}`).join("; "), { issues });
}

/** Far enough for any product, near enough for every database. */
const retireAtMsMax = Date.UTC(2200, 0, 1);

export function assertRetirement(
  { version, replacement, retireAtMs }: ThingModelKey & { readonly replacement?: string; readonly retireAtMs?: number },
  nowMs: number,
): void {
  if (replacement !== undefined && (!isVersion(replacement) || replacement === version)) {
    throw invalidField("/replacement", "must be another version of the model");
  }
  if (retireAtMs !== undefined && (!Number.isInteger(retireAtMs) || retireAtMs <= nowMs || retireAtMs > retireAtMsMax)) {
    throw invalidField("/retireAt", "must be a time to come, before the year 2200");
  }
}

/** Every error of the model, its pointer leading into the document. */
export function refusal(findings: readonly Finding[]): PlatformError {
  const issues = findings.filter(({ severity }) => severity === "error").map(({ pointer, message }) => ({ pointer, message }));
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return new PlatformError("invalidArgument", `the thing model is not valid: ${first?.pointer || "/"}: ${first?.message}${more}`, {
    issues,
  });
}

/** Which member breaks what was promised, and why. */
export function incompatible(
  { name, version }: ThingModelKey,
  changes: readonly (ModelChange & { readonly other: string })[],
): PlatformError {
  const others = [...new Set(changes.map(({ other }) => other))].join(" and ");
  const issues = changes.slice(0, 100).map(({ pointer, message }) => ({ pointer, message }));
  return new PlatformError(
    "failedPrecondition",
    `${name} ${version} is not compatible with ${others}: ${issues[0]?.message} Publish it under a new major version (of 0.x: minor)`,
    { issues },
  );
}

/** A caller without a tenant owns nothing, whatever its role says. */
export function tenantOf(caller: Caller): string {
  if (!uuidPattern.test(caller.tenantId)) throw new PlatformError("permissionDenied", "the caller belongs to no tenant");
  return caller.tenantId;
}

/** The platform's own services say whose model they want; to anyone else another tenant's model does not exist. */
export function tenantFor(caller: Caller, asked: string | undefined): string {
  if (caller.role === "service") {
    if (asked === undefined || !uuidPattern.test(asked)) throw invalidField("/tenantId", "must be a tenant's id");
    return asked;
  }
  const own = tenantOf(caller);
  if (asked !== undefined && asked !== own) throw noModel();
  return own;
}

export function noModel(): PlatformError {
  return new PlatformError("notFound", "there is no such thing model version");
}
