// One process at a time delivers a subscription, and another one takes over when it dies.
import type { Delivery } from "@mooring/contracts";
import { until } from "@mooring/testkit";
import { afterAll, describe, expect, test } from "vitest";
import { openStream, take, temperatureOf } from "../conformance/stream.test-support.ts";
import { newTenant } from "../conformance/support.ts";
import { openProcesses } from "./processes.test-support.ts";

const world = await openProcesses("owners");
afterAll(() => world.stop());

const cursorOf = async (tenantId: string): Promise<number> => {
  const { rows } = await world.database.pool.query<{ cursor: string }>("SELECT cursor FROM subscriptions WHERE tenant_id = $1", [tenantId]);
  return Number(rows[0]?.cursor);
};
const ownerOf = async (tenantId: string): Promise<string | null | undefined> => {
  const { rows } = await world.database.pool.query<{ owner: string | null }>("SELECT owner FROM subscriptions WHERE tenant_id = $1", [
    tenantId,
  ]);
  return rows[0]?.owner;
};

describe("two processes", () => {
  test("while one delivers a subscription the other one refuses streams of it, and says why", async () => {
    const { backend } = newTenant();
    const [first, second] = [world.start(), world.start()];
    const stream = openStream(first.api, backend, { subscription: "s" });
    await stream.joined(backend, "s", 1);
    await expect(openStream(second.api, backend, { subscription: "s" }).rest()).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("another process"),
    });
    await stream.end();
  });

  test("when nobody is left at one, the other one delivers at once, from the acknowledged on", async () => {
    const { backend, report } = newTenant();
    const [first, second] = [world.start(), world.start()];
    await world.append(report(1), report(2));
    expect((await take(first.api, backend, { subscription: "s", from: "earliest" }, 1)).map(temperatureOf)).toEqual([1]);
    expect((await take(second.api, backend, { subscription: "s" }, 1)).map(temperatureOf)).toEqual([2]);
  });

  test("when one dies, a stream at the other one waits for its lease to end and goes on without an error; the dead one writes nothing more", async () => {
    const { backend, tenantId, report } = newTenant();
    const [first, second] = [world.start({ leaseMs: 3_000 }), world.start()];
    await world.append(report(1), report(2));
    const dead = openStream(first.api, backend, { subscription: "s", from: "earliest" });
    const [one, two] = (await dead.take(2)) as [Delivery, Delivery];
    dead.say({ acknowledged: [one.offset] });
    await until("the cursor", async () => (await cursorOf(tenantId)) >= one.offset);
    first.cutOff();
    const next = openStream(second.api, backend, { subscription: "s" });
    expect((await next.take(1)).map(temperatureOf)).toEqual([2]);
    await expect(dead.rest()).rejects.toMatchObject({ code: "unavailable" });
    first.reconnect();
    dead.say({ acknowledged: [two.offset] });
    expect(await cursorOf(tenantId)).toBeLessThan(two.offset);
    await next.end();
  });

  test("one that knows it is alone does not wait for the lease of one that died", async () => {
    const { backend, report } = newTenant();
    const first = world.start({ leaseMs: 60_000 });
    await world.append(report(1));
    const dead = openStream(first.api, backend, { subscription: "s", from: "earliest" });
    await dead.take(1);
    first.cutOff();
    const next = openStream(world.start({ isOnly: true }).api, backend, { subscription: "s" });
    expect((await next.take(1)).map(temperatureOf)).toEqual([1]);
    await next.end();
    first.reconnect();
    await expect(dead.rest()).rejects.toMatchObject({ code: "failedPrecondition" });
  });

  test("one that finds its subscription taken over ends its streams and delivers nothing more", async () => {
    const { backend, tenantId, report } = newTenant();
    const first = world.start({ leaseMs: 3_000 });
    await world.append(report(1), report(2));
    const stream = openStream(first.api, backend, { subscription: "s", from: "earliest", credit: 2 });
    const [one] = (await stream.take(2)) as [Delivery];
    const idle = openStream(first.api, backend, { subscription: "s" });
    await idle.joined(backend, "s", 2);
    await world.database.pool.query(
      "UPDATE subscriptions SET owner = 'another', owned_until = now() + interval '1 minute', epoch = epoch + 1 WHERE tenant_id = $1",
      [tenantId],
    );
    stream.say({ acknowledged: [one.offset] });
    await expect(stream.rest()).rejects.toMatchObject({ code: "failedPrecondition" });
    await expect(idle.rest()).rejects.toMatchObject({ code: "failedPrecondition" });
    expect(first.delivery.counters.delivered).toBe(2);
    expect(await cursorOf(tenantId)).toBeLessThan(one.offset);
    expect(await ownerOf(tenantId)).toBe("another");
  });

  test("stopping ends streams with `unavailable` and gives the subscription back, its cursor written", async () => {
    const { backend, tenantId, report } = newTenant();
    const first = world.start();
    await world.append(report(1), report(2));
    const stream = openStream(first.api, backend, { subscription: "s", from: "earliest" });
    const [one] = (await stream.take(2)) as [Delivery];
    stream.say({ acknowledged: [one.offset] });
    await until("it to be heard", async () => (await first.api.getSubscription(backend, { name: "s" })).inFlight === 1);
    await first.stop();
    await expect(stream.rest()).rejects.toMatchObject({ code: "unavailable" });
    expect(await ownerOf(tenantId)).toBeNull();
    expect(await cursorOf(tenantId)).toBeGreaterThanOrEqual(one.offset);
    await expect(openStream(first.api, backend, { subscription: "s" }).rest()).rejects.toMatchObject({ code: "unavailable" });
  });

  test("a database that is away for less than a lease ends nothing", async () => {
    const { backend, tenantId, report } = newTenant();
    const first = world.start({ leaseMs: 10_000 });
    const stream = openStream(first.api, backend, { subscription: "s" });
    await stream.joined(backend, "s", 1);
    await world.append(report(1));
    first.cutOff();
    const [one] = (await stream.take(1)) as [Delivery];
    stream.say({ acknowledged: [one.offset] });
    await world.append(report(2));
    expect((await stream.take(1)).map(temperatureOf)).toEqual([2]);
    first.reconnect();
    await until("the cursor", async () => (await cursorOf(tenantId)) >= one.offset);
    await stream.end();
  });

  test("what is changed, set to another place, replayed or deleted through one is seen by the one that delivers", async () => {
    const { backend, report } = newTenant();
    const [owner, other] = [world.start(), world.start()];
    await other.api.createSubscription(backend, { name: "s", deliveriesMax: 1, start: { from: "earliest" } });
    await world.append(report(1), report(2));
    let stream = openStream(owner.api, backend, { subscription: "s" });
    const [one, two] = (await stream.take(2)) as [Delivery, Delivery];
    stream.say({ acknowledged: [one.offset], rejected: [two.offset] });
    await until("the dead letter", async () => (await other.api.getSubscription(backend, { name: "s" })).deadLetters === 1);
    expect(await other.api.getSubscription(backend, { name: "s" })).toMatchObject({ members: 1 });
    await other.api.replayDeadLetters(backend, { name: "s" });
    expect((await stream.take(1)).map(({ offset }) => offset)).toEqual([two.offset]);
    stream.say({ acknowledged: [two.offset] });
    await other.api.seekSubscription(backend, { name: "s", position: { offset: one.offset - 1 } });
    await expect(stream.rest()).rejects.toMatchObject({ code: "unavailable" });
    stream = openStream(owner.api, backend, { subscription: "s" });
    expect((await stream.take(2)).map(temperatureOf)).toEqual([1, 2]);
    stream.say({ acknowledgedOffset: two.offset });
    await other.api.updateSubscription(backend, { name: "s", filter: { kinds: ["event"] } });
    await until("the new filter", async () => {
      await world.append(report(3), { ...report(4), kind: "event" });
      const got = await stream.take(1);
      if (got[0]?.kind === "event") return true;
      await stream.take(1);
      return false;
    });
    await other.api.deleteSubscription(backend, { name: "s" });
    await expect(stream.rest()).rejects.toMatchObject({ code: "notFound" });
  });

  test("deliveries in vain are counted across processes: members that keep going away end in a dead letter", async () => {
    const { backend, report } = newTenant();
    const processes = [world.start(), world.start()];
    await processes[0]?.api.createSubscription(backend, { name: "s", deliveriesMax: 3, start: { from: "earliest" } });
    await world.append(report(1), report(2));
    for (let i = 0; i < 3; i++) {
      const api = processes[i % 2]?.api as (typeof processes)[0]["api"];
      expect((await take(api, backend, { subscription: "s" }, 2, false)).map(temperatureOf)).toEqual([1, 2]);
    }
    const { api } = processes[1] as (typeof processes)[0];
    expect((await take(api, backend, { subscription: "s" }, 1)).map(temperatureOf)).toEqual([2]);
    const { deadLetters } = await api.listDeadLetters(backend, { name: "s" });
    expect(deadLetters).toMatchObject([{ deliveries: 3, reason: "its members went away while they had it" }]);
  });
});
