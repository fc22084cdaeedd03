import { randomUUID } from "node:crypto";
import { asDeviceId, asDeviceName, asProductKey, asTenantId, type DeviceRef, type LogRecord, PlatformError } from "@mooring/contracts";
import { silentLog, systemClock } from "@mooring/kit";
import { openTestDatabase, until } from "@mooring/testkit";
import { afterAll, expect, test } from "vitest";
import { Applied } from "./applied.ts";
import { parseEdit } from "./edit.ts";
import { createPostgresShadowHistory, createPostgresShadowStore, startShadowFollower } from "./index.ts";
import type { ShadowKey, ShadowStore } from "./ports.ts";

const database = await openTestDatabase("shadow");
afterAll(async () => {
  await database.stop();
});

const openStore = (): ShadowStore => createPostgresShadowStore({ pool: database.pool, clock: systemClock, documentBytesMax: 65_536 });
const history = createPostgresShadowHistory(database.pool);

function makeDevice(): DeviceRef & ShadowKey {
  const ids = { tenantId: asTenantId(randomUUID()), deviceId: asDeviceId(randomUUID()) };
  return { ...ids, productKey: asProductKey("pk11"), deviceName: asDeviceName("dev1"), name: "" };
}

function report(device: DeviceRef, offset: number, values: Record<string, unknown>, receivedAtMs = offset): LogRecord {
  const properties = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, time: offset }]));
  return { offset, messageId: randomUUID(), device, kind: "properties", receivedAtMs, body: JSON.stringify({ properties }) };
}

/** A log that exists from the start, read as the real one is. */
const readerOf = (records: readonly LogRecord[], most = 7) => ({
  recordRefusals: async () => ({}),
  async read(_caller: unknown, request: { after: number; limit: number }) {
    await new Promise((resolve) => setImmediate(resolve));
    return { records: records.filter((record) => record.offset > request.after).slice(0, Math.min(most, request.limit)) };
  },
});

/** Follows until the log is applied up to an offset. */
async function follow(store: ShadowStore, events: Parameters<typeof startShadowFollower>[0]["events"], to: number) {
  const applied = new Applied(() => store.cursor());
  const follower = startShadowFollower({ events, store, applied, log: silentLog });
  await until("the cursor to reach the end", async () => (await store.cursor()) === to);
  await follower.stop();
  return follower.stats;
}

test("several followers racing apply each report exactly once, in order, and one that does not fit stops nobody", async () => {
  const device = makeDevice();
  const values = (i: number): unknown => (i === 100 ? "x".repeat(70_000) : i === 120 ? [null] : i);
  const reports = Array.from({ length: 200 }, (_, i) => report(device, i + 1, { n: values(i) }));
  const all = await Promise.all([1, 2, 3].map(() => follow(openStore(), readerOf(reports), 200)));
  const shadow = await openStore().load(device);
  expect(shadow).toMatchObject({ version: 198, reported: { n: 199 }, metadata: { reported: { n: { timestamp: 200 } } } });
  const lines = await history.list(device, undefined, 1_000);
  const offsets = reports.map(({ offset }) => offset).filter((offset) => offset !== 101 && offset !== 121);
  expect(lines.map(({ offset }) => offset).reverse()).toEqual(offsets);
  expect(lines[0]).toMatchObject({ version: 198, principal: "device:pk11/dev1", reported: '{"n":199}', desired: undefined, saidAtMs: 200 });
  expect(all.reduce((sum, { applied }) => sum + applied, 0)).toBe(198);
  expect(all.reduce((sum, { unfit }) => sum + unfit, 0)).toBe(2);
});

test("a report that comes through the log after the device has said something later does not undo it", async () => {
  const store = openStore();
  const device = makeDevice();
  await store.apply([
    {
      key: device,
      kind: "update",
      byDevice: true,
      principal: "device:pk11/dev1",
      edit: parseEdit({ reported: { n: 20, deep: { x: 1 } } }),
    },
  ]);
  const saidAtMs = (await store.load(device)).updatedAtMs;
  const from = await store.cursor();
  const records = [
    report(device, from + 1, { n: 10, deep: { x: 9, y: 9 }, other: 1 }, saidAtMs - 1),
    report(device, from + 2, { m: 1 }, saidAtMs + 1),
  ];
  await follow(store, readerOf(records), from + 2);
  expect(await store.load(device)).toMatchObject({ version: 3, reported: { n: 20, deep: { x: 1 }, other: 1, m: 1 } });
  // The history has what was applied, so that it makes the same document again.
  expect((await history.list(device, undefined, 1_000))[1]).toMatchObject({ version: 2, reported: '{"other":1}' });
});

test("reports have the log's order, whatever the clocks of gateways say", async () => {
  const store = openStore();
  const device = makeDevice();
  const from = await store.cursor();
  await follow(store, readerOf([report(device, from + 1, { n: 1 }, 10_000), report(device, from + 2, { n: 2 }, 8_000)]), from + 2);
  expect(await store.load(device)).toMatchObject({ version: 2, reported: { n: 2 } });
});

test("a report sent after a direct change undoes it, however long that one took to be stored; then the log's order holds again", async () => {
  const store = openStore();
  const device = makeDevice();
  const sentAtMs = Date.now() - 5_000;
  const direct = { key: device, kind: "update", byDevice: true, principal: "device:pk11/dev1", directAtMs: sentAtMs } as const;
  await store.apply([{ ...direct, edit: parseEdit({ reported: { n: 1 } }) }]);
  const from = await store.cursor();
  const records = [
    report(device, from + 1, { n: 0 }, sentAtMs - 1),
    report(device, from + 2, { n: 2 }, sentAtMs + 1),
    report(device, from + 3, { n: 3 }, sentAtMs - 2),
  ];
  await follow(store, readerOf(records), from + 3);
  expect(await store.load(device)).toMatchObject({ version: 4, reported: { n: 3 } });
  expect((await history.list(device, undefined, 1_000)).map(({ reported }) => reported)).toEqual(['{"n":3}', '{"n":2}', "{}", '{"n":1}']);
});

test("records that are no reports move the cursor, and what no report can be is passed over", async () => {
  const store = openStore();
  const device = makeDevice();
  const from = await store.cursor();
  const odd = (offset: number, body: string, kind: LogRecord["kind"] = "properties") => ({ ...report(device, offset, {}), body, kind });
  const records = [
    odd(from + 1, '{"clientId":"c"}', "online"),
    odd(from + 2, '{"properties":{"__proto__":{"value":1},"n":{"value":1}}}'),
    odd(from + 3, '{"properties":{"n":{"value":"\\ud800"}}}'),
    odd(from + 4, "{}"),
  ];
  await follow(store, readerOf(records, 1), from + 4);
  expect(await store.load(device)).toMatchObject({ version: 2, reported: { n: 1 } });
});

test("a report of the past is passed over: the shadow shows what is", async () => {
  const store = openStore();
  const device = makeDevice();
  const from = await store.cursor();
  const past = { ...report(device, from + 2, {}), body: '{"properties":{"n":{"value":1,"time":5}},"past":true}' };
  await follow(store, readerOf([report(device, from + 1, { n: 2 }), past]), from + 2);
  expect(await store.load(device)).toMatchObject({ version: 1, reported: { n: 2 } });
});

test("records that are too large together are read in smaller parts", async () => {
  const store = openStore();
  const device = makeDevice();
  const from = await store.cursor();
  const records = Array.from({ length: 20 }, (_, i) => report(device, from + i + 1, { n: i }));
  const consumers = new Set<string>();
  const tight = {
    recordRefusals: async () => ({}),
    async read(caller: unknown, request: { consumer: string; after: number; limit: number }) {
      consumers.add(request.consumer);
      if (request.limit > 300) throw new PlatformError("payloadTooLarge", "the message is too large");
      return readerOf(records).read(caller, request);
    },
  };
  await follow(store, tight, from + 20);
  expect(await store.load(device)).toMatchObject({ version: 20, reported: { n: 19 } });
  expect([...consumers]).toEqual(["shadow"]);
});
