import { randomUUID } from "node:crypto";
import { asDeviceId, type Delivery, type EventApi, type LogRecord } from "@mooring/contracts";
import { FakeClock, until } from "@mooring/testkit";
import { afterAll, describe, expect, test } from "vitest";
import { openStream, reportsOf, take, temperatureOf } from "../conformance/stream.test-support.ts";
import { newTenant } from "../conformance/support.ts";
import { createPostgresDeadLetterStore } from "../postgres/dead-letter-store.ts";
import { createPostgresSubscriptionStore } from "../postgres/subscription-store.ts";
import { deadLettersMax, subscriptionsPerTenantMax } from "./limits.ts";
import type { DeadLetterStore } from "./ports.ts";
import { openProcesses } from "./processes.test-support.ts";

const world = await openProcesses("delivery");
const { delivery, api } = world.start();
afterAll(() => world.stop());

test("records that are not acknowledged in time come again, and end as dead letters", async () => {
  const clock = new FakeClock();
  const process = world.start({ clock });
  const { backend, report } = newTenant();
  await process.api.createSubscription(backend, { name: "s", acknowledgeWithinMs: 10_000, deliveriesMax: 2, start: { from: "earliest" } });
  await world.append(report(1));
  const stream = openStream(process.api, backend, { subscription: "s" });
  await stream.take(1);
  clock.advance(10_000);
  const again = stream.take(1);
  await until("the second delivery", () => {
    clock.advance(100);
    return Promise.race([again, undefined]);
  });
  expect(await again).toMatchObject([{ attempt: 2 }]);
  clock.advance(10_000);
  await until("the dead letter", async () => (await process.api.getSubscription(backend, { name: "s" })).deadLetters === 1);
  const { deadLetters } = await process.api.listDeadLetters(backend, { name: "s" });
  expect(deadLetters).toMatchObject([{ deliveries: 2, reason: "not acknowledged within 10000 ms" }]);
  await stream.end();
});

test("each time it is handed out a record's attempt grows; a dead letter tells only the deliveries that failed, as many as there may be", async () => {
  const { backend, report } = newTenant();
  await api.createSubscription(backend, { name: "s", deliveriesMax: 2, start: { offset: await world.eventLog.end() } });
  await world.append(report(1), report(2));
  const stream = openStream(api, backend, { subscription: "s" });
  const attempts: number[][] = [];
  const takeNext = async (count: number): Promise<readonly Delivery[]> => {
    const records = await stream.take(count);
    attempts.push(records.map(({ attempt }) => attempt));
    return records;
  };
  const [one, two] = (await takeNext(2)) as [Delivery, Delivery];
  stream.say({ rejected: [one.offset] });
  await takeNext(2);
  stream.say({ rejected: [one.offset] }, { rejected: [two.offset] });
  await takeNext(1);
  stream.say({ rejected: [two.offset] });
  await until("both dead letters", async () => (await api.getSubscription(backend, { name: "s" })).deadLetters === 2);
  expect(attempts).toEqual([[1, 1], [2, 2], [3]]);
  const { deadLetters } = await api.listDeadLetters(backend, { name: "s" });
  expect(deadLetters.map(({ deliveries }) => deliveries)).toEqual([2, 2]);
  await stream.end();
});

test("what waits for a subscription that nobody delivers is seen, and no more once somebody does", async () => {
  const { backend, tenantId, report } = newTenant();
  await api.createSubscription(backend, { name: "s", start: { offset: await world.eventLog.end() } });
  await world.append({ ...report(1), receivedAtMs: Date.now() - 60_000 });
  const store = createPostgresSubscriptionStore(world.database.pool);
  const mine = async () => (await store.unheld(100)).find((each) => each.tenantId === tenantId);
  // The backlog is an upper bound: offsets may be skipped.
  expect((await mine())?.backlog).toBeGreaterThan(0);
  expect((await mine())?.lagMs).toBeGreaterThanOrEqual(60_000);
  const stream = openStream(api, backend, { subscription: "s" });
  await stream.take(1);
  expect(await mine()).toBeUndefined();
  await stream.end();
});

test("the cursor passes a dead letter in the statement that stores it", async () => {
  const store = createPostgresDeadLetterStore(world.database.pool);
  const cursors: number[] = [];
  const deadLetters: DeadLetterStore = {
    ...store,
    bury(owner, state, letters) {
      cursors.push(state.cursor);
      return store.bury(owner, state, letters);
    },
  };
  const process = world.start({ deadLetters });
  const { backend, report } = newTenant();
  await process.api.createSubscription(backend, { name: "s", deliveriesMax: 1, start: { offset: await world.eventLog.end() } });
  await world.append(report(1), report(2));
  const stream = openStream(process.api, backend, { subscription: "s" });
  const [one, two] = (await stream.take(2)) as [Delivery, Delivery];
  stream.say({ rejected: [one.offset] });
  await until("the dead letter", async () => (await process.api.getSubscription(backend, { name: "s" })).deadLetters === 1);
  expect(cursors).toEqual([two.offset - 1]);
  await stream.end();
});

test("a subscription that acknowledges nothing stops itself only", async () => {
  const tenant = newTenant();
  const reports = reportsOf(tenant, 50);
  const slow = openStream(api, tenant.backend, { subscription: "slow" });
  await slow.joined(tenant.backend, "slow", 1);
  const good = openStream(api, tenant.backend, { subscription: "good" });
  await good.joined(tenant.backend, "good", 1);
  let seen = 0;
  for (let batch = 0; batch < 15; batch++) {
    await world.append(...Array.from({ length: 1_000 }, (_, i) => reports(i % 50, batch * 1_000 + i)));
    const records = await good.take(1_000);
    good.say({ acknowledgedOffset: (records.at(-1) as Delivery).offset });
    seen += records.length;
  }
  expect(seen).toBe(15_000);
  expect(await api.getSubscription(tenant.backend, { name: "slow" })).toMatchObject({ inFlight: 1_000 });
  await good.end();
  await slow.end();
});

test("whoever subscribes while much is being appended gets everything once and in order, from wherever it began", async () => {
  const tenant = newTenant();
  const reports = reportsOf(tenant, 20);
  let value = 0;
  const appendSome = () => world.append(...Array.from({ length: 50 }, () => reports(value % 20, ++value)));
  await appendSome();
  const readers: Promise<readonly unknown[]>[] = [];
  const total = 4_000;
  for (let round = 1; value < total; round++) {
    await appendSome();
    if (round % 10 === 0) readers.push(read(api, tenant, `s${round}`, round % 20 === 0 ? undefined : 7, total));
  }
  const everything = Array.from({ length: total }, (_, i) => i + 1);
  for (const values of await Promise.all(readers)) expect(values).toEqual(everything);
  expect(readers.length).toBeGreaterThan(5);
});

/** The values a new stream gets up to the total; with credit it is given a few at a time. */
async function read(
  from: EventApi,
  { backend }: ReturnType<typeof newTenant>,
  subscription: string,
  credit: number | undefined,
  total: number,
) {
  const stream = openStream(from, backend, { subscription, from: "earliest", ...(credit === undefined ? {} : { credit }) });
  const values: unknown[] = [];
  while (values.length < total) {
    const [record] = (await stream.take(1)) as [Delivery];
    values.push(temperatureOf(record));
    stream.say({ acknowledgedOffset: record.offset, ...(credit === undefined ? {} : { credit: 1 }) });
  }
  await stream.end();
  return values;
}

test("what retention removed before it was delivered is counted, and delivery goes on behind it", async () => {
  const { backend, report } = newTenant();
  const first = (await world.eventLog.end()) + 3;
  await world.append(report(1), report(2), report(3));
  const log = {
    ...world.eventLog,
    first: async () => first,
    read: (after: number, limit: number): Promise<readonly LogRecord[]> => world.eventLog.read(Math.max(after, first - 1), limit),
  };
  const process = world.start({ log });
  await process.api.createSubscription(backend, { name: "s", start: { offset: first - 3 } });
  expect((await take(process.api, backend, { subscription: "s" }, 1)).map(temperatureOf)).toEqual([3]);
  expect(await process.api.getSubscription(backend, { name: "s" })).toMatchObject({ lost: 2, backlog: 0 });
  expect(process.delivery.counters.lost).toBe(2);
});

describe("limits", () => {
  test(`a tenant has at most ${subscriptionsPerTenantMax} subscriptions; those there are go on`, async () => {
    const { backend, tenantId } = newTenant();
    await world.database.pool.query(
      "INSERT INTO subscriptions (tenant_id, name, cursor) SELECT $1, 's' || n, 0 FROM generate_series(1, $2::int) AS n",
      [tenantId, subscriptionsPerTenantMax],
    );
    await expect(api.createSubscription(backend, { name: "more" })).rejects.toMatchObject({ code: "quotaExceeded" });
    await expect(openStream(api, backend, { subscription: "more" }).rest()).rejects.toMatchObject({ code: "quotaExceeded" });
    const stream = openStream(api, backend, { subscription: "s1" });
    await stream.joined(backend, "s1", 1);
    await stream.end();
  });

  test("a subscription has at most 64 members", async () => {
    const { backend } = newTenant();
    const streams = Array.from({ length: 64 }, () => openStream(api, backend, { subscription: "s" }));
    await streams[0]?.joined(backend, "s", 64);
    await expect(openStream(api, backend, { subscription: "s" }).rest()).rejects.toMatchObject({ code: "quotaExceeded" });
    await Promise.all(streams.map((stream) => stream.end()));
    expect(await api.getSubscription(backend, { name: "s" })).toMatchObject({ members: 0 });
  });

  test("a tenant has at most 256 streams open in a process, whatever their subscriptions", async () => {
    const { backend } = newTenant();
    const streams = Array.from({ length: 256 }, (_, i) => openStream(api, backend, { subscription: `s${i % 8}` }));
    for (let i = 0; i < 8; i++) await streams[i]?.joined(backend, `s${i}`, 32);
    await expect(openStream(api, backend, { subscription: "t" }).rest()).rejects.toMatchObject({ code: "quotaExceeded" });
    await Promise.all(streams.map((stream) => stream.end()));
    const again = openStream(api, backend, { subscription: "t" });
    await again.joined(backend, "t", 1);
    await again.end();
  });

  test("full of dead letters a subscription stands still rather than drop one, and goes on when there is room", async () => {
    const { backend, tenantId, report } = newTenant();
    await api.createSubscription(backend, { name: "s", deliveriesMax: 1, start: { offset: await world.eventLog.end() } });
    await world.database.pool.query(
      `INSERT INTO dead_letters (tenant_id, subscription, "offset", message_id, device_id, product_key, device_name, kind, received_at, body, deliveries,
         reason, failed_at)
       SELECT $1, 's', -n, gen_random_uuid(), gen_random_uuid(), 'pk11', 'dev1', 'event', now(), '{}', 1, 'x', now() FROM generate_series(1, $2::int) AS n`,
      [tenantId, deadLettersMax],
    );
    const stream = openStream(api, backend, { subscription: "s" });
    await world.append(report(1), report(2));
    const [one, two] = (await stream.take(2)) as [Delivery, Delivery];
    stream.say({ rejected: [one.offset], acknowledged: [two.offset] });
    const held = () => [...delivery.held.all()].find((each) => each.tenantId === tenantId);
    await until("it to stand still", () => held()?.group.full);
    await world.append(report(3));
    expect(await api.getSubscription(backend, { name: "s" })).toMatchObject({
      cursor: one.offset - 1,
      deadLetters: deadLettersMax,
      inFlight: 0,
    });
    await api.deleteDeadLetters(backend, { name: "s" });
    expect((await stream.take(1)).map(temperatureOf)).toEqual([3]);
    expect((await api.listDeadLetters(backend, { name: "s" })).deadLetters.map(({ record }) => record.offset)).toEqual([one.offset]);
    await stream.end();
  });
});

describe("webhooks", () => {
  test("the runner learns of each with its secret, and of every change, and it alone may join", async () => {
    const { backend, tenantId, report } = newTenant();
    const url = "https://example.com/hook";
    const mine = async () => (await delivery.webhooks.list()).filter((each) => each.tenantId === tenantId);
    const changed = delivery.webhooks.changed.wait(10_000);
    const { webhook } = await api.createSubscription(backend, { name: "s", webhook: { url } });
    await changed;
    const [made] = await mine();
    expect(made).toMatchObject({ name: "s", url, secret: webhook?.secret });
    const member = await delivery.groups.join(tenantId, "s", { webhook: true, credit: 10 });
    await world.append(report(1));
    const iterator = member.deliveries[Symbol.asyncIterator]();
    const { value } = await iterator.next();
    member.giveUp([value.offset], "the webhook is gone");
    await until("the dead letter", async () => (await api.getSubscription(backend, { name: "s" })).deadLetters === 1);
    await expect(delivery.groups.join(tenantId, "s", {})).rejects.toMatchObject({ code: "failedPrecondition" });
    await api.updateSubscription(backend, { name: "s", webhook: { url: `${url}/2` } });
    const [moved] = await mine();
    expect(moved).toMatchObject({ url: `${url}/2`, secret: webhook?.secret });
    expect(moved?.revision).toBeGreaterThan(made?.revision ?? 0);
    await api.deleteSubscription(backend, { name: "s" });
    await expect(iterator.next()).rejects.toMatchObject({ code: "notFound" });
    expect(await mine()).toEqual([]);
  });

  test("the runner may not join a subscription without a webhook, or one that is not there", async () => {
    const { backend, tenantId } = newTenant();
    await api.createSubscription(backend, { name: "s" });
    await expect(delivery.groups.join(tenantId, "s", { webhook: true })).rejects.toMatchObject({ code: "failedPrecondition" });
    await expect(delivery.groups.join(tenantId, "t", { webhook: true })).rejects.toMatchObject({ code: "notFound" });
  });

  test("a secret is not stored as it is, and one that cannot be opened does not hold up the others", async () => {
    const { backend, tenantId } = newTenant();
    const secret = "a secret nobody may see".replaceAll(" ", "-");
    for (const name of ["s", "t"]) await api.createSubscription(backend, { name, webhook: { url: "https://example.com", secret } });
    const { rows } = await world.database.pool.query("SELECT * FROM subscriptions WHERE tenant_id = $1", [tenantId]);
    expect(JSON.stringify(rows)).not.toContain(secret);
    // Moved to another subscription it does not open.
    await world.database.pool.query(
      "UPDATE subscriptions SET webhook_secret = (SELECT webhook_secret FROM subscriptions WHERE tenant_id = $1 AND name = 's') WHERE tenant_id = $1 AND name = 't'",
      [tenantId],
    );
    expect((await delivery.webhooks.list()).filter((each) => each.tenantId === tenantId).map(({ name }) => name)).toEqual(["s"]);
  });
});

test("where a record is, is told for each subscription, and where the filter passes it over", async () => {
  const tenant = newTenant();
  const { backend, tenantId } = tenant;
  const reports = reportsOf(tenant, 1);
  world.tags.set(reports(0, 0).device.deviceId, {});
  const end = await world.eventLog.end();
  await world.append(reports(0, 1), reports(0, 2), reports(0, 3));
  const records = await world.eventLog.read(end, 10);
  for (const name of ["dead", "open", "waits"]) {
    await api.createSubscription(backend, { name, deliveriesMax: 1, start: { offset: end } });
  }
  await api.createSubscription(backend, { name: "later" });
  await api.createSubscription(backend, { name: "events", filter: { kinds: ["event"] }, start: { offset: end } });
  await api.createSubscription(backend, { name: "tagged", filter: { tags: { a: "1" } }, start: { offset: end } });
  const open = openStream(api, backend, { subscription: "open", credit: 2 });
  const [one] = (await open.take(2)) as [Delivery];
  open.say({ acknowledged: [one.offset] });
  const dead = openStream(api, backend, { subscription: "dead" });
  const [first] = (await dead.take(1)) as [Delivery];
  dead.say({ rejected: [first.offset] });
  await until("the dead letter", async () => (await api.getSubscription(backend, { name: "dead" })).deadLetters === 1);
  await until("the acknowledgement", async () => (await api.getSubscription(backend, { name: "open" })).inFlight === 1);
  const states = await delivery.states.statesOf(tenantId, records);
  const shown = records.map(({ offset }) => states.get(offset)?.map(({ consumer, state, attempt }) => `${consumer} ${state} ${attempt}`));
  expect(shown[0]).toEqual([
    "subscription:dead deadLetter 1",
    "subscription:events filtered undefined",
    "subscription:open acknowledged undefined",
    "subscription:tagged filtered undefined",
    "subscription:waits waiting undefined",
  ]);
  expect(shown[1]).toContain("subscription:open inFlight 1");
  expect(shown[2]).toContain("subscription:open waiting undefined");
  world.tags.set(reports(0, 0).device.deviceId, { a: "1" });
  const now = await delivery.states.statesOf(tenantId, records);
  expect(now.get(one.offset)).toContainEqual({ consumer: "subscription:tagged", state: "waiting" });
  await api.deleteDeadLetters(backend, { name: "dead" });
  const after = await delivery.states.statesOf(tenantId, records);
  expect(after.get(one.offset)).toContainEqual({ consumer: "subscription:dead", state: "discarded", attempt: 1, reason: "rejected" });
  await open.end();
  await dead.end();
});

test("what a device said before it was deleted, and that it was, reaches a subscription filtered by its tags", async () => {
  const tenant = newTenant();
  const { deviceId } = tenant.device;
  world.tags.set(deviceId, { a: "1" });
  await api.createSubscription(tenant.backend, { name: "s", filter: { tags: { a: "1" } } });
  await world.append(tenant.report(1));
  world.tags.remove(deviceId);
  const deleted = { ...tenant.report(2), kind: "lifecycle" as const, body: JSON.stringify({ change: "deleted", time: 2 }) };
  await world.append(deleted);
  const records = await take(api, tenant.backend, { subscription: "s" }, 2);
  expect(records.map(({ kind }) => kind)).toEqual(["properties", "lifecycle"]);
});

test("nobody's records but the tenant's own reach a subscription with any filter", async () => {
  const [mine, other] = [newTenant(), newTenant()];
  const deviceId = asDeviceId(randomUUID());
  world.tags.set(deviceId, { a: "1" });
  const filters = [
    {},
    { tags: { a: "1" } },
    { property: "Temperature" },
    { kinds: ["properties"] },
    { productKey: "pk11", deviceName: "dev1" },
  ];
  await world.append(
    { ...other.report(1), device: { ...other.device, deviceId } },
    { ...mine.report(2), device: { ...mine.device, deviceId } },
  );
  for (const [i, filter] of filters.entries()) {
    const records = await take(api, mine.backend, { subscription: `s${i}`, from: "earliest", ...filter }, 1);
    expect(records.map((record) => [record.device.tenantId, temperatureOf(record)])).toEqual([[mine.tenantId, 2]]);
  }
});
