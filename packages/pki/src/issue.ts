// Device certificates from signing requests.
import { type DeviceAddress, deviceNamePattern, invalidField, productKeyPattern } from "@mooring/contracts";
import { parseCertificateRequest } from "./certificate-request.ts";
import { leafExtensions, statusExtensions } from "./extension-writers.ts";
import { createValidity, encodeName, type MadeCertificate, openSigner, type SigningAuthority, signCertificate } from "./signer.ts";

export interface DeviceCertificateRequest extends DeviceAddress {
  /** One PKCS#10 request in PEM, up to 16 KB. Only its key is used. */
  readonly csrPem: string;
  /** Goes into the subject as O: the tenant, by id or name (printable ASCII, up to 64 characters). */
  readonly organization: string;
  /** OU; the product key unless said otherwise. */
  readonly organizationalUnit?: string;
  /** Where verifiers outside the platform learn whether it was revoked. */
  readonly statusPlaces?: StatusPlaces;
  /** 1 to 18,250; cut to the authority's own end. */
  readonly validityDays: number;
  readonly nowMs: number;
}

export interface StatusPlaces {
  readonly revocationListUrl: string;
  readonly statusUrl: string;
}

export interface IssuedDeviceCertificate extends MadeCertificate {
  /** The leaf first, then what the authority's `chainPem` holds: what a device sends in its handshake. */
  readonly chainPem: string;
}

/** The URI in a device certificate's subjectAltName. */
export const deviceUri = ({ productKey, deviceName }: DeviceAddress): string => `urn:mooring:device:${productKey}/${deviceName}`;

/**
 * A client certificate for a device: subject, validity and extensions are ours, the key is the request's.
 * Not idempotent: each call makes another certificate. Throws invalidArgument (naming the field and the reason) and
 * failedPrecondition when the authority is not valid now.
 */
export async function issueDeviceCertificate(
  authority: SigningAuthority,
  request: DeviceCertificateRequest,
): Promise<IssuedDeviceCertificate> {
  return issueForKey(authority, request, () => parseCertificateRequest(request.csrPem));
}

/** The same for a key in hand: its SubjectPublicKeyInfo, or what reads it once the names are known to be good. */
export async function issueForKey(
  authority: SigningAuthority,
  request: Omit<DeviceCertificateRequest, "csrPem">,
  key: Uint8Array | (() => Uint8Array),
): Promise<IssuedDeviceCertificate> {
  const { productKey, deviceName, statusPlaces: places } = request;
  if (!productKeyPattern.test(productKey)) throw invalidField("/productKey", `must match ${productKeyPattern.source}`);
  if (!deviceNamePattern.test(deviceName)) throw invalidField("/deviceName", `must match ${deviceNamePattern.source}`);
  const publicKeyInfo = typeof key === "function" ? key() : key;
  const signer = openSigner(authority);
  const plan = {
    subject: encodeName({
      organization: request.organization,
      organizationalUnit: request.organizationalUnit ?? productKey,
      commonName: deviceName,
    }),
    publicKeyInfo,
    validity: createValidity(request.nowMs, request.validityDays, signer),
    extensions: [
      ...leafExtensions({ purpose: "client" }, [{ type: "url", value: deviceUri(request) }]),
      ...(places === undefined ? [] : statusExtensions(places.revocationListUrl, places.statusUrl)),
    ],
  };
  const made = await signCertificate(plan, signer);
  return { ...made, chainPem: made.certificatePem + authority.chainPem };
}
