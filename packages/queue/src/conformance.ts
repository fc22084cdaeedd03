import { randomUUID } from "node:crypto";
import type { JsonValue } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { completedKept, type Job, type JobQueue, type Jobs, jobDataBytesMax } from "./jobs.ts";
import { type JobsBackend, openJobs } from "./open-jobs.ts";

/** What jobs keep on every backend. */
export function jobsConformance(backend: () => JobsBackend): void {
  describe("jobs", () => {
    let jobs: Jobs;
    let queueName: string;
    let queue: JobQueue;
    const opened: Jobs[] = [];
    const open = async (closeGraceMs?: number): Promise<Jobs> => {
      const more = await openJobs({ backend: backend(), log: silentLog, ...(closeGraceMs === undefined ? {} : { closeGraceMs }) });
      opened.push(more);
      return more;
    };
    /** A queue of this test's own. */
    const freshQueue = async (): Promise<void> => {
      queueName = `q-${randomUUID()}`;
      queue = await jobs.queue(queueName);
    };

    beforeAll(async () => {
      jobs = await open();
    });
    afterEach(async () => {
      for (const extra of opened.splice(1)) await extra.close();
    });
    afterAll(async () => {
      await jobs.close();
    });

    test("an added job reaches the handler with its name and data", async () => {
      await freshQueue();
      const done: Pick<Job, "name" | "data" | "attempt">[] = [];
      await jobs.work(queueName, async ({ name, data, attempt }) => void done.push({ name, data, attempt }));
      const values: JsonValue[] = [{ deep: { list: [1, "two", null] } }, "text", null, 7, [true], "\u{1f600}", "\u0000", "\ud800", 1e300];
      for (const data of values) await queue.add("look", data);
      await expect.poll(() => done).toEqual(values.map((data) => ({ name: "look", data, attempt: 1 })));
      await expect.poll(() => queue.counts()).toMatchObject({ waiting: 0, active: 0, completed: values.length });
    });

    test("jobs added before anyone works, and by another process, are done", async () => {
      await freshQueue();
      await queue.add("early", 1);
      const other = await open();
      await (await other.queue(queueName)).add("early", 2);
      const done: JsonValue[] = [];
      await jobs.work(queueName, async ({ data }) => void done.push(data));
      await expect.poll(() => done).toEqual([1, 2]);
    });

    test("a failing job is tried again after a growing wait, and is failed when its attempts are used up", async () => {
      await freshQueue();
      const times: number[] = [];
      const attempts: number[] = [];
      await jobs.work(queueName, async ({ attempt }) => {
        times.push(performance.now());
        attempts.push(attempt);
        throw new Error("not this time");
      });
      await queue.add("fails", null, { attempts: 3, backoff: { kind: "exponential", delayMs: 200 } });
      await expect.poll(() => queue.counts()).toMatchObject({ failed: 1, delayed: 0, active: 0 });
      expect(attempts).toEqual([1, 2, 3]);
      const [first = 0, second = 0, third = 0] = times;
      expect(second - first).toBeGreaterThanOrEqual(140);
      expect(third - second).toBeGreaterThanOrEqual(290);
    });

    test("a job that succeeds at a later attempt is completed", async () => {
      await freshQueue();
      await jobs.work(queueName, async ({ attempt }) => {
        if (attempt < 3) throw new Error("not yet");
      });
      await queue.add("recovers", null, { backoff: { kind: "fixed", delayMs: 10 } });
      await expect.poll(() => queue.counts()).toMatchObject({ failed: 0, completed: 1 });
    });

    test("a delayed job runs when it is due and not before, and holds up no other", async () => {
      await freshQueue();
      const done: [JsonValue, number][] = [];
      const start = performance.now();
      await jobs.work(queueName, async ({ data }) => void done.push([data, performance.now() - start]));
      await queue.add("later", "later", { delayMs: 600 });
      expect((await queue.counts()).delayed).toBe(1);
      await queue.add("now", "now");
      await expect.poll(() => done.map(([data]) => data)).toEqual(["now", "later"]);
      expect(done[1]?.[1]).toBeGreaterThanOrEqual(590);
    });

    test("a job with an id is added once while it waits, and again once it has finished", async () => {
      await freshQueue();
      for (let round = 0; round < 5; round += 1) await queue.add("look", round, { jobId: "device:42" });
      await queue.add("look", "other", { jobId: "device:43" });
      expect((await queue.counts()).waiting).toBe(2);
      const done: JsonValue[] = [];
      await jobs.work(queueName, async ({ data }) => void done.push(data));
      await expect.poll(() => queue.counts()).toMatchObject({ completed: 2, active: 0 });
      expect(done).toEqual([0, "other"]);
      await queue.add("look", "again", { jobId: "device:42" });
      await expect.poll(() => done).toEqual([0, "other", "again"]);
    });

    test("a wake-up for a running job is not lost: it runs once more, with the last data, and never beside itself", async () => {
      await freshQueue();
      const done: JsonValue[] = [];
      const release = Promise.withResolvers<void>();
      let running = 0;
      let most = 0;
      await jobs.work(
        queueName,
        async ({ data }) => {
          running += 1;
          most = Math.max(most, running);
          done.push(data);
          if (data === "first") await release.promise;
          running -= 1;
        },
        { concurrency: 4 },
      );
      await queue.add("look", "first", { jobId: "same" });
      await expect.poll(() => done).toEqual(["first"]);
      await queue.add("look", "second", { jobId: "same" });
      await queue.add("look", "third", { jobId: "same" });
      release.resolve();
      await expect.poll(() => queue.counts()).toMatchObject({ completed: 2, waiting: 0, active: 0 });
      expect(done).toEqual(["first", "third"]);
      expect(most).toBe(1);
    });

    test("no more jobs run at a time than asked for, and as many", async () => {
      await freshQueue();
      const release = Promise.withResolvers<void>();
      let running = 0;
      await jobs.work(
        queueName,
        async () => {
          running += 1;
          await release.promise;
        },
        { concurrency: 3 },
      );
      for (let at = 0; at < 5; at += 1) await queue.add("waits", at);
      await expect.poll(() => queue.counts()).toMatchObject({ active: 3, waiting: 2 });
      // A job is counted as active a moment before it runs.
      await expect.poll(() => running).toBe(3);
      release.resolve();
      await expect.poll(async () => (await queue.counts()).completed).toBe(5);
    });

    test("a repetition said by every node is one, runs at once and then at its interval, also after a failure, until removed", async () => {
      await freshQueue();
      const times: number[] = [];
      await jobs.work(queueName, async ({ name, data }) => {
        expect([name, data]).toEqual(["sweep", { at: 1 }]);
        times.push(performance.now());
        if (times.length === 2) throw new Error("one bad run");
      });
      const other = await open();
      const repetition = { everyMs: 300, data: { at: 1 } };
      await Promise.all([queue.every("sweep", repetition), (await other.queue(queueName)).every("sweep", repetition)]);
      await queue.every("sweep", repetition);
      await expect.poll(() => times.length).toBeGreaterThanOrEqual(5);
      const [, second = 0, , , fifth = 0] = times;
      expect(fifth - second).toBeGreaterThanOrEqual(750);
      await queue.removeEvery("sweep");
      await queue.removeEvery("sweep");
      await expect.poll(() => queue.counts()).toMatchObject({ active: 0, delayed: 0, waiting: 0 });
    });

    test("close waits for the running job, starts no other, and leaves that to the next process", async () => {
      await freshQueue();
      const closing = await open();
      const started = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      const events: string[] = [];
      await closing.work(queueName, async ({ data }) => {
        events.push(`started ${data}`);
        started.resolve();
        await release.promise;
        events.push(`ended ${data}`);
      });
      await queue.add("slow", 1);
      await queue.add("slow", 2);
      await started.promise;
      const closed = closing.close().then(() => events.push("closed"));
      await expect(closing.queue(queueName)).rejects.toMatchObject({ code: "unavailable" });
      // Something else gets through meanwhile: the close is really waiting, not merely slow.
      await queue.counts();
      expect(events).toEqual(["started 1"]);
      release.resolve();
      await closed;
      await closing.close();
      expect(events).toEqual(["started 1", "ended 1", "closed"]);
      expect(await queue.counts()).toMatchObject({ waiting: 1, active: 0, completed: 1 });
      const done: JsonValue[] = [];
      await jobs.work(queueName, async ({ data }) => void done.push(data));
      await expect.poll(() => done).toEqual([2]);
    });

    test("a job that does not end is aborted after its grace, and close comes to an end", async () => {
      await freshQueue();
      const closing = await open(200);
      const started = Promise.withResolvers<void>();
      let aborted = false;
      await closing.work(queueName, async ({ signal }) => {
        started.resolve();
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        aborted = true;
        throw new Error("given up");
      });
      await queue.add("endless", 1);
      await started.promise;
      await closing.close();
      expect(aborted).toBe(true);
      await expect.poll(() => queue.counts()).toMatchObject({ active: 0, delayed: 1 });
    });

    test("finished jobs are kept up to their limit, and at most as many more as end at the same moment", async () => {
      await freshQueue();
      const done: JsonValue[] = [];
      await jobs.work(queueName, async ({ data }) => void done.push(data), { concurrency: 10 });
      await Promise.all(Array.from({ length: 130 }, (_, at) => queue.add("many", at)));
      await expect.poll(() => queue.counts()).toMatchObject({ active: 0, waiting: 0 });
      expect(done).toHaveLength(130);
      const { completed } = await queue.counts();
      expect(completed).toBeGreaterThanOrEqual(completedKept);
      expect(completed).toBeLessThanOrEqual(completedKept + 10);
    });

    test("bad names, data too large and options out of bounds are refused, and nothing is added", async () => {
      await freshQueue();
      const invalid = { code: "invalidArgument" };
      for (const name of ["", "a:b", "A", "-a", "x".repeat(64)]) {
        await expect(jobs.queue(name)).rejects.toMatchObject(invalid);
        await expect(queue.add(name, 1)).rejects.toMatchObject(invalid);
      }
      await expect(jobs.work("ok", async () => undefined, { concurrency: 0 })).rejects.toMatchObject(invalid);
      for (const options of [
        { delayMs: -1 },
        { delayMs: 1.5 },
        { attempts: 0 },
        { attempts: 101 },
        { jobId: "" },
        { jobId: "a\u0000" },
        { delayMs: Number.NaN },
      ]) {
        await expect(queue.add("job", 1, options)).rejects.toMatchObject(invalid);
      }
      await expect(queue.every("job", { everyMs: 1 })).rejects.toMatchObject(invalid);
      await expect(queue.add("job", "x".repeat(jobDataBytesMax))).rejects.toMatchObject({ code: "payloadTooLarge" });
      expect(await queue.counts()).toEqual({ waiting: 0, delayed: 0, active: 0, completed: 0, failed: 0 });
    });
  });
}
