import type { GatewayApi } from "@mooring/contracts";
import type { Nodes } from "./nodes.ts";
import type { Presence } from "./presence.ts";

export interface DeviceGatewaysDeps {
  readonly presence: Pick<Presence, "find">;
  readonly nodes: Pick<Nodes, "find">;
  /** The client of the gateway node at an address; cheap, called for every message. */
  readonly connect: (address: string) => GatewayApi;
}

/** The way to a device: the gateway nodes that hold its connections now. */
export interface DeviceGateways {
  /** Empty when the device is not connected. Rejects with `unavailable` while the store cannot be reached. */
  find(deviceId: string): Promise<readonly GatewayApi[]>;
}

export function createDeviceGateways(deps: DeviceGatewaysDeps): DeviceGateways {
  return {
    async find(deviceId) {
      const entries = await deps.presence.find(deviceId);
      const nodeIds = [...new Set(entries.map((entry) => entry.nodeId))];
      const nodes = await Promise.all(nodeIds.map((nodeId) => deps.nodes.find(nodeId)));
      return nodes.filter((node) => node !== undefined).map((node) => deps.connect(node.address));
    },
  };
}
