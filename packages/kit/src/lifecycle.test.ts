import { expect, test } from "vitest";
import { Lifecycle } from "./lifecycle.ts";
import { silentLog } from "./log.ts";

test("parts stop once, in reverse order, and one that fails to stop does not keep the others", async () => {
  const stopped: string[] = [];
  const life = new Lifecycle(silentLog);
  for (const name of ["first", "second", "third"]) {
    life.add(name, {
      stop: async () => {
        stopped.push(name);
        if (name === "second") throw new Error("cannot");
      },
    });
  }
  await Promise.all([life.stop(), life.stop()]);
  expect(stopped).toEqual(["third", "second", "first"]);
});

test("a part that ends by itself is a failure, unless the process is stopping", async () => {
  const life = new Lifecycle(silentLog);
  life.fail("the database has ended");
  expect(await life.failed).toBe("the database has ended");
});

test("a part that comes while the process is stopping is stopped too, and its starter is told", async () => {
  const life = new Lifecycle(silentLog);
  const stopping = life.stop();
  let isStopped = false;
  const late = {
    stop: async () => {
      isStopped = true;
    },
  };
  expect(() => life.add("late", late)).toThrow("the process is stopping");
  await stopping;
  await life.stop();
  expect(isStopped).toBe(true);
});
