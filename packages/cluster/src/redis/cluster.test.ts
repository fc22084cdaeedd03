import { randomUUID } from "node:crypto";
import { silentLog } from "@mooring/kit";
import { findRedis } from "@mooring/testkit";
import { Redis } from "ioredis";
import { afterAll, describe, expect, test } from "vitest";
import { broadcastConformance } from "../broadcast-conformance.ts";
import type { Cluster } from "../cluster.ts";
import { nodesConformance } from "../nodes-conformance.ts";
import { presenceConformance } from "../presence-conformance.ts";
import { openRedisCluster } from "./cluster.ts";

const redis = await findRedis();

describe.skipIf(redis === undefined)("on Redis", () => {
  const url = redis?.url ?? "";
  // Every test has keys of its own, so that the Redis may be shared.
  const open = (prefix = `test-${randomUUID()}:`): Promise<Cluster> => openRedisCluster({ url, log: silentLog, prefix });
  afterAll(async () => {
    await redis?.stop();
  });

  presenceConformance(open);
  nodesConformance(open);
  broadcastConformance(async () => {
    const prefix = `test-${randomUUID()}:`;
    return [await open(prefix), await open(prefix)];
  });

  test("two nodes over one Redis see each other's connections", async () => {
    const prefix = `test-${randomUUID()}:`;
    const [here, there] = [await open(prefix), await open(prefix)];
    const registration = await here.nodes.register({ nodeId: "here", kind: "gateway", address: "here:1" });
    const { epoch } = await here.presence.claim({ deviceId: "d", clientId: "c", nodeId: "here" });
    expect(await there.presence.find("d")).toEqual([{ deviceId: "d", clientId: "c", nodeId: "here", epoch }]);
    await registration.stop();
    await here.close();
    await there.close();
  });

  test("nothing of presence stays behind in Redis when the connections have ended", async () => {
    const prefix = `test-${randomUUID()}:`;
    const cluster = await open(prefix);
    const registration = await cluster.nodes.register({ nodeId: "n", kind: "gateway", address: "n:1" });
    for (const clientId of ["released", "evicted"]) {
      const { epoch } = await cluster.presence.claim({ deviceId: clientId, clientId, nodeId: "n" });
      if (clientId === "released") await cluster.presence.release({ deviceId: clientId, clientId, nodeId: "n", epoch });
    }
    await registration.stop();
    await cluster.presence.evict();
    await cluster.presence.evict();
    const client = new Redis(url);
    // The counter of epochs stays, and the node's number until it may be given away.
    const left = (await client.keys(`${prefix}*`)).map((key) => key.slice(prefix.length).replace(/\d+$/, "N"));
    expect(left.sort()).toEqual(["node-number:N", "presence-epoch"]);
    client.disconnect();
    await cluster.close();
  });
});
