// Certificates for the platform's own listeners, and for its services among themselves (mTLS, SAN DNS = service name).
import { isIPv4, isIPv6 } from "node:net";
import { invalidField } from "@mooring/contracts";
import { leafExtensions } from "./extension-writers.ts";
import { createPrivateKeyOf, exportPrivateKeyPem, exportPublicKeyInfo, type GeneratedKeyType } from "./keys.ts";
import { createValidity, encodeName, type MadeCertificate, openSigner, type SigningAuthority, signCertificate } from "./signer.ts";
import type { x509 } from "./x509-library.ts";

export interface ServerCertificateRequest {
  /** Host or service names; `*.` in front is allowed. Names and addresses together 1 to 100. */
  readonly dnsNames: readonly string[];
  /** IPv4 or IPv6 in text. */
  readonly ipAddresses?: readonly string[];
  /** Also a client certificate: for services that call each other. */
  readonly clientAuth?: boolean;
  readonly validityDays: number;
  readonly nowMs: number;
  /** `ec-p256` unless said otherwise. */
  readonly keyType?: GeneratedKeyType;
}

export interface ServerCertificate extends MadeCertificate {
  /** PKCS#8. */
  readonly privateKeyPem: string;
  /** The leaf first: what `tls` takes as `cert`. */
  readonly chainPem: string;
}

const namesMax = 100;
// RFC 1123 §2.1 labels; the underscore because Compose service names may have one.
const dnsPattern = /^(?=.{1,253}$)(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** A server certificate with a fresh key. Throws invalidArgument, and failedPrecondition when the authority is not valid now. */
export async function createServerCertificate(authority: SigningAuthority, request: ServerCertificateRequest): Promise<ServerCertificate> {
  const addresses = request.ipAddresses ?? [];
  const count = request.dnsNames.length + addresses.length;
  if (count < 1 || count > namesMax) throw invalidField("/dnsNames", `must be 1 to ${namesMax} names and addresses together`);
  const names = request.dnsNames.map((name, index) => parseDnsName(name, `/dnsNames/${index}`));
  const sans: x509.JsonGeneralNames = [
    ...names.map((value) => ({ type: "dns" as const, value })),
    ...addresses.map((address, index) => ({ type: "ip" as const, value: parseAddress(address, `/ipAddresses/${index}`) })),
  ];
  const first = names[0] ?? addresses[0] ?? "";
  const signer = openSigner(authority);
  const validity = createValidity(request.nowMs, request.validityDays, signer);
  const keyType = request.keyType ?? "ec-p256";
  const key = await createPrivateKeyOf(keyType);
  const purpose = request.clientAuth === true ? "both" : "server";
  const plan = {
    // The common name is for people; clients look at the subjectAltName only (RFC 9525 §2).
    subject: encodeName({ commonName: first.length <= 64 ? first : "server" }),
    publicKeyInfo: exportPublicKeyInfo(key),
    validity,
    extensions: leafExtensions({ purpose, encipherment: keyType === "rsa-3072" }, sans),
  };
  const made = await signCertificate(plan, signer);
  return { ...made, privateKeyPem: exportPrivateKeyPem(key), chainPem: made.certificatePem + authority.chainPem };
}

function parseDnsName(name: string, pointer: string): string {
  const lower = name.toLowerCase();
  if (!dnsPattern.test(lower) || isIPv4(lower)) throw invalidField(pointer, "must be a DNS name");
  return lower;
}

function parseAddress(address: string, pointer: string): string {
  if (isIPv4(address)) return address;
  if (!isIPv6(address) || address.includes("%")) throw invalidField(pointer, "must be an IPv4 or IPv6 address");
  // The library misreads a dotted tail (::ffff:192.0.2.1); a URL spells it in groups.
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
