import { asTenantId } from "@mooring/contracts";
import { expect, test } from "vitest";
import { offline, online } from "../connections/fixture.test-support.ts";
import { appendAll, type EventWorld, gateway, newTenant } from "./support.ts";

export function describeConnections(create: () => Promise<EventWorld>): void {
  test("a device is not connected before it was ever seen, then online, then offline, with when, where and why", async () => {
    const { api, addDevice, connectionsCaughtUp } = await create();
    const { device, backend } = newTenant();
    addDevice(device);
    const { productKey, deviceName } = device;
    expect(await api.getConnection(backend, { productKey, deviceName })).toEqual({ online: false, sinceMs: 0 });
    await appendAll(api, [online(device, 5, { atMs: 1_700_000_000_000 })]);
    await connectionsCaughtUp();
    const where = { clientId: "c1", protocol: "mqtt-5.0", nodeId: "n1" };
    const came = { online: true, sinceMs: 1_700_000_000_000, address: "192.0.2.1", ...where };
    expect(await api.getConnection(backend, { productKey, deviceName })).toEqual(came);
    await appendAll(api, [offline(device, 5, { atMs: 1_700_000_001_000 })]);
    await connectionsCaughtUp();
    const went = { online: false, sinceMs: 1_700_000_001_000, reason: "clientLeft", ...where };
    expect(await api.getConnection(backend, { productKey, deviceName })).toEqual(went);
  });

  test("whether a device is connected is told to those who may see it only", async () => {
    const { api, addDevice } = await create();
    const { device, backend } = newTenant();
    addDevice(device);
    const { productKey, deviceName } = device;
    for (const role of ["owner", "operator", "viewer"] as const) {
      expect(await api.getConnection({ ...backend, role }, { productKey, deviceName })).toMatchObject({ online: false });
    }
    const other = { ...backend, tenantId: asTenantId("00000000-0000-4000-8000-000000000000") };
    await expect(api.getConnection(other, { productKey, deviceName })).rejects.toMatchObject({ code: "notFound" });
    await expect(api.getConnection(gateway, { productKey, deviceName })).rejects.toMatchObject({ code: "permissionDenied" });
  });
}
