import { assertMay, type DeviceApi, PlatformError, uuidPattern } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import {
  type CertificateStatus,
  createRevocationList,
  createStatusFailure,
  createStatusResponse,
  isIssuerAsked,
  parseStatusRequest,
  type RevocationReason,
  revocationEntriesMax,
  type Sealer,
  type StatusQuestion,
} from "@mooring/pki";
import { openForSigning } from "./authority.ts";
import type { AuthorityRecord, AuthorityStore } from "./authority-ports.ts";
import { noAuthority } from "./foreign-authorities.ts";
import { openKeptRoot, readUnderRoot, rootListValidMs, signRootList } from "./own-root.ts";

export type RevocationStatusOperations = Pick<DeviceApi, "getRevocationList" | "answerStatusRequest">;

export interface RevocationStatusDeps {
  readonly authorities: AuthorityStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
}

type Known = Awaited<ReturnType<typeof readUnderRoot>>;

/** How long a list is given out before it is made anew: anybody may ask, and a list costs a statement and a signature. */
const listKeptMs = 5_000;
/** Verifiers that cannot reach the platform go on with the last list for a day. */
const listValidMs = 86_400_000;
/** OCSP answers are made fresh; this is how long they may be kept by who asked. */
const answerValidMs = 3_600_000;
/** Of the lists kept in memory; each is at most 5 MB, most are a few hundred bytes. */
const listsMax = 100;

/** What the world may know of own authorities' certificates: lists (RFC 5280 §5) and answers (RFC 6960). */
export function createRevocationStatusOperations(deps: RevocationStatusDeps): RevocationStatusOperations {
  const { authorities, sealer, clock } = deps;
  const lists = new Map<string, { readonly list: Promise<Uint8Array>; readonly madeAtMs: number }>();

  /** Foreign authorities publish for themselves. */
  async function openOwn(authorityId: unknown): Promise<{ readonly record: AuthorityRecord; readonly sealedKey: string }> {
    const known = typeof authorityId === "string" && uuidPattern.test(authorityId);
    const record = known ? await authorities.get(authorityId) : undefined;
    if (record?.sealedKey === undefined) throw noAuthority();
    return { record, sealedKey: record.sealedKey };
  }

  /** Made now where the root's key is here, otherwise the last one that it has signed. */
  async function makeRootList(authorityId: string): Promise<Uint8Array> {
    const { record } = await openOwn(authorityId);
    const issuing = await authorities.findIssuing(record.tenantId);
    const root = issuing && openKeptRoot(sealer, issuing);
    if (root !== undefined) return (await signRootList(deps, record.tenantId, root, rootListValidMs.online)).der;
    if (issuing?.rootList === undefined)
      throw new PlatformError("notFound", "the root has signed no list, and its key is not kept here: rotate or revoke with rootKeyPem");
    return issuing.rootList.der;
  }

  async function makeList(authorityId: string): Promise<Uint8Array> {
    const { record, sealedKey } = await openOwn(authorityId);
    const thisUpdateMs = clock.now();
    const revoked = await authorities.revocations(authorityId, thisUpdateMs, revocationEntriesMax + 1);
    const entries = revoked.map((entry) => ({ ...entry, reason: entry.reason as RevocationReason }));
    const number = await authorities.nextListNumber(authorityId);
    const request = { entries, number, thisUpdateMs, nextUpdateMs: thisUpdateMs + listValidMs };
    return createRevocationList(openForSigning(sealer, record, sealedKey), request).der;
  }

  async function statusOf(record: AuthorityRecord, question: StatusQuestion): Promise<CertificateStatus> {
    if (!isIssuerAsked(question, record.issuingPem)) return { status: "unknown" };
    // RFC 6960 §2.7 lets all that a revoked authority has issued be called so.
    if (record.revocation !== undefined) return { status: "revoked", revokedAtMs: record.revocation.revokedAtMs, reason: "cACompromise" };
    const revoked = await authorities.findRevocation(record.id, question.serial);
    if (revoked !== undefined) return { status: "revoked", revokedAtMs: revoked.revokedAtMs, reason: revoked.reason as RevocationReason };
    return { status: (await authorities.hasCertificate(record.id, question.serial)) ? "good" : "unknown" };
  }

  /** Of the authority itself, which its root answers for. */
  async function statusUnderRoot(record: AuthorityRecord, question: StatusQuestion, known: Known): Promise<CertificateStatus> {
    if (!isIssuerAsked(question, record.rootPem ?? "")) return { status: "unknown" };
    const found = known.get(question.serial);
    if (found?.revocation === undefined) return { status: found === undefined ? "unknown" : "good" };
    return { status: "revoked", revokedAtMs: found.revocation.revokedAtMs, reason: found.revocation.reason as RevocationReason };
  }

  /** One answer has one signature: whom the first question is about signs, and knows nothing of other authorities' certificates. */
  async function chooseSigner(record: AuthorityRecord, sealedKey: string, first: StatusQuestion | undefined) {
    const isAboutRoot = first !== undefined && record.rootPem !== undefined && isIssuerAsked(first, record.rootPem);
    if (!isAboutRoot) return { signing: openForSigning(sealer, record, sealedKey), statusOf };
    const issuing = await authorities.findIssuing(record.tenantId);
    const root = issuing && openKeptRoot(sealer, issuing);
    if (root === undefined) return undefined;
    const known = await readUnderRoot(deps, record);
    return { signing: root, statusOf: (_: AuthorityRecord, question: StatusQuestion) => statusUnderRoot(record, question, known) };
  }

  return {
    async getRevocationList(caller, { authorityId, ofRoot = false }) {
      assertMay(caller, "devices.getRevocationList");
      const key = `${authorityId} ${ofRoot}`;
      const kept = lists.get(key);
      if (kept !== undefined && performance.now() - kept.madeAtMs < listKeptMs) return { list: await kept.list };
      if (lists.size >= listsMax) lists.delete(lists.keys().next().value ?? "");
      const list = ofRoot ? makeRootList(authorityId) : makeList(authorityId);
      lists.set(key, { list, madeAtMs: performance.now() });
      list.catch(() => lists.delete(key));
      return { list: await list };
    },

    async answerStatusRequest(caller, { authorityId, request }) {
      assertMay(caller, "devices.answerStatusRequest");
      const { record, sealedKey } = await openOwn(authorityId);
      if (!(request instanceof Uint8Array)) throw new PlatformError("invalidArgument", "the request must be bytes");
      const parsed = parseStatusRequest(request);
      if (parsed === undefined) return { response: createStatusFailure("malformedRequest") };
      const signer = await chooseSigner(record, sealedKey, parsed.questions[0]);
      // The root's key is away: nobody can answer for it (RFC 6960 §2.3).
      if (signer === undefined) return { response: createStatusFailure("unauthorized") };
      const statuses: CertificateStatus[] = [];
      for (const question of parsed.questions) statuses.push(await signer.statusOf(record, question));
      const nowMs = clock.now();
      const answers = { request: parsed, statuses, nowMs, nextUpdateMs: nowMs + answerValidMs };
      return { response: createStatusResponse(signer.signing, answers) };
    },
  };
}
