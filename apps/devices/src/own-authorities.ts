import { assertMay, type CertificateAuthority, type DeviceApi, invalidField, PlatformError, uuidPattern } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import type { SigningAuthority } from "@mooring/pki";
import { type AuthorityDeps, createIssuingUnder, ensureTenantAuthority } from "./authority.ts";
import type { AuthorityRecord, AuthorityStore } from "./authority-ports.ts";
import { revocationReasons } from "./certificates.ts";
import { noAuthority } from "./foreign-authorities.ts";
import { tenantOf } from "./input.ts";
import { toListStatus } from "./list-rules.ts";
import { openRoot, rootListValidMs, signRootList } from "./own-root.ts";
import { serverNameOf } from "./server-name.ts";

export type OwnAuthorityOperations = Pick<DeviceApi, "listAuthorities" | "rotateAuthority" | "revokeAuthority" | "takeRootKey">;

export interface OwnAuthorityDeps extends AuthorityDeps {
  readonly authorities: AuthorityStore;
  readonly tenantHost?: string | undefined;
}

const listedMax = 1_000;

/** The tenant's own root and the authorities under it. */
export function createOwnAuthorityOperations(deps: OwnAuthorityDeps): OwnAuthorityOperations {
  const { authorities, sealer, clock } = deps;
  const lastList = (tenantId: string, root: SigningAuthority) => signRootList(deps, tenantId, root, rootListValidMs.offline);

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
      const root = openRoot(sealer, before, rootKeyPem);
      const made = await createIssuingUnder(deps, tenantId, root).catch(renamePointer);
      // A root that was taken away stays away: its key was given for these signatures.
      const isAway = before.sealedRoot === undefined;
      const next = isAway ? { ...made, sealedRoot: undefined, rootList: await lastList(tenantId, root) } : made;
      if (!(await authorities.replaceIssuing(before, next))) throw changedMeanwhile();
      return toAuthority(next, deps);
    },

    async revokeAuthority(caller, { authorityId, reason: given = "unspecified", rootKeyPem }) {
      assertMay(caller, "devices.revokeAuthority");
      const tenantId = tenantOf(caller);
      const reason = revocationReasons.find((candidate) => candidate === given);
      if (reason === undefined) throw invalidField("/reason", `must be one of ${revocationReasons.join(", ")}`);
      const known = typeof authorityId === "string" && uuidPattern.test(authorityId);
      const record = known ? await authorities.find(tenantId, authorityId) : undefined;
      if (record === undefined) throw noAuthority();
      if (record.kind !== "own")
        throw new PlatformError("failedPrecondition", "a registered authority is its owner's to revoke; make it inactive or delete it");
      if (record.status === "active")
        throw new PlatformError("failedPrecondition", "the authority issues certificates; rotate it first, and then revoke this one");
      const issuing = await ensureTenantAuthority(deps, tenantId);
      const root = openRoot(sealer, issuing, rootKeyPem);
      // Before anything is changed: a key that is not the root's is told of.
      await lastList(tenantId, root).catch(renamePointer);
      const revoked = await authorities.revokeIssuing(authorityId, { revokedAtMs: clock.now(), reason });
      if (revoked === undefined) throw new PlatformError("failedPrecondition", `the authority is ${record.status}`);
      if (issuing.sealedRoot === undefined) await authorities.keepRootList(issuing.id, await lastList(tenantId, root));
      return toAuthority(revoked, deps);
    },

    async takeRootKey(caller) {
      assertMay(caller, "devices.takeRootKey");
      const tenantId = tenantOf(caller);
      const record = await ensureTenantAuthority(deps, tenantId);
      const root = openRoot(sealer, record, undefined);
      // Before it is given: an answer that is lost loses the key, and none is both given and kept.
      if (!(await authorities.removeRootKey(record.id, await lastList(tenantId, root)))) throw changedMeanwhile();
      return { rootKeyPem: root.privateKeyPem, rootPem: record.rootPem };
    },
  };
}

const changedMeanwhile = (): PlatformError =>
  new PlatformError("failedPrecondition", "the authority was replaced, or its root's key taken, by somebody else meanwhile");

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
  const { id, kind, status, issuingPem, rootPem, sealedRoot, revocation, rootList, mode, template, nonce, list, route = "" } = record;
  return {
    authorityId: id,
    kind,
    status,
    certificatePem: issuingPem,
    ...(rootPem === undefined ? {} : { rootPem }),
    hasRootKey: sealedRoot !== undefined,
    ...(revocation === undefined ? {} : { revokedAtMs: revocation.revokedAtMs, revocationReason: revocation.reason }),
    ...(rootList === undefined ? {} : { rootListDueMs: rootList.dueMs }),
    mode,
    ...(template === undefined ? {} : { template }),
    ...(nonce === undefined ? {} : { nonce }),
    ...(list?.dueMs === undefined ? {} : { listDueMs: list.dueMs }),
    ...(list === undefined ? {} : { revocationList: toListStatus(list, clock.now()) }),
    byServerName: route !== "",
    ...(kind === "own" || tenantHost === undefined ? {} : { serverName: serverNameOf(record.tenantId, tenantHost) }),
    createdAtMs: record.createdAtMs,
  };
}
