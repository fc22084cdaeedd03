import type {
  Acknowledgement,
  CertificateProfile,
  ConnectionFailure,
  Device,
  DeviceAddress,
  DeviceChange,
  DeviceRef,
  KnownSubDevice,
  LifecycleBody,
  Product,
  ProductOptions,
  ProductSecrecy,
  Registration,
  SubDevice,
  ThingModelApi,
  ThingModelPin,
  ValidationMode,
} from "@mooring/contracts";
import type { AuthorityStore, RevocationListStore } from "./authority-ports.ts";
import type { CertificateStore } from "./certificate-ports.ts";
import type { ClaimStore } from "./claim-ports.ts";
import type { CredentialStore, PublicKeyStore, SecretStore } from "./secret-ports.ts";

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

/** Tenants that are suspended: their devices are let in nowhere. Credentials are found with the status `suspended` in place of their device's own. */
export interface SuspensionStore {
  /** These and no others, from now on. Committed with the changes that make gateways look at the devices of the others again. */
  replace(tenantIds: readonly string[]): Promise<void>;
  has(tenantId: string): Promise<boolean>;
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
