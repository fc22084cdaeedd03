import { PlatformError } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { until } from "@mooring/testkit";
import { expect, test } from "vitest";
import { followSuspendedTenants } from "./suspended-tenants.ts";

test("who follows is told of what there is, of each change once, and again what it could not take in", async () => {
  let answer: () => readonly string[] = () => [];
  let asked = 0;
  const told: string[][] = [];
  let isFull = false;
  const follower = followSuspendedTenants({
    access: {
      async listSuspendedTenants(caller) {
        expect(caller).toMatchObject({ role: "service", principal: "service:test" });
        asked++;
        return { tenantIds: answer() };
      },
    },
    service: "test",
    onChange(tenantIds) {
      if (isFull) throw new Error("not now");
      told.push([...tenantIds].sort());
    },
    log: silentLog,
  });
  await until("the first answer", () => told.length === 1);
  answer = () => ["b", "a"];
  await until("two tenants", () => told.length === 2);
  answer = () => ["a", "b"];
  const before = asked;
  await until("two more questions", () => asked >= before + 2);
  answer = () => {
    throw new PlatformError("unavailable", "access is down");
  };
  await until("a question in vain", () => asked >= before + 4);
  isFull = true;
  answer = () => ["b"];
  await until("a change that was not taken", () => asked >= before + 6);
  isFull = false;
  await until("the change", () => told.length === 3);
  expect(told).toEqual([[], ["a", "b"], ["b"]]);
  await follower.stop();
});
