// Certificates in a PKCS#7 envelope that signs nothing (RFC 5652 §5, "certs-only"): how EST hands them out (RFC 7030 §4.1.3).
import { der, derTag, oid, sequence, unsignedInteger } from "./der.ts";
import { parsePem } from "./pem.ts";

/** All certificates of a PEM text, in DER. Throws invalidArgument. */
export function createCertsOnly(chainPem: string): Buffer {
  const certificates = parsePem(chainPem, 256 * 1024, "/chainPem").map((block) => block.der);
  const nothing = der(derTag.set);
  const signedData = sequence(
    unsignedInteger(Buffer.of(1)),
    nothing,
    sequence(oid("1.2.840.113549.1.7.1")),
    der(0xa0, ...certificates),
    nothing,
  );
  return sequence(oid("1.2.840.113549.1.7.2"), der(0xa0, signedData));
}
