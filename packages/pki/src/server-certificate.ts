// Certificates for the platform's own listeners, and for its services among themselves (mTLS, SAN DNS = service name).
import { isIPv4, isIPv6 } from "node:net";
import { invalidField } from "@mooring/contracts";
import {
  basicConstraintsExtension,
  extendedKeyUsageExtension,
  generalName,
  keyUsageBit,
  keyUsageExtension,
  purposeOid,
  subjectAltNameExtension,
} from "./certificate-extensions.ts";
import { createPrivateKeyOf, exportPrivateKeyPem, exportPublicKeyInfo, type GeneratedKeyType } from "./keys.ts";
import { createValidity, encodeName, type MadeCertificate, openSigner, type SigningAuthority, signCertificate } from "./signer.ts";

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
  const sans = [
    ...names.map(generalName.dns),
    ...addresses.map((address, index) => generalName.ip(parseAddress(address, `/ipAddresses/${index}`))),
  ];
  const first = names[0] ?? addresses[0] ?? "";
  const signer = openSigner(authority);
  const validity = createValidity(request.nowMs, request.validityDays, signer);
  const keyType = request.keyType ?? "ec-p256";
  const key = await createPrivateKeyOf(keyType);
  // RSA key exchange of TLS 1.2 encrypts to the server's key; EC keys only sign.
  const usage = keyUsageBit.digitalSignature | (keyType === "rsa-3072" ? keyUsageBit.keyEncipherment : 0);
  const plan = {
    // The common name is for people; clients look at the subjectAltName only (RFC 9525 §2).
    subject: encodeName({ commonName: first.length <= 64 ? first : "server" }),
    publicKeyInfo: exportPublicKeyInfo(key),
    validity,
    extensions: [
      basicConstraintsExtension({ ca: false }),
      keyUsageExtension(usage),
      extendedKeyUsageExtension(request.clientAuth === true ? [purposeOid.server, purposeOid.client] : [purposeOid.server]),
      subjectAltNameExtension(sans),
    ],
  };
  const made = signCertificate(plan, signer);
  return { ...made, privateKeyPem: exportPrivateKeyPem(key), chainPem: made.certificatePem + authority.chainPem };
}

function parseDnsName(name: string, pointer: string): string {
  const lower = name.toLowerCase();
  if (!dnsPattern.test(lower) || isIPv4(lower)) throw invalidField(pointer, "must be a DNS name");
  return lower;
}

/** 4 or 16 octets (RFC 5280 §4.2.1.6). */
function parseAddress(address: string, pointer: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  if (!isIPv6(address) || address.includes("%")) throw invalidField(pointer, "must be an IPv4 or IPv6 address");
  return parseIpv6(address);
}

function parseIpv6(address: string): Buffer {
  // A dotted tail (::ffff:192.0.2.1) is two groups.
  const tail = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [a = 0, b = 0, c = 0, d = 0] = tail?.slice(1).map(Number) ?? [];
  const text = tail === null ? address : `${address.slice(0, tail.index)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  const [left = "", right] = text.split("::");
  const groups = (part: string): number[] => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const [head, end] = [groups(left), groups(right ?? "")];
  const middle = right === undefined ? [] : new Array<number>(8 - head.length - end.length).fill(0);
  return Buffer.from([...head, ...middle, ...end].flatMap((group) => [group >> 8, group & 0xff]));
}
