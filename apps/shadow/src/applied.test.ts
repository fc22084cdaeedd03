import { until } from "@mooring/testkit";
import { expect, test, vi } from "vitest";
import { Applied } from "./applied.ts";

test("a wait ends when the log is applied that far, at once when it is already", async () => {
  const applied = new Applied(async () => 0);
  applied.advance(5);
  expect(await applied.wait(5, 30_000)).toBe(5);
  let isDone = false;
  const waiting = applied.wait(7, 30_000).then((offset) => {
    isDone = true;
    return offset;
  });
  applied.advance(6);
  await Promise.resolve();
  expect(isDone).toBe(false);
  applied.advance(9);
  expect(await waiting).toBe(9);
});

test("a wait ends after its time, and says how far the log is applied", async () => {
  const applied = new Applied(async () => 3);
  expect(await applied.wait(4, 20)).toBe(3);
  expect(await applied.wait(4, 0)).toBe(3);
});

test("in a process that does not follow the log itself, the stored cursor is looked at, also after it could not be", async () => {
  const answers = [Promise.reject(new Error("out of reach")), Promise.resolve(1), Promise.resolve(2)];
  const cursor = vi.fn(() => answers.shift() ?? Promise.resolve(2));
  const applied = new Applied(cursor);
  expect(await applied.wait(2, 30_000)).toBe(2);
  expect(cursor).toHaveBeenCalledTimes(3);
});

test("while somebody waits there is no gathering, and who comes ends one that is under way", async () => {
  const applied = new Applied(async () => 0);
  const stop = new AbortController();
  const gathering = applied.gather(30_000, stop.signal);
  const waiting = applied.wait(1, 30_000);
  await gathering;
  await applied.gather(30_000, stop.signal);
  applied.advance(1);
  expect(await waiting).toBe(1);
  const next = applied.gather(30_000, stop.signal);
  stop.abort();
  await next;
});

test("more waits than the limit are refused", async () => {
  const applied = new Applied(() => new Promise(() => undefined));
  const waits = Array.from({ length: 10_000 }, () => applied.wait(1, 30_000));
  await expect(applied.wait(1, 30_000)).rejects.toMatchObject({ code: "unavailable" });
  applied.advance(1);
  await until("all to end", async () => (await Promise.all(waits)).length === 10_000);
});
