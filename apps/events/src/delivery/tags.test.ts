import { randomUUID } from "node:crypto";
import { silentLog } from "@mooring/kit";
import { until } from "@mooring/testkit";
import { afterEach, expect, test } from "vitest";
import { memoryTags } from "./tags.test-support.ts";
import { createTagCache } from "./tags.ts";

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop();
});

function setUp(options: { devicesMax?: number; isNeeded?: () => boolean } = {}) {
  const memory = memoryTags();
  const cache = createTagCache({ devices: memory.directory, isNeeded: () => true, log: silentLog, waitMs: 50, ...options });
  const first = randomUUID();
  memory.set(first, { a: "1" });
  return { memory, cache, first };
}

test("a device is asked about once, also one that is gone", async () => {
  const { memory, cache, first } = setUp();
  const gone = randomUUID();
  await cache.load([first, first, gone]);
  await cache.load([first, gone]);
  expect([cache.known(first), cache.known(gone), memory.asked()]).toEqual([{ a: "1" }, "gone", 2]);
});

test("a change is heard of: the device's tags are not known any more, and others' still are", async () => {
  const { memory, cache, first } = setUp();
  const second = randomUUID();
  running.push(cache.start());
  // The first answer of the feed says where it ends; what was asked before it is not believed.
  await until("the feed", async () => {
    await cache.load([first, second]);
    memory.set(randomUUID(), {});
    await new Promise((resolve) => setImmediate(resolve));
    return cache.known(first) !== undefined;
  });
  await cache.load([first, second]);
  memory.set(first, { a: "2" });
  await until("the change", () => cache.known(first) === undefined);
  expect(cache.known(second)).toBe("gone");
  await cache.load([first]);
  expect(cache.known(first)).toEqual({ a: "2" });
});

test("an answer that a change overtakes is not remembered", async () => {
  const { memory, first } = setUp();
  const answer = Promise.withResolvers<void>();
  const findTags: typeof memory.directory.findTags = async (caller, request) => {
    const found = await memory.directory.findTags(caller, request);
    await answer.promise;
    return found;
  };
  let heard = 0;
  const listChanges: typeof memory.directory.listChanges = async (caller, request) => {
    const told = await memory.directory.listChanges(caller, request);
    heard = told.next;
    return told;
  };
  const cache = createTagCache({ devices: { findTags, listChanges }, isNeeded: () => true, log: silentLog, waitMs: 50 });
  running.push(cache.start());
  await until("the feed", () => heard === 1);
  const loading = cache.load([first]);
  memory.set(first, { a: "2" });
  await until("the change", () => heard === 2);
  answer.resolve();
  await loading;
  expect(cache.known(first)).toBeUndefined();
});

test("so many devices are remembered, the ones asked about longest ago are forgotten", async () => {
  const { cache, first } = setUp({ devicesMax: 3 });
  const others = Array.from({ length: 3 }, () => randomUUID());
  await cache.load([first]);
  await cache.load(others);
  expect([first, ...others].map((deviceId) => cache.known(deviceId) !== undefined)).toEqual([false, true, true, true]);
});

test("when nobody filters by tags nothing is remembered and the feed is left alone", async () => {
  let isNeeded = true;
  const { cache, first } = setUp({ isNeeded: () => isNeeded });
  running.push(cache.start());
  await cache.load([first]);
  isNeeded = false;
  await until("what was known to be forgotten", () => cache.known(first) === undefined);
});
