import { FakeClock, openTestDatabase, until } from "@mooring/testkit";
import { afterAll, expect, test } from "vitest";
import { createPostgresConsumerStore } from "../postgres/log-consumers.ts";
import { Consumers } from "./consumers.ts";

const database = await openTestDatabase("consumers");
afterAll(() => database.stop());
const store = createPostgresConsumerStore(database.pool);

async function saved(name: string): Promise<number | undefined> {
  const { rows } = await database.pool.query<{ offset: string }>('SELECT "offset" FROM log_consumers WHERE name = $1', [name]);
  return rows[0] === undefined ? undefined : Number(rows[0].offset);
}

test("where a consumer is, is written at most once a second, and the last word is written too", async () => {
  const clock = new FakeClock();
  const writes: number[] = [];
  const counting = { save: (name: string, offset: number) => store.save(name, offset).then(() => void writes.push(offset)) };
  const consumers = new Consumers(counting, clock);
  consumers.report("one", 5);
  await expect.poll(() => writes).toEqual([5]);
  for (let offset = 6; offset <= 100; offset++) {
    consumers.report("one", offset);
    clock.advance(10);
  }
  expect(writes).toEqual([5]);
  clock.advance(50);
  consumers.report("one", 100);
  await expect.poll(() => writes).toEqual([5, 100]);
  clock.advance(1_000);
  consumers.report("one", 100);
  consumers.report("one", 7);
  await expect.poll(() => saved("one")).toBe(100);
  expect(writes).toEqual([5, 100]);
});

test("it never moves backwards, whatever process writes", async () => {
  await store.save("two", 10);
  await store.save("two", 9);
  expect(await saved("two")).toBe(10);
  const consumers = new Consumers(store, new FakeClock());
  consumers.report("two", 11);
  await expect.poll(() => saved("two")).toBe(11);
});

test("a failure to write is left for the next time", async () => {
  const clock = new FakeClock();
  let isDown = true;
  const flaky = { save: (name: string, offset: number) => (isDown ? Promise.reject(new Error("down")) : store.save(name, offset)) };
  const consumers = new Consumers(flaky, clock);
  consumers.report("three", 1);
  isDown = false;
  await until("the position to be written", async () => {
    clock.advance(1_000);
    consumers.report("three", 1);
    return (await saved("three")) === 1;
  });
});

test("names are small letters and hyphens, and there are not without limit many", () => {
  const consumers = new Consumers({ save: async () => undefined }, new FakeClock());
  for (const name of ["", "A", "a1", "x".repeat(33), "a b"]) expect(() => consumers.report(name, 1)).toThrow("letters or hyphens");
  for (let i = 0; i < 64; i++) consumers.report("a".repeat(1 + (i % 32)).replace(/^a/, i < 32 ? "a" : "b"), 1);
  expect(() => consumers.report("one-too-many", 1)).toThrow("64 consumers already");
});
