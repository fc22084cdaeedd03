import { assertMay, type CertificateAuthority, type DeviceApi, PlatformError } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import { type AuthorityDeps, createIssuingUnder, ensureTenantAuthority } from "./authority.ts";
import { tenantOf } from "./input.ts";
import { toListStatus } from "./list-rules.ts";
import type { AuthorityRecord, AuthorityStore, IssuingAuthority } from "./ports.ts";
import { authorityPlace } from "./secret-place.ts";
import { serverNameOf } from "./server-name.ts";

export type OwnAuthorityOperations = Pick<DeviceApi, "listAuthorities" | "rotateAuthority" | "takeRootKey">;

export interface OwnAuthorityDeps extends AuthorityDeps {
  readonly authorities: AuthorityStore;
  readonly tenantHost?: string | undefined;
}

const listedMax = 1_000;

/** The tenant's own root and the authorities under it. */
export function createOwnAuthorityOperations(deps: OwnAuthorityDeps): OwnAuthorityOperations {
  const { authorities, sealer } = deps;

  function openRoot(record: IssuingAuthority, given: string | undefined) {
    const { rootPem, sealedRoot } = record;
    if (given !== undefined) return { certificatePem: rootPem, privateKeyPem: given, chainPem: "" };
    if (sealedRoot === undefined) throw new PlatformError("failedPrecondition", "the root's key is not kept here; give it as rootKeyPem");
    const privateKeyPem = sealer.unseal(sealedRoot, authorityPlace(record, "root")).toString("utf8");
    return { certificatePem: rootPem, privateKeyPem, chainPem: "" };
  }

  return {
    async listAuthorities(caller) {
      assertMay(caller, "devices.listAuthorities");
      const listed = await authorities.list(tenantOf(caller), listedMax);
      const seen = caller.role === "device" ? listed.filter(({ kind }) => kind === "own") : listed;
      return { authorities: seen.map((record) => toAuthority(record, deps)) };
    },

    async rotateAuthority(caller, { rootKeyPem }) {
      assertMay(caller, "devices.rotateAuthority");
      const tenantId = tenantOf(caller);
      const before = await ensureTenantAuthority(deps, tenantId);
      const made = await createIssuingUnder(deps, tenantId, openRoot(before, rootKeyPem)).catch(renamePointer);
      // A root that was taken away stays away: its key was given for this one signature.
      const next = before.sealedRoot === undefined ? { ...made, sealedRoot: undefined } : made;
      if (!(await authorities.replaceIssuing(before.id, next)))
        throw new PlatformError("failedPrecondition", "the authority was replaced by somebody else meanwhile");
      return toAuthority(next, deps);
    },

    async takeRootKey(caller) {
      assertMay(caller, "devices.takeRootKey");
      const record = await ensureTenantAuthority(deps, tenantOf(caller));
      const { privateKeyPem } = openRoot(record, undefined);
      await authorities.removeRootKey(record.id);
      return { rootKeyPem: privateKeyPem, rootPem: record.rootPem };
    },
  };
}

/** What pki calls the key of an authority is to the caller the root's. */
function renamePointer(error: unknown): never {
  const issues = error instanceof PlatformError ? (error.details.issues ?? []) : [];
  if (!issues.some(({ pointer }) => pointer === "/privateKeyPem")) throw error;
  const message = issues[0]?.message ?? "is not the root's key";
  throw new PlatformError("invalidArgument", `/rootKeyPem: ${message}`, { issues: [{ pointer: "/rootKeyPem", message }] });
}

interface View {
  readonly clock: Clock;
  readonly tenantHost?: string | undefined;
}

/** What callers see of an authority. */
export function toAuthority(record: AuthorityRecord, { clock, tenantHost }: View): CertificateAuthority {
  const { id, kind, status, issuingPem, rootPem, sealedRoot, mode, template, nonce, list, route = "", createdAtMs } = record;
  return {
    authorityId: id,
    kind,
    status,
    certificatePem: issuingPem,
    ...(rootPem === undefined ? {} : { rootPem }),
    hasRootKey: sealedRoot !== undefined,
    mode,
    ...(template === undefined ? {} : { template }),
    ...(nonce === undefined ? {} : { nonce }),
    ...(list?.dueMs === undefined ? {} : { listDueMs: list.dueMs }),
    ...(list === undefined ? {} : { revocationList: toListStatus(list, clock.now()) }),
    byServerName: route !== "",
    ...(kind === "own" || tenantHost === undefined ? {} : { serverName: serverNameOf(record.tenantId, tenantHost) }),
    createdAtMs,
  };
}
