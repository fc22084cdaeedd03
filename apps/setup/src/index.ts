export { serverNameSettings, setupSettings } from "./config.ts";
export { ensureInternalCertificates, type InternalCertificateOptions, internalServices } from "./internal-certificates.ts";
export { ensureKeyEncryptionKey } from "./key-encryption-key.ts";
export { renewMs } from "./leaf.ts";
export {
  ensureServerCertificate,
  parseServerNames,
  type ServerCertificateFiles,
  type ServerCertificateOptions,
} from "./server-certificate.ts";
