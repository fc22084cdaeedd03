import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import type { Registration } from "./nodes.ts";
import { connectionsPerDeviceMax, type Evicted, type Presence, type PresenceClaim } from "./presence.ts";

/** What every adapter of `Presence` keeps. `open` gives a cluster over a store where nothing is registered. */
export function presenceConformance(open: () => Promise<Cluster>): void {
  describe("presence", () => {
    let cluster: Cluster;
    let presence: Presence;
    const registrations = new Map<string, Registration>();

    const startNode = async (nodeId: string): Promise<void> => {
      registrations.set(nodeId, await cluster.nodes.register({ nodeId, kind: "gateway", address: "127.0.0.1:1" }));
    };
    const stopNode = async (nodeId: string): Promise<void> => {
      await registrations.get(nodeId)?.stop();
      registrations.delete(nodeId);
    };
    const device = (): PresenceClaim => ({ deviceId: randomUUID(), clientId: "client", nodeId: "a" });

    beforeEach(async () => {
      cluster = await open();
      presence = cluster.presence;
      await startNode("a");
      await startNode("b");
    });
    afterEach(async () => {
      for (const nodeId of [...registrations.keys()]) await stopNode(nodeId);
      await cluster.close();
    });

    test("a claimed connection is found, and gone once released", async () => {
      const claim = device();
      const { epoch, replaced, first } = await presence.claim(claim);
      expect({ replaced, first }).toEqual({ replaced: undefined, first: true });
      expect(await presence.find(claim.deviceId)).toEqual([{ ...claim, epoch }]);
      expect(await presence.release({ ...claim, epoch })).toEqual({ released: true, last: true });
      expect(await presence.find(claim.deviceId)).toEqual([]);
      expect(await presence.release({ ...claim, epoch })).toEqual({ released: false, last: true });
    });

    test("a second claim under the same client id names the entry it takes over, which then cannot release the new one", async () => {
      const claim = device();
      const old = { ...claim, epoch: (await presence.claim(claim)).epoch };
      const taken = await presence.claim({ ...claim, nodeId: "b" });
      expect(taken).toEqual({ epoch: taken.epoch, replaced: old, first: false });
      expect(taken.epoch).toBeGreaterThan(old.epoch);
      expect(await presence.release(old)).toEqual({ released: false, last: false });
      expect(await presence.find(claim.deviceId)).toEqual([{ ...claim, nodeId: "b", epoch: taken.epoch }]);
    });

    test("a device holds several client ids: newest first, first and last told once", async () => {
      const claim = device();
      const one = await presence.claim({ ...claim, clientId: "one" });
      const two = await presence.claim({ ...claim, clientId: "two", nodeId: "b" });
      expect([one.first, two.first]).toEqual([true, false]);
      expect((await presence.find(claim.deviceId)).map((entry) => entry.clientId)).toEqual(["two", "one"]);
      expect(await presence.release({ ...claim, clientId: "one", epoch: one.epoch })).toEqual({ released: true, last: false });
      expect(await presence.release({ ...claim, clientId: "two", nodeId: "b", epoch: two.epoch })).toEqual({ released: true, last: true });
    });

    test("epochs of a device only grow, also when all its connections ended in between", async () => {
      const claim = device();
      const epochs: number[] = [];
      for (let round = 0; round < 20; round += 1) {
        const { epoch } = await presence.claim(claim);
        await presence.release({ ...claim, epoch });
        epochs.push(epoch);
      }
      expect(new Set(epochs).size).toBe(20);
      expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
      expect(epochs[0]).toBeGreaterThan(Date.UTC(2025, 0));
    });

    test("of many claims at once for one client id exactly one stays, and each other is told to exactly one of them", async () => {
      const claim = device();
      const claims = await Promise.all(
        Array.from({ length: 20 }, (_, at) => presence.claim({ ...claim, nodeId: at % 2 === 0 ? "a" : "b" })),
      );
      const replaced = claims.flatMap(({ replaced: entry }) => (entry === undefined ? [] : [entry.epoch]));
      const [stays] = await presence.find(claim.deviceId);
      expect([...replaced, stays?.epoch].sort()).toEqual(claims.map(({ epoch }) => epoch).sort());
      expect(claims.filter(({ first }) => first)).toHaveLength(1);
    });

    test("entries of a dead node are left out at once, and evicted to one caller only", async () => {
      const claim = device();
      await presence.claim({ ...claim, clientId: "on-a" });
      const onB = { ...claim, clientId: "on-b", nodeId: "b" };
      const { epoch } = await presence.claim(onB);
      const alone = { ...device(), nodeId: "b" };
      await presence.claim(alone);
      expect(await presence.evict()).toEqual([]);
      await stopNode("b");
      expect((await presence.find(claim.deviceId)).map((entry) => entry.clientId)).toEqual(["on-a"]);
      expect(await presence.find(alone.deviceId)).toEqual([]);
      const evicted: Evicted[] = (await Promise.all([presence.evict(), presence.evict()])).flat();
      expect(evicted).toHaveLength(2);
      expect(evicted.find(({ last }) => !last)?.entry).toEqual({ ...onB, epoch });
      expect(evicted.find(({ last }) => last)?.entry.deviceId).toBe(alone.deviceId);
      expect(await presence.release({ ...onB, epoch })).toEqual({ released: false, last: false });
    });

    test("a claim after the node died counts as the first", async () => {
      const claim = device();
      await presence.claim({ ...claim, nodeId: "b" });
      await stopNode("b");
      const again = await presence.claim(claim);
      expect(again.first).toBe(true);
      expect(again.replaced?.nodeId).toBe("b");
      expect(await presence.evict()).toEqual([]);
    });

    test("restored entries are found, twice is as once, and what was taken over meanwhile is not put back", async () => {
      const claim = device();
      const other = device();
      const later = Date.now() + 1_000_000;
      const entries = [
        { ...claim, epoch: later },
        { ...other, epoch: later + 1 },
      ];
      expect(await presence.restore(entries)).toEqual([]);
      expect(await presence.restore(entries)).toEqual([]);
      expect(await presence.find(claim.deviceId)).toEqual([entries[0]]);
      const taken = await presence.claim({ ...claim, nodeId: "b" });
      expect(taken.epoch).toBeGreaterThan(later + 1);
      expect(await presence.restore(entries)).toEqual([entries[0]]);
      expect((await presence.find(claim.deviceId)).map((entry) => entry.nodeId)).toEqual(["b"]);
    });

    test("more entries than one step holds are restored and evicted", async () => {
      const deviceId = (at: number): string => `${at}-of-many`;
      const entries = Array.from({ length: 1_100 }, (_, at) => ({ deviceId: deviceId(at), clientId: "c", nodeId: "b", epoch: at + 1 }));
      expect(await presence.restore(entries)).toEqual([]);
      expect(await presence.find(deviceId(1_099))).toHaveLength(1);
      await stopNode("b");
      const counts: number[] = [];
      for (let last = 1; last > 0; counts.push(last)) last = (await presence.evict()).length;
      expect(counts).toEqual([500, 500, 100, 0]);
    });

    test("a device cannot hold more connections than the limit", async () => {
      const claim = device();
      for (let at = 0; at < connectionsPerDeviceMax; at += 1) await presence.claim({ ...claim, clientId: `${at}` });
      await expect(presence.claim({ ...claim, clientId: "one more" })).rejects.toMatchObject({ code: "quotaExceeded" });
      await expect(presence.claim({ ...claim, clientId: "0" })).resolves.toMatchObject({ first: false });
    });

    test("client ids of any characters are kept apart", async () => {
      const claim = device();
      for (const clientId of ["", ":", "1:a", "\u{1f600}", "a\nb", "%z"]) await presence.claim({ ...claim, clientId });
      expect((await presence.find(claim.deviceId)).map((entry) => entry.clientId)).toEqual(["%z", "a\nb", "\u{1f600}", "1:a", ":", ""]);
    });
  });
}
