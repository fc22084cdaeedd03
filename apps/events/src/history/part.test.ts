import { randomUUID } from "node:crypto";
import { type Device, defaultSecrecy, PlatformError, type Product } from "@mooring/contracts";
import { FakeClock, makeCaller, openTestDatabase } from "@mooring/testkit";
import { afterAll, expect, test } from "vitest";
import { createPostgresHistoryStore } from "../postgres/history-store.ts";
import { createHistoryPart } from "./part.ts";
import { dayMs } from "./retention.ts";

const database = await openTestDatabase("history-part");
afterAll(() => database.stop());

const nowMs = Date.UTC(2026, 10, 21, 5);

/** A device with a point a day for ten days, the last one now, none of which upkeep has removed. */
async function createWorld(historyDays: number) {
  const deviceId = randomUUID();
  await database.pool.query(
    `INSERT INTO property_history (device_id, property, "time", "offset", product_key, message_id, value)
     SELECT $1, 'n', to_timestamp($2::double precision / 1000.0) - i * interval '1 day', i, 'pk11', gen_random_uuid(), to_json(i) FROM generate_series(0, 10) AS i`,
    [deviceId, nowMs],
  );
  const caller = makeCaller("viewer");
  const clock = new FakeClock(nowMs);
  const part = createHistoryPart({
    history: createPostgresHistoryStore(database.pool),
    devices: {
      async getDevice({ tenantId }, address) {
        if (tenantId !== caller.tenantId) throw new PlatformError("notFound", "there is no such device");
        return { ...address, tenantId, deviceId, status: "enabled", tags: {}, createdAtMs: 0 } satisfies Device;
      },
      async getProduct({ tenantId }, { productKey }) {
        const options = { acknowledgement: "persisted", historyDays, deduplicateIds: false, pushDelta: true };
        return {
          ...options,
          tenantId,
          productKey,
          name: "n",
          validation: "off",
          ...defaultSecrecy,
          createdAtMs: 0,
        } satisfies Product;
      },
    },
    clock,
  });
  const query = { productKey: "pk11", deviceName: "dev1", property: "n" };
  return { part, caller, clock, query };
}

test("points past the product's retention are not shown, though they are there, whatever time is asked for", async () => {
  const { part, caller, clock, query } = await createWorld(3);
  const shown = async (range = {}) => (await part.history(caller, { ...query, ...range })).points.map((point) => point.value);
  expect(await shown()).toEqual([0, 1, 2, 3]);
  expect(await shown({ fromMs: 0 })).toEqual([0, 1, 2, 3]);
  expect(await shown({ toMs: nowMs - 4 * dayMs })).toEqual([]);
  clock.advance(1);
  expect(await shown()).toEqual([0, 1, 2]);
});

test("aggregates are of the points that may be shown", async () => {
  const { part, caller, query } = await createWorld(3);
  const range = { fromMs: 0, toMs: nowMs + 1, intervalMs: 10_000 * dayMs };
  const { intervals } = await part.aggregateHistory(caller, { ...query, ...range });
  // Twenty thousand days after 1970 end in 2024.
  expect(intervals).toEqual([{ property: "n", startMs: 20_000 * dayMs, count: 4, min: 0, max: 3, avg: 1.5, last: 0 }]);
});

test("a product with a longer retention shows more", async () => {
  const { part, caller, query } = await createWorld(9);
  expect((await part.history(caller, query)).points).toHaveLength(10);
});
