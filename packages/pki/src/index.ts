export { type Authority, type AuthorityRequest, createIssuingAuthority, createRootAuthority } from "./authority.ts";
export { certificateBytesMax } from "./certificate-fields.ts";
export { parseCertificateRequest, type RequestName, readRequestName, requestBytesMax } from "./certificate-request.ts";
export {
  type CertificateStatus,
  createStatusFailure,
  createStatusResponse,
  isIssuerAsked,
  parseStatusRequest,
  type StatusQuestion,
  type StatusRequest,
  statusRequestBytesMax,
} from "./certificate-status.ts";
export { createCertsOnly } from "./certs-only.ts";
export {
  type ChainFault,
  type ChainOptions,
  type ChainResult,
  type ChainStep,
  createTrustAnchor,
  type TrustAnchor,
  verifyChain,
} from "./chain.ts";
export { type ForeignAuthority, readAuthority, readCertificateTimes, readKeyNames } from "./foreign-authority.ts";
export { type CertificateIdentity, type IdentityFault, type IdentityResult, readIdentity } from "./identity.ts";
export {
  type DeviceCertificateRequest,
  deviceUri,
  type IssuedDeviceCertificate,
  issueDeviceCertificate,
  type StatusPlaces,
} from "./issue.ts";
export { keyEncryptionSettings, readKeyEncryptionKey } from "./key-encryption-key.ts";
export { type DeviceKeyPair, issueDeviceKeyPair } from "./key-pair.ts";
export type { GeneratedKeyType } from "./keys.ts";
export { createPkcs12, type Pkcs12Content } from "./pkcs12.ts";
export { type ForeignRevocationList, readFetchedList, readRevocationList, revocationListBytesMax } from "./read-revocation-list.ts";
export {
  createRevocationList,
  type RevocationListRequest,
  type RevocationReason,
  type RevokedEntry,
  revocationEntriesMax,
} from "./revocation-list.ts";
export { readListPlaces } from "./revocation-list-places.ts";
export { createSealer, type Sealer, sealKeyBytes, secretBytesMax } from "./seal.ts";
export { parseSerial } from "./serial.ts";
export { createServerCertificate, type ServerCertificate, type ServerCertificateRequest } from "./server-certificate.ts";
export { type MadeCertificate, type SigningAuthority, type SubjectName, validityDaysMax } from "./signer.ts";
