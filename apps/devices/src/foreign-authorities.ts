import { randomBytes, randomUUID, X509Certificate } from "node:crypto";
import {
  type AuthorityMode,
  assertMay,
  type Caller,
  type DeviceApi,
  invalidField,
  PlatformError,
  type ProvisioningTemplate,
  uuidPattern,
} from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import { readAuthority, readIdentity, readListPlaces, verifyChain } from "@mooring/pki";
import type { AuthorityRecord, AuthorityStore, RevocationListStore } from "./authority-ports.ts";
import { tenantOf } from "./input.ts";
import { parseListMode, parseListUrl } from "./list-input.ts";
import { toAuthority } from "./own-authorities.ts";
import { assertNotOwn } from "./own-keys.ts";
import type { ProductStore } from "./ports.ts";
import { parseTags } from "./tags.ts";

export type ForeignAuthorityOperations = Pick<DeviceApi, "registerAuthority" | "proveAuthority" | "updateAuthority" | "deleteAuthority">;

export interface ForeignAuthorityDeps {
  readonly authorities: AuthorityStore;
  readonly lists: RevocationListStore;
  /** Under which tenants have host names; see server-name.ts. */
  readonly tenantHost?: string | undefined;
  readonly products: Pick<ProductStore, "find">;
  readonly clock: Clock;
}

/** Per tenant. Those of one name are tried one after the other when a stranger comes. */
export const foreignAuthoritiesMax = 100;
const modes = ["known", "register", "provision"] as const satisfies readonly AuthorityMode[];

/** Authorities that tenants bring along: registered and proved. What they have revoked: revocation-lists.ts. */
export function createForeignAuthorityOperations(deps: ForeignAuthorityDeps): ForeignAuthorityOperations {
  const { authorities, clock } = deps;

  async function parseTemplate(caller: Caller, template: ProvisioningTemplate): Promise<ProvisioningTemplate> {
    const { productKey, namePattern, tags } = template;
    const product = typeof productKey === "string" ? await deps.products.find({ tenantId: tenantOf(caller) }, productKey) : undefined;
    if (product === undefined) throw invalidField("/template/productKey", "there is no such product");
    if (namePattern !== undefined && !/^(?=.*\{(cn|serial)\})([A-Za-z0-9_.:@-]|\{cn\}|\{serial\}){1,128}$/.test(namePattern))
      throw invalidField("/template/namePattern", "must hold {cn} or {serial}, and otherwise A-Z, a-z, 0-9 and _ . : @ -");
    return { productKey, ...(namePattern && { namePattern }), ...(tags && { tags: parseTags(tags, "/template/tags") }) };
  }

  return {
    async registerAuthority(caller, request) {
      assertMay(caller, "devices.registerAuthority");
      const tenantId = tenantOf(caller);
      const authority = readAuthority(request.certificatePem, clock.now());
      const { subjectNameSha256, subjectKeyId, keyIds } = authority;
      await assertNotOwn(authorities, request.certificatePem, authority);
      const mode = parseMode(request.mode ?? "known");
      const template = request.template === undefined ? undefined : await parseTemplate(caller, request.template);
      assertTemplate(mode, template);
      const record: AuthorityRecord = {
        ...{ id: randomUUID(), tenantId, kind: "foreign", status: "pending", issuingPem: request.certificatePem, mode, template },
        ...{ nonce: randomBytes(20).toString("hex"), issuerName: subjectNameSha256, createdAtMs: clock.now() },
        keyNames: { subjectKeyId, keyIds },
        list: { mode: parseListMode(request.crlMode ?? "auto"), url: request.crlUrl && parseListUrl(request.crlUrl), failures: 0 },
        route: request.byServerName === true ? parseRoute(deps, tenantId) : "",
      };
      if ((await authorities.insertForeign(record, foreignAuthoritiesMax)) === "limit")
        throw new PlatformError("quotaExceeded", `a tenant registers at most ${foreignAuthoritiesMax} authorities`);
      return toAuthority(record, deps);
    },

    async proveAuthority(caller, request) {
      assertMay(caller, "devices.proveAuthority");
      const tenantId = tenantOf(caller);
      const record = await getForeign(authorities, tenantId, request.authorityId);
      if (record.status !== "pending") throw new PlatformError("failedPrecondition", `the authority is ${record.status} already`);
      const authority = readAuthority(record.issuingPem, clock.now());
      await assertNotOwn(authorities, record.issuingPem, authority);
      const der = readOneDer(request.certificatePem);
      const chain = verifyChain(der, [], [authority.anchor], { nowMs: clock.now(), purpose: "client" });
      if (!chain.ok) throw invalidField("/certificatePem", `is not signed by the authority: ${chain.reason}`);
      const read = readIdentity(der);
      if (!read.ok || read.identity.commonName !== record.nonce)
        throw invalidField("/certificatePem", `must have the common name ${record.nonce}`);
      // The authority's own word on where its list is: on what it has signed, or on itself.
      const [place] = record.list?.url === undefined ? [der, derOf(record)].flatMap(readListPlaces) : [];
      const proof = { fingerprint: authority.fingerprintSha256, nowMs: clock.now(), ...(place !== undefined && { crlUrl: place }) };
      if ((await authorities.prove(record.id, proof)) === "taken") throw new PlatformError("alreadyExists", takenMessage(record));
      return toAuthority(await getForeign(authorities, tenantId, record.id), deps);
    },

    async updateAuthority(caller, request) {
      assertMay(caller, "devices.updateAuthority");
      const record = await getForeign(authorities, tenantOf(caller), request.authorityId);
      const { status } = request;
      if (status !== undefined && status !== "active" && status !== "inactive")
        throw invalidField("/status", "must be one of active, inactive");
      if (status !== undefined && record.status === "pending")
        throw new PlatformError("failedPrecondition", "the authority is pending: prove that it is yours first");
      const template = request.template === undefined ? undefined : await parseTemplate(caller, request.template);
      const mode = request.mode === undefined ? undefined : parseMode(request.mode);
      assertTemplate(mode ?? record.mode, template ?? record.template);
      const { crlMode, crlUrl } = request;
      const list = {
        ...(crlMode !== undefined && { crlMode: parseListMode(crlMode) }),
        ...(crlUrl !== undefined && { crlUrl: crlUrl === "" ? null : parseListUrl(crlUrl) }),
      };
      const fetch = (crlMode ?? crlUrl ?? status) !== undefined && { fetchAtMs: clock.now() };
      const patch = { ...(status && { status }), ...(mode && { mode }), ...(template && { template }), ...list, ...fetch };
      return toAuthority(await authorities.update(record.id, patch), deps);
    },

    async deleteAuthority(caller, { authorityId, force = false }) {
      assertMay(caller, "devices.deleteAuthority");
      const record = await getForeign(authorities, tenantOf(caller), authorityId);
      if ((await authorities.removeForeign(record.id, { force, nowMs: clock.now() })) === "removed") return {};
      const why = "the authority has certificates or claims that work or may work, or revocations that would be forgotten";
      throw new PlatformError("failedPrecondition", `${why}; make it inactive, or delete it by force, with all of these`);
    },
  };
}

export async function getForeign(authorities: AuthorityStore, tenantId: string, authorityId: unknown): Promise<AuthorityRecord> {
  const known = typeof authorityId === "string" && uuidPattern.test(authorityId);
  const record = known ? await authorities.find(tenantId, authorityId) : undefined;
  if (record?.kind !== "foreign") throw noAuthority();
  return record;
}

function parseRoute({ tenantHost }: Pick<ForeignAuthorityDeps, "tenantHost">, tenantId: string): string {
  if (tenantHost !== undefined) return tenantId;
  throw new PlatformError("failedPrecondition", "tenants have no host names here: the operator of the platform sets MOORING_TENANT_HOST");
}

const takenMessage = ({ route }: AuthorityRecord): string =>
  route === ""
    ? "the authority is registered already, here or with another tenant; registered with byServerName it may be several tenants'"
    : "the authority is registered already, with byServerName as well";

const derOf = ({ issuingPem }: AuthorityRecord): Buffer => new X509Certificate(issuingPem).raw;

export const noAuthority = (): PlatformError => new PlatformError("notFound", "there is no such authority");

function parseMode(mode: string): AuthorityMode {
  const known = modes.find((candidate) => candidate === mode);
  if (known === undefined) throw invalidField("/mode", `must be one of ${modes.join(", ")}`);
  return known;
}

function assertTemplate(mode: AuthorityMode, template: ProvisioningTemplate | undefined): void {
  if (mode !== "known" && template === undefined)
    throw invalidField("/template", `is needed with the mode ${mode}: it says what devices are made`);
}

/** One certificate in PEM. Throws invalidArgument. */
export function readOneDer(certificatePem: string, pointer = "/certificatePem"): Buffer {
  const [whole, base64 = ""] =
    typeof certificatePem === "string"
      ? (/^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]{1,24000})-----END CERTIFICATE-----\s*$/.exec(certificatePem) ?? [])
      : [];
  if (whole === undefined) throw invalidField(pointer, "must be exactly one CERTIFICATE in PEM");
  return Buffer.from(base64.replaceAll(/\s/g, ""), "base64");
}
