// How a device proves who it is, and what is known of those who could not.
import type { DeviceAddress } from "./ids.ts";

export interface SecretOverlap {
  readonly overlapSeconds?: number;
}

export interface NewSecret {
  /** 64 hex digits. */
  readonly secret: string;
  readonly version: number;
  /** Until when the secret before works as well; absent when it does no longer, or there was none. */
  readonly previousValidUntilMs?: number;
}

export interface DevicePublicKey {
  /** SHA-256 of the key's SubjectPublicKeyInfo, lowercase hex. A token may name it as `kid`. */
  readonly keyId: string;
  /** `EdDSA` or `ES256`. */
  readonly algorithm: string;
  readonly createdAtMs: number;
}

/** From where a device tries to sign on, for its failures. */
export interface SignOnOrigin {
  /** `mqtt-5.0`, `mqtt-psk`, `https` and so on. */
  readonly protocol: string;
  readonly address: string;
}

export interface SecretProof extends DeviceAddress {
  readonly signMethod: string;
  readonly content: string;
  /** What it may have signed instead: which of its names and times a device takes into account is its own choice. At most 3. */
  readonly otherContents?: readonly string[];
  readonly signature: string;
}

export interface TokenProof extends DeviceAddress {
  readonly clientId: string;
  readonly token: string;
}

export interface RegistrationProof extends DeviceAddress {
  /** `register`: a device that was created before fetches its secret. `regnwl`: one that need not exist fetches a client id and a token. */
  readonly way: string;
  readonly signMethod: string;
  readonly random: string;
  readonly signature: string;
}

/** What is not there was not asked for. */
export interface RegisteredDevice extends DeviceAddress {
  readonly deviceSecret?: string;
  readonly clientId?: string;
  readonly deviceToken?: string;
}

/** Why a gateway let nobody in without asking further. */
export type GatewayFailure = "no-credential" | "identity-mismatch" | "held-off" | "plain-transport" | "wrong-key";

/** By the names that were said, or by the certificate that was shown: then the names are empty. */
export interface NewConnectionFailure extends DeviceAddress, SignOnOrigin {
  /** SHA-256 of the certificate, lowercase hex. */
  readonly fingerprint?: string;
  readonly reason: string;
  /** With `held-off`: until when. */
  readonly heldOffUntilMs?: number;
  readonly count: number;
  readonly atMs: number;
}

/** Without protocol and address: of further addresses, counted together. */
export interface ConnectionFailure extends SignOnOrigin {
  /** Who tried held a credential of the device. Otherwise anybody may have said its name. */
  readonly proven: boolean;
  /** A word for programs, such as `wrong-signature`. */
  readonly reason: string;
  /** A sentence for people: what is wrong, and what to look at. */
  readonly message: string;
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** With `held-off`, while it lasts: when the gateway looks at a sign-on from there again. A change of device or product ends it before. */
  readonly heldOffUntilMs?: number;
}
