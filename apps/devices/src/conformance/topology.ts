import { type Caller, type Device, deviceCaller, subDeviceProofsMax } from "@mooring/contracts";
import { errorOf, makeCaller } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import type { Harness } from "../harness.test-support.ts";
import { gateway as platform, sign } from "./made-device.test-support.ts";

export function describeTopology(given: () => Harness): void {
  /** A gateway and devices that may become its sub-devices, with their secrets. */
  async function setUp(count = 2) {
    const { api } = given();
    const owner = makeCaller();
    const { productKey } = await api.createProduct(owner, { name: "Meter", secretAuthentication: true });
    const make = async (deviceName: string) => {
      const device = await api.createDevice(owner, { productKey, deviceName });
      return { device, secret: (await api.createDeviceSecret(owner, device)).secret };
    };
    const hub = await make("hub-1");
    const meters = [];
    for (let at = 0; at < count; at++) meters.push(await make(`meter-${at}`));
    return { api, owner, productKey, make, hub: hub.device, asHub: asDevice(hub.device), meters };
  }

  const asDevice = (device: Device): Caller => deviceCaller(device as never);
  const addressOf = ({ productKey, deviceName }: Device) => ({ productKey, deviceName });

  describe("sub-devices", () => {
    test("an operator adds them to a gateway, they are listed page by page and known to the platform; added again, all stays", async () => {
      const { api, owner, hub, meters } = await setUp(3);
      const add = async (device: Device) => api.addSubDevice(owner, { ...addressOf(hub), subDevice: addressOf(device) });
      const added = [];
      for (const { device } of meters) added.push(await add(device));
      expect(added[0]).toMatchObject({ deviceId: meters[0]?.device.deviceId, deviceName: "meter-0" });
      expect(await add(meters[0]?.device as Device)).toEqual(added[0]);
      const first = await api.listSubDevices(owner, { ...addressOf(hub), pageSize: 2 });
      expect(first.subDevices).toEqual(added.slice(0, 2));
      const second = await api.listSubDevices(owner, { ...addressOf(hub), pageSize: 2, pageToken: first.nextPageToken ?? "" });
      expect(second).toEqual({ subDevices: added.slice(2) });
      const devices = [
        ...meters.map(({ device }) => addressOf(device)),
        { productKey: hub.productKey, deviceName: "nobody" },
        addressOf(hub),
      ];
      await api.setDeviceStatus(owner, { ...addressOf(meters[1]?.device as Device), status: "disabled" });
      const { subDevices } = await api.findSubDevices(platform, { gatewayId: hub.deviceId, devices });
      expect(new Map(subDevices.map(({ device, status }) => [device.deviceId as string, status]))).toEqual(
        new Map(meters.map(({ device }, at) => [device.deviceId, at === 1 ? "disabled" : "enabled"])),
      );
    });

    test("a gateway adds those whose secrets it can sign with, all or none; whatever is wrong with a proof sounds the same", async () => {
      const { api, hub, asHub, meters, owner, productKey } = await setUp();
      const [one, other] = meters.map(({ device, secret }) => sign(addressOf(device), secret, "sha1"));
      if (one === undefined || other === undefined) throw new Error("two meters are needed");
      const stranger = makeCaller();
      const theirs = await api.createProduct(stranger, { name: "Theirs", secretAuthentication: true });
      const foreign = await api.createDevice(stranger, { productKey: theirs.productKey, deviceName: "foreign" });
      const { secret } = await api.createDeviceSecret(stranger, foreign);
      const wrong = [
        { ...other, signature: one.signature },
        { ...other, signature: "no hex" },
        sign({ productKey, deviceName: "nobody" }, "x"),
        sign(addressOf(foreign), secret),
      ];
      for (const proof of wrong) {
        expect(await errorOf(api.proveSubDevices(asHub, { proofs: [one, proof] }))).toMatchObject({
          code: "unauthenticated",
          message: "/proofs/1: the sub-device could not be authenticated",
        });
      }
      expect((await api.listSubDevices(owner, addressOf(hub))).subDevices).toEqual([]);
      const { subDevices } = await api.proveSubDevices(asHub, { proofs: [one, other] });
      expect((await api.listSubDevices(asHub, addressOf(hub))).subDevices).toEqual(subDevices);
      const many = Array.from({ length: subDeviceProofsMax + 1 }, () => one);
      expect(await errorOf(api.proveSubDevices(asHub, { proofs: many }))).toMatchObject({ code: "invalidArgument" });
    });

    test("one level, one gateway, one tenant", async () => {
      const { api, owner, hub, meters, make } = await setUp();
      const [a, b] = meters.map(({ device }) => addressOf(device));
      const { device: hub2 } = await make("hub-2");
      const add = (gateway: object, subDevice: object) => api.addSubDevice(owner, { ...gateway, subDevice } as never);
      await add(addressOf(hub), a as object);
      expect(await errorOf(add(addressOf(hub), addressOf(hub)))).toMatchObject({ code: "failedPrecondition" });
      expect(await errorOf(add(addressOf(hub2), a as object))).toMatchObject({ code: "alreadyExists" });
      expect(await errorOf(add(a as object, b as object))).toMatchObject({ code: "failedPrecondition" });
      expect(await errorOf(add(addressOf(hub2), addressOf(hub)))).toMatchObject({ code: "failedPrecondition" });
      const stranger = makeCaller();
      const theirs = await api.createProduct(stranger, { name: "Theirs" });
      const foreign = await api.createDevice(stranger, { productKey: theirs.productKey, deviceName: "foreign" });
      expect(await errorOf(add(addressOf(hub), addressOf(foreign)))).toMatchObject({
        code: "notFound",
        message: "there is no such sub-device",
      });
    });

    test("removed, or deleted with either of the two, it speaks through nobody, and the feed of changes says so", async () => {
      const { api, owner, hub, asHub, meters } = await setUp(3);
      for (const { device } of meters) await api.addSubDevice(owner, { ...addressOf(hub), subDevice: addressOf(device) });
      const [a, b, c] = meters.map(({ device }) => device) as [Device, Device, Device];
      const { next } = await api.listChanges(platform, {});
      await api.removeSubDevice(asHub, { ...addressOf(hub), subDevice: addressOf(a) });
      await api.removeSubDevice(asHub, { ...addressOf(hub), subDevice: addressOf(a) });
      await api.deleteDevice(owner, addressOf(b));
      const { changes } = await api.listChanges(platform, { after: next });
      expect(changes.map(({ deviceId }) => deviceId)).toEqual([a.deviceId, b.deviceId]);
      const names = async () => (await api.listSubDevices(owner, addressOf(hub))).subDevices.map(({ deviceId }) => deviceId);
      expect(await names()).toEqual([c.deviceId]);
      await api.deleteDevice(owner, addressOf(hub));
      expect(await api.findSubDevices(platform, { gatewayId: hub.deviceId, devices: [addressOf(c)] })).toEqual({ subDevices: [] });
    });

    test("a device may speak of itself only", async () => {
      const { api, hub, meters } = await setUp();
      const asMeter = asDevice(meters[0]?.device as Device);
      expect(await errorOf(api.listSubDevices(asMeter, addressOf(hub)))).toMatchObject({
        code: "notFound",
        message: "there is no such device",
      });
      const remove = api.removeSubDevice(asMeter, { ...addressOf(hub), subDevice: addressOf(meters[1]?.device as Device) });
      expect(await errorOf(remove)).toMatchObject({ code: "notFound" });
    });
  });
}
