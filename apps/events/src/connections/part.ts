import { assertMay, type ConnectionStatus, type EventApi } from "@mooring/contracts";
import type { DeviceDirectory } from "../ports.ts";
import type { ConnectionStore, StoredConnection } from "./ports.ts";

export interface ConnectionPartDeps {
  readonly connections: Pick<ConnectionStore, "find">;
  readonly devices: DeviceDirectory;
}

/** Whether a device is connected. */
export function createConnectionPart(deps: ConnectionPartDeps): Pick<EventApi, "getConnection"> {
  return {
    async getConnection(caller, { productKey, deviceName }) {
      assertMay(caller, "events.getConnection");
      const { deviceId } = await deps.devices.getDevice(caller, { productKey, deviceName });
      const found = await deps.connections.find(deviceId);
      return found === undefined ? { online: false, sinceMs: 0 } : toStatus(found);
    },
  };
}

/** What was not said is left out. */
function toStatus({ online, sinceMs, ...details }: StoredConnection): ConnectionStatus {
  return { online, sinceMs, ...Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined && value !== "")) };
}
