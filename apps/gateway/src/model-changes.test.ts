import { silentLog } from "@mooring/kit";
import { expect, test } from "vitest";
import { startModelChanges } from "./model-changes.ts";

test("models that changed are refreshed, from a while before the last look on, by the clock of the service; an outage is waited out", async () => {
  const asked: number[] = [];
  const refreshed: string[] = [];
  const running = startModelChanges({
    thingModels: {
      async listChanges(_caller, { sinceMs }) {
        asked.push(sinceMs);
        if (asked.length === 2) throw new Error("out of reach");
        return { models: asked.length === 3 ? [{ tenantId: "t", name: "lamp" }] : [], nowMs: 1_000_000 + asked.length };
      },
    },
    models: { refresh: async ({ tenantId, name }) => void refreshed.push(`${tenantId}/${name}`) },
    log: silentLog,
    everyMs: 1,
  });
  await expect.poll(() => asked.length).toBeGreaterThan(3);
  await running.stop();
  expect(asked[0]).toBeGreaterThan(Date.now());
  expect(asked.slice(1, 4)).toEqual([995_001, 995_001, 995_003]);
  expect(refreshed).toEqual(["t/lamp"]);
});
