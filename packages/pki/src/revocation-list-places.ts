// Where a certificate says that its authority's revocation list is (RFC 5280 §4.2.1.13).
import { extensionOid, readCertificate } from "./certificate-fields.ts";
import { type DerElement, derTag, expectTag, readChildren, readDer } from "./der.ts";

/** [0] distributionPoint, in it [0] fullName, in it [6] uniformResourceIdentifier. */
const contextual = { place: 0xa0, fullName: 0xa0, uri: 0x86 } as const;
const uriLengthMax = 2_048;

/**
 * The http and https places of full lists that the authority signs itself, in the certificate's order; none where it names none or they cannot be
 * read. A place that is for some reasons only, or whose list another authority signs, is left out.
 */
export function readListPlaces(certificateDer: Uint8Array): readonly string[] {
  try {
    const value = readCertificate(certificateDer).extensions.get(extensionOid.revocationListPlaces)?.value;
    if (value === undefined) return [];
    return readChildren(readDer(value, derTag.sequence)).flatMap(urisOf);
  } catch {
    return [];
  }
}

function urisOf(point: DerElement): string[] {
  const [place, ...partial] = readChildren(expectTag(point, derTag.sequence));
  if (place?.tag !== contextual.place || partial.length > 0) return [];
  const [names] = readChildren(place);
  if (names?.tag !== contextual.fullName) return [];
  return readChildren(names)
    .filter(({ tag }) => tag === contextual.uri)
    .map(({ content }) => Buffer.from(content).toString("latin1"))
    .filter((uri) => uri.length <= uriLengthMax && /^https?:\/\//i.test(uri) && URL.canParse(uri));
}
