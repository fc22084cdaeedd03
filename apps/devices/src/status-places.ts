import type { StatusPlaces } from "@mooring/pki";

/** Where the world reads of an authority's certificates and of the authority itself; see admin-api's routes/pki.ts. Undefined where nobody said how it is reached. */
export function placesUnder(statusUrl: string | undefined, authorityId: string, list: "crl" | "root-crl"): StatusPlaces | undefined {
  if (statusUrl === undefined) return undefined;
  const base = `${statusUrl}/v1/pki/${authorityId}`;
  return { revocationListUrl: `${base}/${list}`, statusUrl: `${base}/ocsp` };
}
