import { asTenantId, type Caller } from "@mooring/contracts";
import { expect, test } from "vitest";
import { createSlots } from "./slots.ts";

const callerOf = (tenant: string, key: string): Caller => ({ tenantId: asTenantId(tenant), principal: `key:${key}`, role: "owner" });

test("a key has at most its share, another key its own; what is given back twice counts once", () => {
  const slots = createSlots("exports", { perKeyMax: 2, totalMax: 10 });
  const giveBack = slots.take(callerOf("t1", "a"));
  slots.take(callerOf("t1", "a"));
  expect(() => slots.take(callerOf("t1", "a"))).toThrow(expect.objectContaining({ code: "quotaExceeded" }));
  slots.take(callerOf("t1", "b"));
  slots.take(callerOf("t2", "a"));
  giveBack();
  giveBack();
  slots.take(callerOf("t1", "a"));
  expect(() => slots.take(callerOf("t1", "a"))).toThrow("an API key may have 2 exports at a time");
  expect(slots.taken).toBe(4);
});

test("all keys together have at most the total", () => {
  const slots = createSlots("exports", { perKeyMax: 2, totalMax: 2 });
  slots.take(callerOf("t1", "a"));
  const giveBack = slots.take(callerOf("t1", "b"));
  expect(() => slots.take(callerOf("t1", "c"))).toThrow(expect.objectContaining({ code: "unavailable" }));
  giveBack();
  slots.take(callerOf("t1", "c"));
});
