import { systemClock, TimerWheel } from "@mooring/kit";
import { expect, test } from "vitest";
import { limits } from "../harness.test-support.ts";
import { Space } from "./space.ts";
import { chosen } from "./subscription.ts";
import { SubscriptionTable } from "./subscription-table.ts";

const plain = { noLocal: false, retainAsPublished: false };

function sessionOf() {
  const unused = (): never => {
    throw new Error("nothing is stored here");
  };
  const store = { write: unused, together: unused, settled: unused, loadQueue: unused, loadOldest: unused };
  const how = { tenantId: "t", nodeId: "n", store, limits, wheel: new TimerWheel(), clock: systemClock, onWill: unused, onFault: unused };
  return new Space(how).create("c", "anonymous");
}

test("a session's subscriptions that were chosen alike are one object, and a topic that several of them match has one", () => {
  const table = new SubscriptionTable();
  const session = sessionOf();
  for (const filter of ["a/b", "a/+", "c"]) table.put(session, filter, chosen(1, plain, 0));
  expect(table.size).toBe(3);
  expect(table.match("a/b")).toHaveLength(1);
  expect(table.match("a/b")[0]).toMatchObject({ session, qos: 1, ids: null });
  expect(table.match("a/x")[0]).toBe(table.match("c")[0]);
});

test("what is chosen otherwise for one filter changes no other", () => {
  const table = new SubscriptionTable();
  const session = sessionOf();
  for (const filter of ["a", "b", "d"]) table.put(session, filter, chosen(0, plain, 0));
  table.put(session, "d", chosen(0, { ...plain, noLocal: true }, 0));
  table.put(session, "b", chosen(2, { noLocal: true, retainAsPublished: true }, 7));
  const heard = (topic: string) =>
    table.match(topic).map(({ qos, noLocal, retainAsPublished, ids }) => ({ qos, noLocal, retainAsPublished, ids }));
  expect(heard("a")).toEqual([{ qos: 0, ...plain, ids: null }]);
  expect(heard("b")).toEqual([{ qos: 2, noLocal: true, retainAsPublished: true, ids: [7] }]);
  expect(heard("d")).toEqual([{ qos: 0, noLocal: true, retainAsPublished: false, ids: null }]);
  table.remove(session, "a");
  expect(heard("a")).toEqual([]);
  expect(heard("d")).toHaveLength(1);
});

test("identifiers are those of each subscription that matched, also the same one twice [MQTT-3.3.4-4]", () => {
  const table = new SubscriptionTable();
  const session = sessionOf();
  table.put(session, "a/b", chosen(0, plain, 5));
  table.put(session, "a/#", chosen(0, plain, 6));
  table.put(session, "a/+", chosen(1, plain, 5));
  expect(table.match("a/b").map(({ qos, ids }) => ({ qos, ids: [...(ids ?? [])].sort() }))).toEqual([{ qos: 1, ids: [5, 5, 6] }]);
});
