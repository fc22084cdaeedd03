import type { Caller } from "./caller.ts";
import type { CertificateApi, CertificateProfile } from "./certificates.ts";
import type { ClaimApi } from "./claims.ts";
import type {
  ConnectionFailure,
  DevicePublicKey,
  NewConnectionFailure,
  NewSecret,
  RegisteredDevice,
  RegistrationProof,
  SecretOverlap,
  SecretProof,
  SignOnOrigin,
  TokenProof,
} from "./device-proofs.ts";
import type { DeviceAddress, DeviceRef } from "./ids.ts";
import type { PageRequest } from "./page.ts";
import type { TopologyApi } from "./topology.ts";

/** enforce: refuse with reasons; flag: store and mark; off: do not look. */
export type ValidationMode = "enforce" | "flag" | "off";

/** When a device's message is acknowledged: persisted: once it is in the log; processed: once the shadow holds it as well. */
export type Acknowledgement = "persisted" | "processed";

/** What a product's devices are given. */
export interface ProductOptions {
  /** Default `persisted`. */
  readonly acknowledgement?: string;
  /** How long property history is kept. 1 to 3,650; default 90. */
  readonly historyDays?: number;
  /** A report with the `id` and content of one within the deduplication window is acknowledged and not stored again. Default false. */
  readonly deduplicateIds?: boolean;
  /** The open delta is sent when a device subscribes to deltas, so that what was desired while it was away reaches it. Default false: it asks with get. */
  readonly pushDelta?: boolean;
}

/** off: not at all; known: devices that were created before; open: also devices that nobody created, within the product's limit. */
export type Registration = "off" | "known" | "open";

/** What a product's devices may sign on with besides certificates, and whether they may fetch it themselves. */
export interface ProductSecrecy {
  /** Whether its devices may sign on with a device secret, a token or a pre-shared key instead of a certificate. Default false. */
  readonly secretAuthentication?: boolean;
  /** HMAC-MD5 is taken as well, for firmware that knows nothing better. Default false. */
  readonly legacySignatures?: boolean;
  /** Default `off`. */
  readonly registration?: string;
  /** Devices that registration may create in all. 0 to 1,000,000; default 1,000. */
  readonly registeredDevicesMax?: number;
}

/** What a product has where nothing else was said: certificates alone. */
export const defaultSecrecy: Required<ProductSecrecy> = {
  secretAuthentication: false,
  legacySignatures: false,
  registration: "off",
  registeredDevicesMax: 1_000,
};

export interface ThingModelPin {
  readonly name: string;
  readonly version: string;
}

export interface Product extends Required<ProductOptions>, Required<ProductSecrecy> {
  readonly tenantId: string;
  readonly productKey: string;
  readonly name: string;
  readonly validation: string;
  readonly thingModel?: ThingModelPin;
  readonly certificateProfile?: CertificateProfile;
  readonly createdAtMs: number;
}

export interface Device extends DeviceAddress {
  readonly tenantId: string;
  readonly deviceId: string;
  /** `enabled` or `disabled`. */
  readonly status: string;
  /** For operators to sort by, and for subscriptions to filter by. */
  readonly tags: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
}

/** Of one device. Names are 1 to 64 of [A-Za-z0-9_.:-], values at most 256 characters. */
export const tagsMax = 64;

export interface Certificate {
  /** SHA-256 of the DER, lowercase hex. */
  readonly fingerprint: string;
  readonly serial: string;
  readonly subject: string;
  /** `pending`, `active`, `inactive`, `revoked`, `superseded` or `expired`. */
  readonly status: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly revokedAtMs?: number;
  /** RFC 5280 §5.3.1 name, such as `keyCompromise`. */
  readonly revocationReason?: string;
  /** Of a revoked one: `platform` (here), `list` (its authority's list says so, and is obeyed) or `authority` (the one that issued it was revoked). */
  readonly revokedBy?: string;
  /** It was renewed: from then on only its successor works. */
  readonly supersedeAtMs?: number;
}

export interface IssuedCertificate {
  readonly certificate: Certificate;
  readonly certificatePem: string;
  readonly chainPem: string;
}

/** A device that has proved who it is, and by what. */
export interface DeviceIdentity {
  readonly device: DeviceRef;
  /** `certificate:{fingerprint}`, `secret:{version}`, `token:{version}` or `key:{keyId}`. */
  readonly credentialId: string;
  /** What was proved holds until then, and the connection no longer; absent when only its revocation ends it. */
  readonly validUntilMs?: number;
}

/** Something about a device, credential or product changed, so that whoever caches it must look again. */
export interface DeviceChange {
  readonly offset: number;
  readonly productKey: string;
  /** Absent when the product itself changed. */
  readonly deviceId?: string;
  /** As the device is when the feed is read: absent when it is no more, or the product itself changed. */
  readonly deviceName?: string;
  /** SHA-256 of the device's certificates, lowercase hex, in whatever state; those that end last, at most 20. */
  readonly fingerprints?: readonly string[];
}

/** Products, devices and their credentials: who exists and how it proves it. */
export interface DeviceApi extends CertificateApi, ClaimApi, TopologyApi {
  /** Throws `alreadyExists` when the key is taken, whoever's it is: product keys are unique on the platform. */
  createProduct(caller: Caller, request: CreateProduct): Promise<Product>;
  getProduct(caller: Caller, request: { readonly productKey: string }): Promise<Product>;
  listProducts(caller: Caller, request: PageRequest): Promise<{ readonly products: readonly Product[]; readonly nextPageToken?: string }>;
  updateProduct(caller: Caller, request: UpdateProduct): Promise<Product>;
  createDevice(caller: Caller, request: DeviceAddress): Promise<Device>;
  getDevice(caller: Caller, request: DeviceAddress): Promise<Device>;
  listDevices(
    caller: Caller,
    request: PageRequest & { readonly productKey: string },
  ): Promise<{ readonly devices: readonly Device[]; readonly nextPageToken?: string }>;
  setDeviceStatus(caller: Caller, request: DeviceAddress & { readonly status: string }): Promise<Device>;
  /** Replaces all tags. */
  setDeviceTags(caller: Caller, request: DeviceAddress & { readonly tags: Readonly<Record<string, string>> }): Promise<Device>;
  /** Tags of devices by id, of any tenant: for the platform's own services. Devices that are gone are left out. At most 1,000. */
  findTags(
    caller: Caller,
    request: { readonly deviceIds: readonly string[] },
  ): Promise<{ readonly devices: readonly { readonly deviceId: string; readonly tags: Readonly<Record<string, string>> }[] }>;
  /** The keys and options of all products, of any tenant: for the platform's own services. */
  listProductOptions(
    caller: Caller,
    request: PageRequest,
  ): Promise<{
    readonly products: readonly (Required<ProductOptions> & { readonly productKey: string })[];
    readonly nextPageToken?: string;
  }>;
  deleteDevice(caller: Caller, request: DeviceAddress): Promise<Record<never, never>>;
  /** Only the key is taken from the CSR; subject and extensions are the platform's. */
  issueCertificate(
    caller: Caller,
    request: DeviceAddress & { readonly csrPem: string; readonly validityDays?: number },
  ): Promise<IssuedCertificate>;
  listCertificates(caller: Caller, request: DeviceAddress): Promise<{ readonly certificates: readonly Certificate[] }>;
  /** Idempotent: a certificate already revoked stays as it is. */
  revokeCertificate(
    caller: Caller,
    request: DeviceAddress & { readonly fingerprint: string; readonly reason?: string },
  ): Promise<Certificate>;
  /** A new secret, shown in this answer only; the one before stops working. `failedPrecondition` unless the product allows secrets. */
  createDeviceSecret(caller: Caller, request: DeviceAddress): Promise<NewSecret>;
  /** A new secret; the one before works for `overlapSeconds` more (0 to 2,592,000; default 0). */
  rotateDeviceSecret(caller: Caller, request: DeviceAddress & SecretOverlap): Promise<NewSecret>;
  /** The same for the secret that devices of a product register with. */
  createProductSecret(caller: Caller, request: { readonly productKey: string } & SecretOverlap): Promise<NewSecret>;
  /** A key whose private half the device signs JSON Web Tokens with: Ed25519 or P-256, SPKI in PEM. At most 5. Idempotent. */
  addPublicKey(caller: Caller, request: DeviceAddress & { readonly publicKeyPem: string }): Promise<DevicePublicKey>;
  listPublicKeys(caller: Caller, request: DeviceAddress): Promise<{ readonly keys: readonly DevicePublicKey[] }>;
  deletePublicKey(caller: Caller, request: DeviceAddress & { readonly keyId: string }): Promise<Record<never, never>>;
  /**
   * `unauthenticated` with one and the same message whatever is wrong; the reason is in the log, the metrics and the device's failures. `serverName`: what
   * the peer said in the TLS handshake (SNI); where it names a tenant, the device must be of that tenant. `failedPrecondition` for a claim's certificate:
   * that is for `authenticateClaim`.
   */
  authenticateCertificate(
    caller: Caller,
    request: {
      readonly certificateDer: Uint8Array;
      readonly serverName?: string;
      /** The peer may have said a name that the gateway could not see: who might be somebody else by it is refused. */
      readonly isNameHidden?: boolean;
      readonly origin?: SignOnOrigin;
    },
  ): Promise<DeviceIdentity>;
  /** HMAC sign-on: `signature` is hex over `content` or one of the others, made with the device's secret. */
  authenticateSecret(caller: Caller, request: SecretProof & { readonly origin?: SignOnOrigin }): Promise<DeviceIdentity>;
  /** Sign-on with the token that `registerDevice` gave to this client id. */
  authenticateToken(caller: Caller, request: TokenProof & { readonly origin?: SignOnOrigin }): Promise<DeviceIdentity>;
  /** Sign-on with a JSON Web Token (RFC 7519) signed with one of the device's keys; see `apps/devices/README.md` for what it must say. */
  authenticateJwt(caller: Caller, request: { readonly jwt: string; readonly origin?: SignOnOrigin }): Promise<DeviceIdentity>;
  /** The key of a TLS-PSK identity. It proves nothing: who finished a handshake with it is looked at again with `checkCredential`. */
  findPreSharedKey(
    caller: Caller,
    request: { readonly identity: string; readonly origin?: SignOnOrigin },
  ): Promise<{ readonly identity: DeviceIdentity; readonly key: Uint8Array }>;
  /** A device fetches what it signs on with, proving that it knows its product's secret. `unauthenticated` whatever is wrong. */
  registerDevice(caller: Caller, request: RegistrationProof & { readonly origin?: SignOnOrigin }): Promise<RegisteredDevice>;
  /** A token for a device that has just been authenticated, to send in place of its proof for 7 days: for protocols without connections. */
  createDeviceSession(
    caller: Caller,
    request: { readonly deviceId: string; readonly credentialId: string },
  ): Promise<{ readonly token: string; readonly validUntilMs: number }>;
  /** Sign-on with such a token: it holds as long as what it was given for does. */
  authenticateDeviceSession(caller: Caller, request: { readonly token: string; readonly origin?: SignOnOrigin }): Promise<DeviceIdentity>;
  /** Whether a credential accepted before still holds; throws `unauthenticated` when it does not. */
  checkCredential(caller: Caller, request: { readonly deviceId: string; readonly credentialId: string }): Promise<DeviceIdentity>;
  /** What gateways refused by themselves in a device's name. Best effort; of devices that do not exist nothing is kept. At most 500. */
  recordConnectionFailures(caller: Caller, request: { readonly failures: readonly NewConnectionFailure[] }): Promise<Record<never, never>>;
  /**
   * Why a device cannot connect: its refused sign-ons of the last 7 days, those alike counted, newest first. Of what was proved the last 20 kinds, of what
   * was only claimed the last 10 and the 10 most frequent ones; the rest is counted by reason, without an address.
   */
  listConnectionFailures(caller: Caller, request: DeviceAddress): Promise<{ readonly failures: readonly ConnectionFailure[] }>;
  /** Changes after an offset, oldest first; waits up to `waitMs` for the first one. Without `after`: where the feed ends now. */
  listChanges(
    caller: Caller,
    request: { readonly after?: number; readonly waitMs?: number },
  ): Promise<{ readonly changes: readonly DeviceChange[]; readonly next: number }>;
}

export interface CreateProduct extends ProductOptions, ProductSecrecy {
  /** Made up when absent. */
  readonly productKey?: string;
  readonly name: string;
  readonly validation?: string;
  readonly thingModel?: ThingModelPin;
  readonly certificateProfile?: CertificateProfile;
}

/** What is given replaces what there was; a certificate profile as a whole. */
export interface UpdateProduct extends ProductOptions, ProductSecrecy {
  readonly productKey: string;
  readonly name?: string;
  readonly validation?: string;
  readonly thingModel?: ThingModelPin;
  readonly certificateProfile?: CertificateProfile;
}
