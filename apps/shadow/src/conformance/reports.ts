import { serviceCaller } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { type CreateWorld, setUp } from "./world.ts";

const gateway = serviceCaller("gateway");

export function describeReports(create: CreateWorld): void {
  describe("property reports from the log", () => {
    test("are in the document when a wait for their offset ends, and only they are waited for", async () => {
      const { api, operator, address, world, device } = await setUp(create);
      const offset = world.report(device, { Temperature: 21 });
      expect((await api.waitApplied(gateway, { offset, timeoutMs: 10_000 })).offset).toBeGreaterThanOrEqual(offset);
      expect(await api.get(operator, address)).toMatchObject({ version: 1, reported: { Temperature: 21 } });
    });

    test("that no document takes are told to who waits for them, and to who traces the device", async () => {
      const { api, operator, address, world, device } = await setUp(create);
      world.report(device, { s: "x".repeat(40_000) });
      world.report(device, { t: "x".repeat(40_000) });
      const offset = world.report(device, { list: [null] });
      const messageIds = world.log.records.slice(-3).map(({ messageId }) => messageId);
      const answer = await api.waitApplied(gateway, { offset, timeoutMs: 10_000, messageIds });
      expect(answer.offset).toBeGreaterThanOrEqual(offset);
      const refused = [...(answer.refused ?? [])].sort((a, b) => messageIds.indexOf(a.messageId) - messageIds.indexOf(b.messageId));
      expect(refused).toEqual([
        { messageId: messageIds[1], code: "payloadTooLarge", reason: expect.stringMatching(/^the shadow would have 80\d+ bytes/) },
        { messageId: messageIds[2], code: "invalidArgument", reason: expect.stringContaining("/reported/list/0") },
      ]);
      expect(Object.keys((await api.get(operator, address)).reported)).toEqual(["s"]);
      await expect
        .poll(() => world.log.refusals.filter((refusal) => refusal.device.deviceId === device.deviceId).map(({ topic }) => topic))
        .toEqual(expect.arrayContaining([`log/${offset - 1}`, `log/${offset}`]));
    });

    test("a wait for what never comes ends after its time, and says how far it is", async () => {
      const { api, world, device } = await setUp(create);
      const offset = world.report(device, { Temperature: 21 });
      await api.waitApplied(gateway, { offset, timeoutMs: 10_000 });
      expect((await api.waitApplied(gateway, { offset: offset + 1_000, timeoutMs: 30 })).offset).toBeLessThan(offset + 1_000);
    });

    test.each([
      [{ offset: -1, timeoutMs: 1 }, "/offset"],
      [{ offset: 0, timeoutMs: 30_001 }, "/timeoutMs"],
      [{ offset: 0, timeoutMs: -1 }, "/timeoutMs"],
    ])("a wait of %j is refused", async (request, pointer) => {
      const { api } = await setUp(create);
      await expect(api.waitApplied(gateway, request)).rejects.toMatchObject({
        code: "invalidArgument",
        details: { issues: [{ pointer }] },
      });
    });

    test("what a device says to its shadow is in the log as well when it is answered: whole members, with the model's word, and never applied again", async () => {
      const { api, self, operator, address, named, world, device } = await setUp(create);
      const receivedAtMs = Date.now() - 50;
      const first = await api.update(self, { ...address, reported: { Temperature: 21, Mode: "heat" }, receivedAtMs });
      await api.update(self, { ...address, reported: { Mode: null, Temperature: { value: 22, time: 1_700_000_000_000 } } });
      await api.update(self, { ...address, reported: { Mode: null } });
      await api.update(self, { ...named, reported: { Temperature: 5 } });
      await api.update(self, { ...address, desired: { Mode: "off" } });
      await expect(api.update(self, { ...address, reported: { Temperature: "hot" } })).rejects.toMatchObject({ code: "invalidArgument" });
      await expect(api.update(self, { ...address, reported: { Temperature: 1 }, expectedVersion: 1 })).rejects.toMatchObject({
        code: "versionConflict",
      });
      await api.delete(self, address);
      expect(world.log.directReports(device)).toEqual([
        { Temperature: { value: 21, time: receivedAtMs }, Mode: { value: "heat", time: receivedAtMs } },
        { Temperature: { value: 22, time: 1_700_000_000_000 } },
      ]);
      const record = world.log.records.findLast((one) => one.device.deviceId === device.deviceId);
      expect(record).toMatchObject({ kind: "properties", device });
      await api.waitApplied(gateway, { offset: world.report(device, { Temperature: 30 }), timeoutMs: 10_000 });
      expect((await api.get(operator, address)).version).toBe(first.version + 5);
    }, 120_000);

    test("change the document without messages, and are in its history as the device's, with their offset", async () => {
      const { api, operator, self, address, world, device, gateways, deviceId } = await setUp(create);
      await api.update(operator, { ...address, desired: { Mode: "heat" } });
      gateways.online.add(deviceId);
      const offset = world.report(device, { Mode: "off" });
      await api.waitApplied(gateway, { offset, timeoutMs: 10_000 });
      await api.update(self, { ...address, reported: { Temperature: 3 } });
      expect(gateways.story).toEqual(["shadowAccepted 3", "shadowDocuments 3", "shadowDelta 3"]);
      const { changes } = await api.history(operator, address);
      expect(changes[1]).toEqual({
        version: 2,
        atMs: changes[1]?.atMs,
        principal: "device:thermo1/dev-1",
        reported: { Mode: "off" },
        offset,
      });
    });
  });
}
