// Where a certificate says that its authority's revocation list is (RFC 5280 §4.2.1.13).
import { x509 } from "./x509-library.ts";

const uriLengthMax = 2_048;
type Point = x509.CRLDistributionPointsExtension["distributionPoints"][number];

/**
 * The http and https places of full lists that the authority signs itself, in the certificate's order; none where it names none or they cannot be
 * read. A place that is for some reasons only, or whose list another authority signs, is left out.
 */
export function readListPlaces(certificateDer: Uint8Array): readonly string[] {
  try {
    const extension = new x509.X509Certificate(certificateDer).getExtension(x509.CRLDistributionPointsExtension);
    return extension?.distributionPoints.flatMap(urisOf) ?? [];
  } catch {
    return [];
  }
}

function urisOf({ distributionPoint, reasons, cRLIssuer }: Point): string[] {
  if (reasons !== undefined || cRLIssuer !== undefined) return [];
  return (distributionPoint?.fullName ?? [])
    .flatMap(({ uniformResourceIdentifier: uri }) => uri ?? [])
    .filter((uri) => uri.length <= uriLengthMax && /^https?:\/\//i.test(uri) && URL.canParse(uri));
}
