import { describe, expect, test } from "vitest";
import { type CreateWorld, setUp } from "./world.ts";

export function describeMessages(create: CreateWorld): void {
  describe("messages", () => {
    test("after a change the device hears accepted, documents and delta, in this order, with the token of the request", async () => {
      const { api, operator, self, address, gateways, deviceId } = await setUp(create);
      await api.update(self, { ...address, reported: { Mode: "off" } });
      gateways.online.add(deviceId);
      const before = await api.get(self, address);
      const view = await api.update(operator, { ...address, desired: { TargetTemperature: 21, Mode: null }, clientToken: "c-1" });
      await expect.poll(() => gateways.sent).toHaveLength(3);
      const times = { timestamp: view.timestampMs, version: 2, clientToken: "c-1" };
      const leaf = { timestamp: view.timestampMs };
      expect(gateways.sent.map(({ kind, message }) => [kind, message])).toEqual([
        [
          "shadowAccepted",
          { state: { desired: { TargetTemperature: 21, Mode: null } }, metadata: { desired: { TargetTemperature: leaf } }, ...times },
        ],
        [
          "shadowDocuments",
          {
            previous: { state: { desired: {}, reported: { Mode: "off" } }, metadata: before.metadata, version: 1 },
            current: {
              state: { desired: { TargetTemperature: 21 }, reported: { Mode: "off" } },
              metadata: { desired: { TargetTemperature: leaf }, reported: before.metadata.reported },
              version: 2,
            },
            ...times,
          },
        ],
        ["shadowDelta", { state: { TargetTemperature: 21 }, metadata: { TargetTemperature: leaf }, ...times }],
      ]);
      // One request: nothing of the cloud comes in between.
      expect(new Set(gateways.sent.map(({ request }) => request)).size).toBe(1);
    });

    test("without a difference there is no delta; a report that leaves one open is answered with it", async () => {
      const { api, operator, self, address, gateways, deviceId } = await setUp(create);
      await api.update(operator, { ...address, desired: { Mode: "heat", TargetTemperature: 20 } });
      gateways.online.add(deviceId);
      await api.update(self, { ...address, reported: { Mode: "heat" } });
      await api.update(self, { ...address, reported: { TargetTemperature: 20 } });
      expect(gateways.story).toEqual(["shadowAccepted 2", "shadowDocuments 2", "shadowDelta 2", "shadowAccepted 3", "shadowDocuments 3"]);
      expect(gateways.sent[2]?.message["state"]).toEqual({ TargetTemperature: 20 });
    });

    test("a deletion is told as such, with the documents and without a delta", async () => {
      const { api, self, named, gateways, deviceId } = await setUp(create);
      await api.update(self, { ...named, desired: { n: 1 }, reported: { n: 2 } });
      gateways.online.add(deviceId);
      await api.delete(self, { ...named, clientToken: "bye" });
      expect(gateways.sent).toMatchObject([
        { kind: "shadowDeleted", shadowName: "config", message: { version: 2, clientToken: "bye" } },
        { kind: "shadowDocuments", shadowName: "config", message: { current: { state: { desired: {}, reported: {} }, version: 2 } } },
      ]);
      expect(gateways.sent[0]?.message).not.toHaveProperty("state");
    });

    test("a device's own change is answered after its messages were handed over; a gateway that fails does not fail it", async () => {
      const { api, self, address, gateways, deviceId } = await setUp(create);
      gateways.online.add(deviceId);
      await api.update(self, { ...address, reported: { Mode: "heat" } });
      expect(gateways.story).toEqual(["shadowAccepted 1", "shadowDocuments 1"]);
      gateways.before = () => Promise.reject(new Error("the gateway is gone"));
      expect(await api.update(self, { ...address, reported: { Mode: "off" } })).toMatchObject({ version: 2 });
      gateways.before = async () => undefined;
      await api.update(self, { ...address, reported: { Mode: "heat" } });
      expect(gateways.story.slice(2)).toEqual(["shadowAccepted 3", "shadowDocuments 3"]);
    });

    test("who is not the device does not wait for its gateway, and the device waits 2 s at most", async () => {
      const { api, operator, self, address, gateways, deviceId } = await setUp(create);
      gateways.online.add(deviceId);
      const stuck = Promise.withResolvers<void>();
      gateways.before = () => stuck.promise;
      expect(await api.update(operator, { ...address, desired: { Mode: "heat" } })).toMatchObject({ version: 1 });
      const startMs = performance.now();
      expect(await api.update(self, { ...address, reported: { Mode: "heat" } })).toMatchObject({ version: 2 });
      expect(performance.now() - startMs).toBeGreaterThan(1_900);
      expect(gateways.sent).toEqual([]);
      stuck.resolve();
      await expect
        .poll(() => gateways.story)
        .toEqual(["shadowAccepted 1", "shadowDocuments 1", "shadowDelta 1", "shadowAccepted 2", "shadowDocuments 2"]);
    });

    test("many changes at the same time are told in the order of versions, each once, and the newest delta last", async () => {
      const { api, operator, self, named, gateways, deviceId } = await setUp(create);
      gateways.online.add(deviceId);
      const changes = Array.from({ length: 60 }, (_, i) =>
        i % 2 === 0 ? api.update(operator, { ...named, desired: { n: i } }) : api.update(self, { ...named, reported: { m: i } }),
      );
      await Promise.all(changes);
      await expect.poll(() => gateways.sent.filter(({ kind }) => kind === "shadowAccepted")).toHaveLength(60);
      const versionsOf = (kind: string): number[] =>
        gateways.sent.filter((sent) => sent.kind === kind).map(({ message }) => message.version);
      const inOrder = Array.from({ length: 60 }, (_, i) => i + 1);
      expect(versionsOf("shadowAccepted")).toEqual(inOrder);
      expect(versionsOf("shadowDocuments")).toEqual(inOrder);
      const deltas = versionsOf("shadowDelta");
      expect(deltas).toEqual([...new Set(deltas)].sort((a, b) => a - b));
      expect(deltas.at(-1)).toBe(60);
      expect(gateways.sent.at(-1)?.kind).toBe("shadowDelta");
    });

    test("ten changes while the device is away become one delta when it listens again", async () => {
      const { api, operator, self, address, gateways, deviceId } = await setUp(create);
      for (let i = 0; i < 10; i++) await api.update(operator, { ...address, desired: { TargetTemperature: 10 + i } });
      expect(gateways.sent).toEqual([]);
      gateways.online.add(deviceId);
      await api.deviceReady(self, address);
      expect(gateways.sent).toMatchObject([
        { deviceId, kind: "shadowDelta", shadowName: undefined, message: { state: { TargetTemperature: 19 }, version: 10 } },
      ]);
    });

    test("a device that already does what is desired is sent nothing; each shadow has a delta of its own", async () => {
      const { api, operator, self, address, named, gateways, deviceId } = await setUp(create);
      await api.update(operator, { ...address, desired: { Mode: "off" } });
      await api.update(self, { ...address, reported: { Mode: "off" } });
      await api.update(operator, { ...named, desired: { n: 1 } });
      gateways.online.add(deviceId);
      await api.deviceReady(self, address);
      expect(gateways.sent).toEqual([]);
      await api.deviceReady(self, named);
      expect(gateways.sent).toMatchObject([{ kind: "shadowDelta", shadowName: "config", message: { state: { n: 1 } } }]);
    });
  });
}
