// The extensions of the certificates made here (RFC 5280 §4.2.1), in the order in which they stand in them.
import { x509 } from "./x509-library.ts";

const { digitalSignature, keyEncipherment, keyCertSign, cRLSign } = x509.KeyUsageFlags;
const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;
const purposes = {
  client: new x509.ExtendedKeyUsageExtension([clientAuth]),
  server: new x509.ExtendedKeyUsageExtension([serverAuth]),
  both: new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
} as const;

const leafConstraints = new x509.BasicConstraintsExtension(false, undefined, true);
const signingOnly = new x509.KeyUsagesExtension(digitalSignature, true);
const signingAndKeys = new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true);
const authorityUsage = new x509.KeyUsagesExtension(keyCertSign | cRLSign, true);

/** Marked critical, as RFC 5280 §4.2.1.9 asks of authorities. */
export const authorityExtensions = (pathLength: number): x509.Extension[] => [
  new x509.BasicConstraintsExtension(true, pathLength, true),
  authorityUsage,
];

export interface LeafUse {
  readonly purpose: keyof typeof purposes;
  /** RSA key exchange of TLS 1.2 encrypts to the server's key; EC keys only sign. */
  readonly encipherment?: boolean;
}

export const leafExtensions = ({ purpose, encipherment = false }: LeafUse, names: x509.JsonGeneralNames): x509.Extension[] => [
  leafConstraints,
  encipherment ? signingAndKeys : signingOnly,
  purposes[purpose],
  new x509.SubjectAlternativeNameExtension(names),
];

/** Where the issuer's list is (§4.2.1.13: one place, no reasons), and where it answers (§4.2.2.1, RFC 6960 §3.1). */
export const statusExtensions = (revocationListUrl: string, statusUrl: string): x509.Extension[] => [
  new x509.CRLDistributionPointsExtension([revocationListUrl]),
  new x509.AuthorityInfoAccessExtension({ ocsp: new x509.GeneralName("url", statusUrl) }),
];

/** Both in lowercase hex. */
export const keyIdExtensions = (subjectKeyId: string, authorityKeyId: string): x509.Extension[] => [
  new x509.SubjectKeyIdentifierExtension(subjectKeyId),
  new x509.AuthorityKeyIdentifierExtension(authorityKeyId),
];
