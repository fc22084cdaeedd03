import type { Caller } from "./caller.ts";
import type { SecretProof } from "./device-proofs.ts";
import type { DeviceAddress, DeviceRef } from "./ids.ts";
import type { PageRequest } from "./page.ts";

/** Wire formats §1.4. */
export const subDevicesMax = 2_000;
/** In one `proveSubDevices` (wire formats §2.3) and in one `findSubDevices`. */
export const subDeviceProofsMax = 30;
export const subDeviceLookupMax = 1_000;

/** A device that a gateway device speaks for. */
export interface SubDevice extends DeviceAddress {
  readonly deviceId: string;
  readonly addedAtMs: number;
}

/** As the platform's own gateways know one. */
export interface KnownSubDevice {
  readonly device: DeviceRef;
  /** `enabled` or `disabled`. */
  readonly status: string;
}

/**
 * Which devices speak through which. One level: who has sub-devices is none, and a sub-device has one gateway, of its own tenant. Part of
 * DeviceApi.
 */
export interface TopologyApi {
  /**
   * Idempotent. `alreadyExists` for the sub-device of another gateway; `failedPrecondition` for a device that cannot be one, or a gateway that
   * is one itself; `quotaExceeded` beyond 2,000.
   */
  addSubDevice(caller: Caller, request: DeviceAddress & { readonly subDevice: DeviceAddress }): Promise<SubDevice>;
  /**
   * From a gateway device: adds those whose secrets it can sign with (`content` as at sign-on), all or none. `unauthenticated`, whatever is
   * wrong with a proof; otherwise as `addSubDevice`.
   */
  proveSubDevices(
    caller: Caller,
    request: { readonly proofs: readonly SecretProof[] },
  ): Promise<{ readonly subDevices: readonly SubDevice[] }>;
  /** Idempotent for a device that exists; a gateway device may name itself only. */
  removeSubDevice(caller: Caller, request: DeviceAddress & { readonly subDevice: DeviceAddress }): Promise<Record<never, never>>;
  /** By product key and device name; a gateway device may name itself only. */
  listSubDevices(
    caller: Caller,
    request: DeviceAddress & PageRequest,
  ): Promise<{ readonly subDevices: readonly SubDevice[]; readonly nextPageToken?: string }>;
  /** Which of these are the gateway's: for the platform's own services. Others are left out. At most 1,000. */
  findSubDevices(
    caller: Caller,
    request: { readonly gatewayId: string; readonly devices: readonly DeviceAddress[] },
  ): Promise<{ readonly subDevices: readonly KnownSubDevice[] }>;
}
