import { randomUUID } from "node:crypto";
import {
  asDeviceId,
  asDeviceName,
  asProductKey,
  asTenantId,
  type ConnectionBody,
  type DeviceRef,
  type LifecycleBody,
  type NewRecord,
  type RecordKind,
} from "@mooring/contracts";

export function newDevice(deviceName = "dev1"): DeviceRef {
  return {
    tenantId: asTenantId(randomUUID()),
    deviceId: asDeviceId(randomUUID()),
    productKey: asProductKey("pk11"),
    deviceName: asDeviceName(deviceName),
  };
}

export function recordOf(device: DeviceRef, kind: RecordKind, body: unknown, receivedAtMs = Date.now()): NewRecord {
  return { messageId: randomUUID(), device, kind, receivedAtMs, body: typeof body === "string" ? body : JSON.stringify(body) };
}

export function online(device: DeviceRef, epoch: number, more: Partial<ConnectionBody> & { readonly atMs?: number } = {}): NewRecord {
  const { atMs, ...rest } = more;
  const body: ConnectionBody = { clientId: "c1", epoch, sequence: 0, protocol: "mqtt-5.0", nodeId: "n1", address: "192.0.2.1", ...rest };
  return recordOf(device, "online", body, atMs);
}

export function offline(device: DeviceRef, epoch: number, more: Partial<ConnectionBody> & { readonly atMs?: number } = {}): NewRecord {
  const { atMs, ...rest } = more;
  const body: ConnectionBody = { clientId: "c1", epoch, sequence: 1, protocol: "mqtt-5.0", nodeId: "n1", reason: "clientLeft", ...rest };
  return recordOf(device, "offline", body, atMs);
}

export function deleted(device: DeviceRef): NewRecord {
  const body: LifecycleBody = { action: "deleted", principal: "key:x" };
  return recordOf(device, "lifecycle", body);
}

export function report(device: DeviceRef): NewRecord {
  return recordOf(device, "properties", { properties: { n: { value: 1, time: 1 } } });
}
