// Making certificate authorities: a root that is kept away, and below it issuing authorities that sign leaves.
import { PlatformError } from "@mooring/contracts";
import { createKeyId } from "./certificate-extensions.ts";
import { authorityExtensions, statusExtensions } from "./extension-writers.ts";
import type { StatusPlaces } from "./issue.ts";
import { createPrivateKeyOf, exportPrivateKeyPem, exportPublicKeyInfo, type GeneratedKeyType, judgePublicKey } from "./keys.ts";
import {
  createValidity,
  encodeName,
  type MadeCertificate,
  openSigner,
  type SigningAuthority,
  type SubjectName,
  signCertificate,
} from "./signer.ts";

export interface AuthorityRequest {
  /** Printable ASCII, up to 64 characters each. */
  readonly name: SubjectName;
  /** 1 to 18,250. */
  readonly validityDays: number;
  readonly nowMs: number;
  /** `ec-p256` unless said otherwise. */
  readonly keyType?: GeneratedKeyType;
  /** Of an issuing one: where verifiers learn whether its parent has revoked it. */
  readonly statusPlaces?: StatusPlaces;
}

export interface Authority extends SigningAuthority, MadeCertificate {}

/** A self-signed root for one level of issuing authorities (path length 1), with a fresh key. Throws invalidArgument. */
export async function createRootAuthority(request: AuthorityRequest): Promise<Authority> {
  const subject = encodeName(request.name);
  const validity = createValidity(request.nowMs, request.validityDays);
  const key = await createPrivateKeyOf(request.keyType ?? "ec-p256");
  const publicKeyInfo = exportPublicKeyInfo(key);
  const verdict = judgePublicKey(publicKeyInfo);
  if (!verdict.ok) throw new Error(`made a key that is refused: ${verdict.message}`);
  const extensions = authorityExtensions(1);
  const issuer = { name: subject, subjectKeyId: createKeyId(publicKeyInfo), key, kind: verdict.kind };
  const made = await signCertificate({ subject, publicKeyInfo, validity, extensions }, issuer);
  return { ...made, privateKeyPem: exportPrivateKeyPem(key), chainPem: "" };
}

/**
 * An authority below `parent` that signs leaves only (path length 0), with a fresh key, valid no longer than its parent.
 * Throws invalidArgument, and failedPrecondition when the parent is not valid now or may have no authority below it.
 */
export async function createIssuingAuthority(parent: SigningAuthority, request: AuthorityRequest): Promise<Authority> {
  const signer = openSigner(parent);
  if (signer.pathLength === 0) throw new PlatformError("failedPrecondition", "the authority may sign leaves only (its path length is 0)");
  const subject = encodeName(request.name);
  const validity = createValidity(request.nowMs, request.validityDays, signer);
  const key = await createPrivateKeyOf(request.keyType ?? "ec-p256");
  const { statusPlaces: places } = request;
  const extensions = [
    ...authorityExtensions(0),
    ...(places === undefined ? [] : statusExtensions(places.revocationListUrl, places.statusUrl)),
  ];
  const made = await signCertificate({ subject, publicKeyInfo: exportPublicKeyInfo(key), validity, extensions }, signer);
  return { ...made, privateKeyPem: exportPrivateKeyPem(key), chainPem: made.certificatePem + parent.chainPem };
}
