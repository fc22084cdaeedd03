// What delivery to back ends must do: dead letters.
import type { Delivery, EventApi } from "@mooring/contracts";
import { pause } from "@mooring/kit";
import { until } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { openStream, reportsOf, temperatureOf } from "./stream.test-support.ts";
import { appendAll, type EventWorld, newTenant } from "./support.ts";

async function setUp(api: EventApi) {
  const tenant = newTenant();
  const reports = reportsOf(tenant, 2);
  await api.createSubscription(tenant.backend, { name: "s", deliveriesMax: 1, start: { from: "earliest" } });
  const records = [reports(0, 1), reports(1, 2), reports(0, 3)];
  await appendAll(api, records);
  const stream = openStream(api, tenant.backend, { subscription: "s", credit: 1 });
  const dead: Delivery[] = [];
  for (let i = 0; i < 3; i++) {
    const [record] = (await stream.take(1)) as [Delivery];
    dead.push(record);
    stream.say({ rejected: [record.offset], credit: 1 });
  }
  await until("the dead letters", async () => (await api.getSubscription(tenant.backend, { name: "s" })).deadLetters === 3);
  return { ...tenant, reports, records, stream, dead };
}

export function describeDeadLetters(create: () => Promise<EventWorld>): void {
  describe("dead letters", () => {
    test("who passes records on and goes is blamed for what was handed on only: the rest comes again as if it had not been sent", async () => {
      const { api } = await create();
      const tenant = newTenant();
      const reports = reportsOf(tenant, 2);
      await api.createSubscription(tenant.backend, { name: "s", deliveriesMax: 2, start: { from: "earliest" } });
      await appendAll(api, [reports(0, 1), reports(1, 2), reports(0, 3)]);
      for (let polls = 0; polls < 5; polls++) {
        const stream = openStream(api, tenant.backend, { subscription: "s", credit: 3 });
        const records = await stream.take(3);
        expect(records.map((record) => [temperatureOf(record), record.attempt])).toEqual([
          [1, 1],
          [2, polls > 1 ? 2 : 1],
          [3, 1],
        ]);
        // Twice the second one reaches somebody who goes away with it; the others never reach anybody.
        const handed = polls === 1 || polls === 4 ? records.slice(1, 2).map(({ offset }) => offset) : [];
        stream.say({ leave: { handed } });
        expect(await stream.rest()).toEqual([]);
      }
      const { deadLetters } = await api.listDeadLetters(tenant.backend, { name: "s" });
      expect(deadLetters.map(({ record, deliveries }) => [JSON.parse(record.body).properties.Temperature.value, deliveries])).toEqual([
        [2, 2],
      ]);
      const stream = openStream(api, tenant.backend, { subscription: "s" });
      expect((await stream.take(1)).map((record) => [temperatureOf(record), record.attempt])).toEqual([[1, 1]]);
      await stream.end();
    });

    test("what is still in hand and said to be so does not come again, nor counts as failed", async () => {
      const { api } = await create();
      const { backend, report } = newTenant();
      await api.createSubscription(backend, { name: "s", acknowledgeWithinMs: 1_000, deliveriesMax: 1, start: { from: "earliest" } });
      await appendAll(api, [report(1)]);
      const stream = openStream(api, backend, { subscription: "s", credit: 2 });
      const [{ offset }] = (await stream.take(1)) as [Delivery];
      for (const untilMs = performance.now() + 2_500; performance.now() < untilMs; ) {
        stream.say({ extended: [offset] });
        await pause(200);
      }
      stream.say({ acknowledged: [offset] });
      await stream.end();
      expect(await api.getSubscription(backend, { name: "s" })).toMatchObject({ cursor: offset, deadLetters: 0 });
    });

    test("what was delivered in vain is kept with its reason, oldest first, by page, and the cursor is past it", async () => {
      const { api } = await create();
      const { backend, stream, dead, records } = await setUp(api);
      const page = await api.listDeadLetters(backend, { name: "s", pageSize: 2 });
      const rest = await api.listDeadLetters(backend, { name: "s", pageSize: 2, pageToken: page.nextPageToken ?? "" });
      const letters = [...page.deadLetters, ...rest.deadLetters];
      expect(letters.map(({ record: { offset: _, ...record } }) => record)).toEqual(records);
      expect(letters.map(({ record }) => record.offset)).toEqual(dead.map(({ offset }) => offset));
      expect(letters[0]).toMatchObject({ deliveries: 1, reason: "rejected" });
      expect(letters[0]).not.toHaveProperty("replayedAtMs");
      expect(rest.nextPageToken).toBeUndefined();
      expect((await api.getSubscription(backend, { name: "s" })).cursor).toBeGreaterThanOrEqual(dead.at(-1)?.offset ?? 0);
      await stream.end();
      await expect(api.listDeadLetters(backend, { name: "s", pageToken: "eA" })).rejects.toMatchObject({ code: "invalidArgument" });
    });

    test("replayed, they come once more beside the stream; acknowledged they are gone, failed again they stay", async () => {
      const { api } = await create();
      const { backend, stream, dead, reports } = await setUp(api);
      const [first, second, third] = dead.map(({ offset }) => offset) as [number, number, number];
      stream.say({ credit: 100 });
      expect(await api.replayDeadLetters(backend, { name: "s" })).toEqual({ count: 3 });
      const again = await stream.take(3);
      expect(again.map(({ offset, attempt }) => [offset, attempt])).toEqual([
        [first, 1],
        [second, 1],
        [third, 1],
      ]);
      await appendAll(api, [reports(0, 9)]);
      const [live] = (await stream.take(1)) as [Delivery];
      expect(temperatureOf(live)).toBe(9);
      stream.say({ rejected: [second], acknowledged: [first, third, live.offset] });
      await until("what was acknowledged to go", async () => (await api.getSubscription(backend, { name: "s" })).deadLetters === 1);
      await until("the failed one to be back", async () => {
        const { deadLetters } = await api.listDeadLetters(backend, { name: "s" });
        return deadLetters[0]?.record.offset === second && deadLetters[0].replayedAtMs === undefined && deadLetters[0].deliveries === 2;
      });
      expect(await api.replayDeadLetters(backend, { name: "s", offsets: [second, 4] })).toEqual({ count: 1 });
      expect((await stream.take(1)).map(({ offset }) => offset)).toEqual([second]);
      await stream.end();
    });

    test("replayed while nobody is there, they come to the next stream", async () => {
      const { api } = await create();
      const { backend, stream, dead } = await setUp(api);
      await stream.end();
      await api.replayDeadLetters(backend, { name: "s", offsets: dead.slice(1).map(({ offset }) => offset) });
      const next = openStream(api, backend, { subscription: "s" });
      expect((await next.take(2)).map(({ offset }) => offset)).toEqual(dead.slice(1).map(({ offset }) => offset));
      await next.end();
    });

    test("deleted, by offset or all, they are gone; the subscription's end takes the rest", async () => {
      const { api } = await create();
      const { backend, stream, dead } = await setUp(api);
      expect(await api.deleteDeadLetters(backend, { name: "s", offsets: [dead[0]?.offset ?? 0, 5] })).toEqual({ count: 1 });
      expect(await api.deleteDeadLetters(backend, { name: "s" })).toEqual({ count: 2 });
      expect(await api.listDeadLetters(backend, { name: "s" })).toEqual({ deadLetters: [] });
      await stream.end();
    });

    test("a subscription made anew under an old name has none of its dead letters", async () => {
      const { api } = await create();
      const { backend, stream } = await setUp(api);
      await stream.end();
      await api.deleteSubscription(backend, { name: "s" });
      expect((await api.createSubscription(backend, { name: "s" })).deadLetters).toBe(0);
    });
  });
}
