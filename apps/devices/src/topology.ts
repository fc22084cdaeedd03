import {
  assertMay,
  type Caller,
  type Device,
  type DeviceAddress,
  type DeviceApi,
  invalidField,
  PlatformError,
  type SecretProof,
  type SubDevice,
  subDeviceLookupMax,
  subDeviceProofsMax,
  subDevicesMax,
  uuidPattern,
} from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import type { Sealer } from "@mooring/pki";
import { cutPage, noDevice, parseAddress, parsePage, tenantOf } from "./input.ts";
import type { DeviceStore, TopologyFault, TopologyStore } from "./ports.ts";
import { addressOf, isProof, judgeSecret } from "./secret-authentication.ts";
import type { CredentialStore } from "./secret-ports.ts";
import { isRefused } from "./verdict.ts";

export type TopologyOperations = Pick<
  DeviceApi,
  "addSubDevice" | "proveSubDevices" | "removeSubDevice" | "listSubDevices" | "findSubDevices"
>;

export interface TopologyDeps {
  readonly devices: DeviceStore;
  readonly topology: TopologyStore;
  readonly credentials: Pick<CredentialStore, "findSecret">;
  readonly sealer: Sealer;
  readonly clock: Clock;
}

/** Which devices speak through which. */
export function createTopologyOperations(deps: TopologyDeps): TopologyOperations {
  const { devices, topology, clock } = deps;

  async function get(tenantId: string, address: DeviceAddress): Promise<Device> {
    const device = await devices.find({ tenantId }, parseAddress(address));
    if (device === undefined) throw noDevice();
    return device;
  }

  async function add(gateway: Device, subDevices: readonly Device[]): Promise<readonly SubDevice[]> {
    const result = await topology.add(gateway, subDevices, { atMs: clock.now(), max: subDevicesMax });
    if ("added" in result) return result.added;
    throw errorOf(result.fault, subDevices[result.at] ?? gateway);
  }

  return {
    async addSubDevice(caller, request) {
      assertMay(caller, "devices.addSubDevice");
      const tenantId = tenantOf(caller);
      const gateway = await get(tenantId, request);
      const [added] = await add(gateway, [await getSubDevice(devices, tenantId, request.subDevice)]);
      if (added === undefined) throw noDevice();
      return added;
    },

    async proveSubDevices(caller, { proofs }) {
      assertMay(caller, "devices.proveSubDevices");
      const tenantId = tenantOf(caller);
      if (proofs.length === 0 || proofs.length > subDeviceProofsMax) {
        throw invalidField("/proofs", `must be 1 to ${subDeviceProofsMax}, not ${proofs.length}`);
      }
      const gateway = await get(tenantId, ownAddress(caller));
      const proved: Device[] = [];
      for (const [at, proof] of proofs.entries()) proved.push(await prove(deps, { tenantId, proof, at }));
      return { subDevices: await add(gateway, proved) };
    },

    async removeSubDevice(caller, request) {
      assertMay(caller, "devices.removeSubDevice");
      const tenantId = tenantOf(caller);
      assertOwn(caller, request);
      const gateway = await get(tenantId, request);
      await topology.remove(gateway, await getSubDevice(devices, tenantId, request.subDevice));
      return {};
    },

    async listSubDevices(caller, request) {
      assertMay(caller, "devices.listSubDevices");
      const tenantId = tenantOf(caller);
      assertOwn(caller, request);
      const { deviceId } = await get(tenantId, request);
      const cut = parsePage(request);
      const { items, ...next } = cutPage(await topology.list(deviceId, cut), cut, keyOf);
      return { subDevices: items, ...next };
    },

    async findSubDevices(caller, request) {
      assertMay(caller, "devices.findSubDevices");
      if (request.devices.length > subDeviceLookupMax) {
        throw invalidField("/devices", `at most ${subDeviceLookupMax} at once, not ${request.devices.length}`);
      }
      if (!uuidPattern.test(request.gatewayId)) return { subDevices: [] };
      return { subDevices: await topology.find(request.gatewayId, request.devices) };
    },
  };
}

function keyOf({ productKey, deviceName }: DeviceAddress): string {
  return `${productKey}/${deviceName}`;
}

/** A device speaks of itself only; another one is to it as if it were not there. */
function assertOwn(caller: Caller, { productKey, deviceName }: DeviceAddress): void {
  const { device } = caller;
  if (device !== undefined && (device.productKey !== productKey || device.deviceName !== deviceName)) throw noDevice();
}

function ownAddress({ device }: Caller): DeviceAddress {
  if (device === undefined) throw new PlatformError("permissionDenied", "the caller is no device");
  return device;
}

async function getSubDevice(devices: DeviceStore, tenantId: string, address: DeviceAddress | undefined): Promise<Device> {
  const parsed = address === undefined ? undefined : addressOf(address);
  const found = parsed === undefined ? undefined : await devices.find({ tenantId }, parsed);
  if (found === undefined) throw new PlatformError("notFound", "there is no such sub-device");
  return found;
}

/** The device whose secret made the proof, in the gateway's tenant. */
async function prove(
  deps: TopologyDeps,
  { tenantId, proof, at }: { readonly tenantId: string; readonly proof: SecretProof; readonly at: number },
): Promise<Device> {
  const address = addressOf(proof);
  const credential = address === undefined || !isProof(proof) ? undefined : await deps.credentials.findSecret(address);
  const isProved = credential?.device.tenantId === tenantId && !isRefused(judgeSecret(credential, proof, deps));
  const device = isProved && address !== undefined ? await deps.devices.find({ tenantId }, address) : undefined;
  if (device !== undefined) return device;
  throw new PlatformError("unauthenticated", `/proofs/${at}: the sub-device could not be authenticated`);
}

function errorOf(fault: TopologyFault, device: DeviceAddress): PlatformError {
  const name = `${device.deviceName} of product ${device.productKey}`;
  switch (fault) {
    case "gone":
      return noDevice();
    case "self":
      return new PlatformError("failedPrecondition", "a device cannot be its own sub-device");
    case "isSubDevice":
      return new PlatformError("failedPrecondition", "the gateway is a sub-device itself: sub-devices have none");
    case "hasSubDevices":
      return new PlatformError("failedPrecondition", `${name} has sub-devices, and cannot be one`);
    case "taken":
      return new PlatformError("alreadyExists", `${name} is a sub-device of another gateway; remove it there first`);
    case "limit":
      return new PlatformError("quotaExceeded", `a gateway has at most ${subDevicesMax} sub-devices`);
  }
}
