import { type Cluster, createMemoryCluster } from "@mooring/cluster";
import { PlatformError } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { expect, test } from "vitest";
import { createLazyCluster } from "./lazy-cluster.ts";

function given(failures: number) {
  const seen = { opened: 0, closed: 0 };
  const memory = createMemoryCluster({ log: silentLog });
  const cluster: Cluster = {
    ...memory,
    async close() {
      seen.closed++;
    },
  };
  const lazy = createLazyCluster(async () => {
    if (++seen.opened <= failures) throw new PlatformError("unavailable", "the store is away");
    return cluster;
  });
  return { lazy, memory, seen };
}

test("nothing is opened before it is asked; then it is opened once, however many ask at once, and closed at the end", async () => {
  const { lazy, memory, seen } = given(0);
  await memory.nodes.register({ nodeId: "n1", kind: "gateway", address: "here" });
  const { epoch } = await memory.presence.claim({ deviceId: "d", clientId: "c", nodeId: "n1" });
  expect(seen.opened).toBe(0);
  const [nodes, entries] = await Promise.all([lazy.nodes.list("gateway"), lazy.presence.find("d")]);
  expect(nodes.map((node) => node.nodeId)).toEqual(["n1"]);
  expect(entries).toEqual([{ deviceId: "d", clientId: "c", nodeId: "n1", epoch }]);
  await lazy.nodes.list("gateway");
  await lazy.stop();
  expect(seen).toEqual({ opened: 1, closed: 1 });
  await expect(lazy.nodes.list("gateway")).rejects.toMatchObject({ code: "unavailable" });
});

test("while it cannot be opened everything rejects, and the next one who asks tries again", async () => {
  const { lazy, seen } = given(2);
  await expect(lazy.nodes.list("gateway")).rejects.toMatchObject({ code: "unavailable" });
  await expect(lazy.presence.find("d")).rejects.toMatchObject({ code: "unavailable" });
  expect(await lazy.presence.find("d")).toEqual([]);
  expect(seen.opened).toBe(3);
  await lazy.stop();
  expect(seen.closed).toBe(1);
});

test("one that was never opened has nothing to close", async () => {
  const { lazy, seen } = given(0);
  await lazy.stop();
  expect(seen).toEqual({ opened: 0, closed: 0 });
});
