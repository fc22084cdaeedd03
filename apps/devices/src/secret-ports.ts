// What the devices service stores of secrets, registrations and public keys.
import type { Device, DeviceAddress, DevicePublicKey, DeviceRef, Product } from "@mooring/contracts";
import type { CertificateCredential } from "./certificate-ports.ts";

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
