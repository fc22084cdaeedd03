import type { DeviceApi, DeviceChange } from "@mooring/contracts";
import { Signal } from "../signal.ts";

/** Tags in memory with a feed of their changes, as apps/devices has them. */
export function memoryTags() {
  const tags = new Map<string, Readonly<Record<string, string>>>();
  const changes: DeviceChange[] = [];
  const changed = new Signal();
  let asked = 0;
  const directory: Pick<DeviceApi, "findTags" | "listChanges"> = {
    async findTags(_, { deviceIds }) {
      asked += deviceIds.length;
      return { devices: deviceIds.flatMap((deviceId) => (tags.has(deviceId) ? [{ deviceId, tags: tags.get(deviceId) ?? {} }] : [])) };
    },
    async listChanges(_, { after, waitMs = 0 }) {
      if (after === undefined) return { changes: [], next: changes.length };
      if (changes.length <= after) await changed.wait(waitMs);
      return { changes: changes.slice(after), next: changes.length };
    },
  };
  return {
    directory,
    /** How many devices were asked about. */
    asked: () => asked,
    set(deviceId: string, its: Readonly<Record<string, string>>): void {
      tags.set(deviceId, its);
      changes.push({ offset: changes.length + 1, productKey: "pk11", deviceId });
      changed.notify();
    },
    remove(deviceId: string): void {
      tags.delete(deviceId);
      changes.push({ offset: changes.length + 1, productKey: "pk11", deviceId });
      changed.notify();
    },
  };
}
