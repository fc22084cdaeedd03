import type {
  Acknowledgement,
  Certificate,
  CertificateProfile,
  ConnectionFailure,
  Device,
  DeviceAddress,
  DeviceChange,
  DevicePublicKey,
  DeviceRef,
  KnownSubDevice,
  LifecycleBody,
  Product,
  ProductOptions,
  ProductSecrecy,
  Registration,
  RevocationListMode,
  SubDevice,
  ThingModelApi,
  ThingModelPin,
  ValidationMode,
} from "@mooring/contracts";
import type { AuthorityStore, RevocationListStore } from "./authority-ports.ts";
import type { ClaimStore } from "./claim-ports.ts";

/** Whether a model exists for a tenant is thing-model's to say; asked with the original caller. */
export type ModelDirectory = Pick<ThingModelApi, "get">;

/** Whose objects may be found: a tenant's own, or any for the platform's own services. */
export type Scope = { readonly tenantId: string } | "anyTenant";

/** A cut of a list: `limit` items whose key sorts after `after`. */
export interface Cut {
  readonly after: string | undefined;
  readonly limit: number;
}

/** Product options that were checked. */
export interface OptionsPatch extends ProductOptions {
  readonly acknowledgement?: Acknowledgement;
}

/** What was checked of a product's secrecy. */
export interface SecrecyPatch extends ProductSecrecy {
  readonly registration?: Registration;
}

export interface ProductPatch extends OptionsPatch, SecrecyPatch {
  readonly name?: string;
  readonly validation?: ValidationMode;
  readonly thingModel?: ThingModelPin;
  readonly certificateProfile?: CertificateProfile;
}

/** Every change below is committed together with its row in the change feed. */
export interface ProductStore {
  /** `taken` when the key is in use, by whatever tenant. */
  insert(product: Product): Promise<"inserted" | "taken">;
  find(scope: Scope, productKey: string): Promise<Product | undefined>;
  count(tenantId: string): Promise<number>;
  /** By product key. */
  list(scope: Scope, cut: Cut): Promise<readonly Product[]>;
  update(tenantId: string, productKey: string, patch: ProductPatch): Promise<Product | undefined>;
}

/** Who changes a device, and when: what the log will say of it. */
export interface Author {
  readonly principal: string;
  readonly atMs: number;
}

export type Tags = Device["tags"];

/** What a device lives through (created, enabled, disabled, deleted) is committed together with the event that says so. */
export interface DeviceStore {
  /** The product must exist and be the tenant's. */
  insert(device: Device, by: Author): Promise<"inserted" | "taken">;
  find(scope: Scope, address: DeviceAddress): Promise<Device | undefined>;
  /** By device name. */
  list(tenantId: string, productKey: string, cut: Cut): Promise<readonly Device[]>;
  /** A device that has the status already stays as it is. */
  setStatus(tenantId: string, address: DeviceAddress, status: DeviceStatus, by: Author): Promise<Device | undefined>;
  /** Replaces all tags. A device that has these already stays as it is. */
  setTags(tenantId: string, address: DeviceAddress, tags: Tags): Promise<Device | undefined>;
  /** Of any tenant. Devices that are gone are left out. */
  findTags(deviceIds: readonly string[]): Promise<readonly { readonly deviceId: string; readonly tags: Tags }[]>;
  /** With all its credentials. False when there is none. */
  delete(tenantId: string, address: DeviceAddress, by: Author): Promise<boolean>;
}

export type DeviceStatus = "enabled" | "disabled";

/** What is in the way of one device speaking through another. */
export type TopologyFault = "gone" | "self" | "hasSubDevices" | "isSubDevice" | "taken" | "limit";

/** Which devices speak through which. Every change is committed with its row in the change feed. */
export interface TopologyStore {
  /** All of them or, with the first that cannot be, none. Those that are the gateway's already stay as they are. */
  add(gateway: Device, subDevices: readonly Device[], by: { readonly atMs: number; readonly max: number }): Promise<Added>;
  /** Nothing for what is none of the gateway's. */
  remove(gateway: Device, subDevice: Device): Promise<void>;
  /** By product key and device name, those after `after` (`{productKey}/{deviceName}`). */
  list(gatewayId: string, cut: Cut): Promise<readonly SubDevice[]>;
  /** Of these, the gateway's. */
  find(gatewayId: string, devices: readonly DeviceAddress[]): Promise<readonly KnownSubDevice[]>;
}

export type Added =
  | { readonly added: readonly SubDevice[] }
  /** `at`: the place among those given. */
  | { readonly fault: TopologyFault; readonly at: number };

export interface NewCertificate extends Certificate {
  readonly deviceId: string;
  readonly authorityId: string;
  /** Of its authority. */
  readonly route?: string;
  readonly pem: string;
}

export interface InsertLimits {
  readonly activeMax: number;
  readonly nowMs: number;
  /** The certificate that this one is to replace, and when it stops working. */
  readonly supersede?: { readonly fingerprint: string; readonly atMs: number };
  /** The certificate that was renewed: the new one is of the same origin. */
  readonly renewed?: string;
}

export interface UsableCertificate {
  readonly certificate: Certificate;
  readonly pem: string;
  readonly issuingPem: string;
}

/** A device that shows a certificate nobody has seen, to be made. */
export interface NewArrival {
  readonly device: Device;
  readonly certificate: Omit<NewCertificate, "deviceId">;
  readonly by: Author;
  readonly pendingMax: number;
  readonly activeMax: number;
}

export interface CertificateStore {
  /**
   * `limit` when the device has `activeMax` certificates that work or may, `gone` when the device was deleted meanwhile, `taken` when the
   * certificate is somebody's, `stale` when the one to be replaced does not work any more. Atomic.
   */
  insert(certificate: NewCertificate, limits: InsertLimits): Promise<"inserted" | "limit" | "gone" | "taken" | "stale">;
  /** Makes the device, unless it is there, and the certificate its own. `taken` when the name is that of a device of another origin. Atomic. */
  insertArrival(arrival: NewArrival): Promise<"inserted" | "limit" | "taken" | "known">;
  /** Newest first. */
  list(deviceId: string, limit: number): Promise<readonly Certificate[]>;
  find(deviceId: string, fingerprint: string): Promise<Certificate | undefined>;
  /** Those that work or may, not yet replaced, with their authorities' certificates; at most `limit`. */
  listUsable(deviceId: string, nowMs: number, limit: number): Promise<readonly UsableCertificate[]>;
  /**
   * A certificate already revoked stays as it is. As `keyCompromise`, all certificates of the tenant with its key are revoked, and the key is kept as compromised. Undefined when the device has none with this
   * fingerprint.
   */
  revoke(device: Device, fingerprint: string, revocation: Revocation): Promise<Certificate | undefined>;
  /** From `pending`, `active` or `inactive`; undefined when it is none of these any more. */
  setStatus(device: Device, fingerprint: string, status: "active" | "inactive", nowMs: number): Promise<Certificate | undefined>;
  /** Names the keys of certificates of before they were named, `limit` at most. Answers how many there were. */
  nameKeys(limit: number): Promise<number>;
  /** Brings certificates whose overlap is over to their end. Answers how many there were, `limit` at most. */
  supersedeDue(nowMs: number, limit: number): Promise<number>;
  /** Records that certificates end soon, or have ended, once for each of these moments. Answers how many there were, `limit` at most. */
  noticeEnds(nowMs: number, limit: number): Promise<number>;
}

export interface Revocation {
  readonly revokedAtMs: number;
  readonly reason: string;
}

/** All that decides whether a certificate proves a device, read at one moment. */
export interface CertificateCredential {
  readonly device: DeviceRef;
  readonly deviceStatus: string;
  readonly fingerprint: string;
  readonly serial: string;
  readonly status: string;
  /** A claim provisioned it: its common name need not be the device's, but is the one that was written down. */
  readonly commonName: string | undefined;
  readonly supersedeAtMs: number | undefined;
  /** It was revoked here, or its authority's list says so and is obeyed. */
  readonly listed: boolean;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly authorityId: string;
  readonly authorityTenantId: string;
  readonly authorityKind: string;
  readonly authorityStatus: string;
  readonly route: string;
  readonly listMode: RevocationListMode;
  readonly listDueMs: number | undefined;
  readonly issuingPem: string;
}

/** Tenants that are suspended: their devices are let in nowhere. Credentials are found with the status `suspended` in place of their device's own. */
export interface SuspensionStore {
  /** These and no others, from now on. Committed with the changes that make gateways look at the devices of the others again. */
  replace(tenantIds: readonly string[]): Promise<void>;
  has(tenantId: string): Promise<boolean>;
}

/** A secret as it is kept, and the one before as long as both are good. */
export interface StoredSecret {
  readonly sealed: string | undefined;
  readonly version: number;
  readonly previous: PreviousSecret | undefined;
}

export interface PreviousSecret {
  readonly sealed: string;
  readonly version: number;
  readonly untilMs: number;
}

/** All that decides whether a secret or a token proves a device, read at one moment. */
export interface SecretCredential {
  readonly device: DeviceRef;
  readonly deviceStatus: string;
  readonly secretAuthentication: boolean;
  readonly legacySignatures: boolean;
  readonly secret: StoredSecret;
  readonly tokenHash: string | undefined;
  readonly tokenVersion: number;
  /** Registers no more. */
  readonly isActivated: boolean;
}

export interface StoredPublicKey extends DevicePublicKey {
  readonly pem: string;
}

/** All that decides whether a key proves a device, read at one moment. */
export interface KeyCredential {
  readonly device: DeviceRef;
  readonly deviceStatus: string;
  readonly keys: readonly StoredPublicKey[];
}

/** The reads behind every sign-on: one statement each. */
export interface CredentialStore {
  /** One for each route that the certificate is on. */
  findCertificates(fingerprint: string): Promise<readonly CertificateCredential[]>;
  findSecret(address: DeviceAddress): Promise<SecretCredential | undefined>;
  findSecretOf(deviceId: string): Promise<SecretCredential | undefined>;
  findKeys(address: DeviceAddress): Promise<KeyCredential | undefined>;
  findKeysOf(deviceId: string): Promise<KeyCredential | undefined>;
  /** From now on the device does not register again. */
  activate(deviceId: string): Promise<void>;
}

/** A new secret in place of the last one. */
export interface Rotation {
  /** Called once, with the version the new one has. */
  readonly seal: (version: number) => string;
  readonly nowMs: number;
  /** How long the one before is good as well; not at all when 0. */
  readonly overlapMs: number;
}

export interface Rotated {
  readonly version: number;
  readonly previousValidUntilMs: number | undefined;
}

/** All that decides whether a product's secret proves a registration. */
export interface RegistrationCredential {
  readonly tenantId: string;
  readonly productKey: string;
  readonly secretAuthentication: boolean;
  readonly legacySignatures: boolean;
  readonly registration: string;
  /** Its tenant is. */
  readonly isSuspended: boolean;
  readonly secret: StoredSecret;
}

/** Given to the store: what a device that registers gets, made once it is known which version it has. */
export type Enrolment =
  | { readonly kind: "secret"; readonly seal: (device: DeviceRef, version: number) => string }
  | { readonly kind: "token"; readonly tokenHash: string; readonly nowMs: number };

/** Why a device may not register; or that it did. */
export type EnrolmentOutcome = "enrolled" | "unknown" | "disabled" | "already-activated" | "registration-limit";

export interface SecretStore {
  /** Undefined when the device is gone. The device counts as activated: an operator has seen to its secret. */
  rotateDevice(device: Device, rotation: Rotation): Promise<Rotated | undefined>;
  rotateProduct(product: Product, rotation: Rotation): Promise<Rotated | undefined>;
  findRegistration(productKey: string): Promise<RegistrationCredential | undefined>;
  /** With a secret the device must be there; with a token it is made when it is not. Atomic. */
  enrol(product: RegistrationCredential, address: DeviceAddress, enrolment: Enrolment): Promise<EnrolmentOutcome>;
}

export interface PublicKeyStore {
  /** A key that is there already stays as it is. `limit` when the device has `max` others; `gone` when it was deleted meanwhile. */
  insert(device: Device, key: StoredPublicKey, max: number): Promise<DevicePublicKey | "limit" | "gone">;
  list(deviceId: string): Promise<readonly DevicePublicKey[]>;
  /** False when the device has none of this id. */
  delete(device: Device, keyId: string): Promise<boolean>;
}

/** Refused sign-ons of one kind, counted. Of a device by its names, or by a certificate of it; what it is not by is empty. */
export interface CountedFailure extends DeviceAddress {
  readonly fingerprint: string;
  /** Always so of what is known by a certificate: its key was used. */
  readonly proven: boolean;
  readonly reason: string;
  readonly protocol: string;
  readonly address: string;
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly heldOffUntilMs?: number | undefined;
}

export type StoredFailure = Omit<ConnectionFailure, "message">;

export interface FailureStore {
  /** Of devices that do not exist nothing is kept; of each other as much as `DeviceApi.listConnectionFailures` says. */
  add(failures: readonly CountedFailure[]): Promise<void>;
  /** Newest first. `nowMs`: what is held off until later is told so. */
  list(deviceId: string, times: { readonly sinceMs: number; readonly nowMs: number }): Promise<readonly StoredFailure[]>;
}

/** What the feed keeps: offsets from `first` to `last`; both 0 when it is empty. */
export interface ChangeWindow {
  readonly first: number;
  readonly last: number;
  readonly changes: readonly DeviceChange[];
}

export interface ChangeStore {
  /** The first `limit` changes after an offset, and the bounds of what is kept, all read at one moment. */
  read(after: number, limit: number): Promise<ChangeWindow>;
  /** Calls back after each change this process has committed, until the returned function is called. */
  onAppended(listener: () => void): () => void;
  /** Removes what is older, save the newest change of all, which marks where the feed ends. Answers how many. */
  removeOlderThan(ageMs: number): Promise<number>;
}

/** Something that happened to a device and is not in the log yet. */
export interface DeviceEvent {
  readonly id: string;
  readonly messageId: string;
  readonly device: DeviceRef;
  readonly action: LifecycleBody["action"];
  /** What its record says besides. */
  readonly detail?: Omit<LifecycleBody, "action" | "principal">;
  readonly principal: string;
  readonly atMs: number;
}

/** Events of devices on their way to the log: written in the transaction of what happened, removed once the log holds them. */
export interface DeviceEventStore {
  /** How many wait, counted up to `countMax`, and since when the oldest does. */
  waiting(countMax: number): Promise<{ readonly count: number; readonly oldestAtMs: number | undefined }>;
  /**
   * Gives the oldest `limit` events to `relay`, in order, and removes those whose ids it answers. One caller at a time, over all processes:
   * `busy` when another one is at it. Whatever goes wrong on the way, nothing is removed that was not answered.
   */
  take(limit: number, relay: (events: readonly DeviceEvent[]) => Promise<readonly string[]>): Promise<"busy" | "done">;
}

export interface DeviceStores {
  readonly products: ProductStore;
  readonly devices: DeviceStore;
  readonly certificates: CertificateStore;
  readonly authorities: AuthorityStore;
  readonly lists: RevocationListStore;
  readonly credentials: CredentialStore;
  readonly secrets: SecretStore;
  readonly publicKeys: PublicKeyStore;
  readonly topology: TopologyStore;
  readonly failures: FailureStore;
  readonly claims: ClaimStore;
  readonly suspensions: SuspensionStore;
  readonly changes: ChangeStore;
  readonly events: DeviceEventStore;
}
