import { PlatformError } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import { connectionsPerDeviceMax, type Evicted, evictedMax, type Presence, type PresenceEntry } from "../presence.ts";

export interface MemoryPresenceDeps {
  readonly isLive: (nodeId: string) => boolean;
  readonly clock: Clock;
}

type Connections = Map<string, PresenceEntry>;

export function createMemoryPresence(deps: MemoryPresenceDeps): Presence {
  const devices = new Map<string, Connections>();
  let lastEpoch = 0;

  const isLive = (entry: PresenceEntry): boolean => deps.isLive(entry.nodeId);
  const liveOf = (deviceId: string): PresenceEntry[] => [...(devices.get(deviceId)?.values() ?? [])].filter(isLive);
  const put = (entry: PresenceEntry): void => {
    const connections: Connections = devices.get(entry.deviceId) ?? new Map();
    devices.set(entry.deviceId, connections.set(entry.clientId, entry));
  };
  const remove = (entry: PresenceEntry): void => {
    const connections = devices.get(entry.deviceId);
    connections?.delete(entry.clientId);
    if (connections?.size === 0) devices.delete(entry.deviceId);
  };

  return {
    async claim({ deviceId, clientId, nodeId }) {
      const replaced = devices.get(deviceId)?.get(clientId);
      const live = liveOf(deviceId);
      if (replaced === undefined && live.length >= connectionsPerDeviceMax) {
        throw new PlatformError("quotaExceeded", `the device has ${connectionsPerDeviceMax} connections already`);
      }
      lastEpoch = Math.max(lastEpoch + 1, deps.clock.now());
      put({ deviceId, clientId, nodeId, epoch: lastEpoch });
      return { epoch: lastEpoch, replaced, first: live.length === 0 };
    },
    async release(entry) {
      const released = devices.get(entry.deviceId)?.get(entry.clientId)?.epoch === entry.epoch;
      if (released) remove(entry);
      return { released, last: liveOf(entry.deviceId).length === 0 };
    },
    find: async (deviceId) => liveOf(deviceId).sort((a, b) => b.epoch - a.epoch),
    async restore(entries) {
      const superseded: PresenceEntry[] = [];
      for (const entry of entries) {
        lastEpoch = Math.max(lastEpoch, entry.epoch);
        const current = devices.get(entry.deviceId)?.get(entry.clientId);
        if (current !== undefined && current.epoch > entry.epoch) superseded.push(entry);
        else put(entry);
      }
      return superseded;
    },
    async evict() {
      const evicted: Evicted[] = [];
      for (const connections of devices.values()) {
        for (const entry of connections.values()) {
          if (isLive(entry)) continue;
          remove(entry);
          evicted.push({ entry, last: liveOf(entry.deviceId).length === 0 });
          if (evicted.length === evictedMax) return evicted;
        }
      }
      return evicted;
    },
  };
}
