import { silentLog } from "@mooring/kit";
import { describe, expect, test } from "vitest";
import { broadcastConformance } from "../broadcast-conformance.ts";
import { nodesConformance } from "../nodes-conformance.ts";
import { presenceConformance } from "../presence-conformance.ts";
import { createMemoryCluster } from "./cluster.ts";

describe("in memory", () => {
  const open = async () => createMemoryCluster({ log: silentLog });
  presenceConformance(open);
  nodesConformance(open);
  broadcastConformance(async () => {
    const one = await open();
    return [one, one];
  });

  test("an epoch is above those of an earlier process, and grows while the clock stands still or goes back", async () => {
    let now = 5_000;
    const { presence } = createMemoryCluster({ log: silentLog, clock: { now: () => now } });
    const claim = { deviceId: "d", clientId: "c", nodeId: "n" };
    expect((await presence.claim(claim)).epoch).toBe(5_000);
    expect((await presence.claim(claim)).epoch).toBe(5_001);
    now = 10;
    expect((await presence.claim(claim)).epoch).toBe(5_002);
  });
});
