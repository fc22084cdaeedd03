import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { type NodeInfo, nodeNumberMax, type Registration } from "./nodes.ts";

/** What every adapter of `Nodes` keeps. `open` gives a cluster over a store where nothing is registered. */
export function nodesConformance(open: () => Promise<Cluster>): void {
  describe("nodes", () => {
    let cluster: Cluster;
    const registrations: Registration[] = [];
    const register = async (info: NodeInfo): Promise<Registration> => {
      const registration = await cluster.nodes.register(info);
      registrations.push(registration);
      return registration;
    };
    const gateway = (nodeId: string): NodeInfo => ({ nodeId, kind: "gateway", address: `${nodeId}:9000` });

    beforeEach(async () => {
      cluster = await open();
    });
    afterEach(async () => {
      for (const registration of registrations.splice(0)) await registration.stop();
      await cluster.close();
    });

    test("a registered node is found by id, by number and in the list of its kind, and by none once stopped", async () => {
      const registration = await register(gateway("b"));
      await register(gateway("a"));
      await register({ nodeId: "r", kind: "rrpc", address: "r:1" });
      const node = { ...gateway("b"), number: registration.number };
      expect(await cluster.nodes.find("b")).toEqual(node);
      expect(await cluster.nodes.findNumber(registration.number)).toEqual(node);
      expect((await cluster.nodes.list("gateway")).map(({ nodeId }) => nodeId)).toEqual(["a", "b"]);
      expect((await cluster.nodes.list("rrpc")).map(({ address }) => address)).toEqual(["r:1"]);
      await registration.stop();
      expect(await cluster.nodes.find("b")).toBeUndefined();
      expect(await cluster.nodes.findNumber(registration.number)).toBeUndefined();
      expect((await cluster.nodes.list("gateway")).map(({ nodeId }) => nodeId)).toEqual(["a"]);
    });

    test("live nodes have numbers of their own, from 1 to 32767", async () => {
      const all = await Promise.all(Array.from({ length: 50 }, (_, at) => register(gateway(`n${at}`))));
      const numbers = all.map(({ number }) => number);
      expect(new Set(numbers).size).toBe(50);
      expect(numbers.every((number) => Number.isInteger(number) && number >= 1 && number <= nodeNumberMax)).toBe(true);
    });

    test("a live node's id is refused to another, whose failed attempt changes nothing", async () => {
      const registration = await register(gateway("a"));
      await expect(cluster.nodes.register({ ...gateway("a"), address: "other:1" })).rejects.toMatchObject({ code: "alreadyExists" });
      expect(await cluster.nodes.find("a")).toEqual({ ...gateway("a"), number: registration.number });
      await registration.stop();
      await register(gateway("a"));
      // Stopping twice does not end the one that came after.
      await registration.stop();
      expect(await cluster.nodes.find("a")).toBeDefined();
    });
  });
}
