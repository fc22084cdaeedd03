// What delivery to back ends must do: streams of a subscription.
import type { Delivery } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { openStream, reportsOf, take, temperatureOf } from "./stream.test-support.ts";
import { appendAll, type EventWorld, newTenant } from "./support.ts";

export function describeSubscribe(create: () => Promise<EventWorld>): void {
  describe("streams of a subscription", () => {
    test("it goes on where it was acknowledged, and sends again what was not", async () => {
      const { api } = await create();
      const { backend, report } = newTenant();
      const start = { subscription: "s1", from: "earliest" };
      await appendAll(api, [report(1), report(2), report(3)]);
      const first = await take(api, backend, start, 2);
      expect(first.map(temperatureOf)).toEqual([1, 2]);
      const again = await take(api, backend, start, 1, false);
      const once = await take(api, backend, start, 1);
      expect(once).toEqual(again.map((record) => ({ ...record, attempt: record.attempt + 1 })));
      expect(once.map(temperatureOf)).toEqual([3]);
    });

    test("what was not sent cannot be acknowledged", async () => {
      const { api } = await create();
      const { backend, report } = newTenant();
      await appendAll(api, [report(1)]);
      const stream = openStream(api, backend, { subscription: "s", from: "earliest" });
      const [record] = await stream.take(1);
      stream.say({ acknowledgedOffset: (record as Delivery).offset + 1_000_000 });
      const error = { code: "invalidArgument", details: { issues: [{ pointer: "/acknowledgedOffset" }] } };
      await expect(stream.rest()).rejects.toMatchObject(error);
    });

    test("nothing crosses a tenant: a subscriber sees its own devices' records only", async () => {
      const { api } = await create();
      const mine = newTenant();
      const other = newTenant();
      await appendAll(api, [other.report(1), mine.report(2), other.report(3), mine.report(4)]);
      const records = await take(api, mine.backend, { subscription: "s", from: "earliest" }, 2);
      expect(records.map((record) => record.device.tenantId)).toEqual([mine.tenantId, mine.tenantId]);
    });

    test("two streams of a subscription share its records, each device's with one of them, and what one leaves the other gets", async () => {
      const { api } = await create();
      const tenant = newTenant();
      const reports = reportsOf(tenant, 2);
      const first = openStream(api, tenant.backend, { subscription: "s", from: "earliest", credit: 3 });
      const second = openStream(api, tenant.backend, { subscription: "s", credit: 3 });
      await first.joined(tenant.backend, "s", 2);
      await appendAll(api, [reports(0, 1), reports(1, 2), reports(0, 3), reports(1, 4), reports(0, 5), reports(1, 6)]);
      const [ofFirst, ofSecond] = await Promise.all([first.take(3), second.take(3)]);
      expect([ofFirst.map(temperatureOf), ofSecond.map(temperatureOf)].sort()).toEqual([
        [1, 3, 5],
        [2, 4, 6],
      ]);
      second.say({ credit: 3 });
      await first.end();
      expect((await second.take(3)).map(({ offset, attempt }) => [offset, attempt])).toEqual(ofFirst.map(({ offset }) => [offset, 2]));
      await second.end();
    });

    test("a rejected record comes again, with everything of its device after it; the others go on", async () => {
      const { api } = await create();
      const tenant = newTenant();
      const reports = reportsOf(tenant, 2);
      await appendAll(api, [reports(0, 1), reports(0, 2), reports(1, 3), reports(0, 4)]);
      const stream = openStream(api, tenant.backend, { subscription: "s", from: "earliest" });
      const [one, two, three] = (await stream.take(4)) as [Delivery, Delivery, Delivery];
      stream.say({ rejected: [two.offset], acknowledged: [one.offset, three.offset] });
      expect((await stream.take(2)).map((record) => [temperatureOf(record), record.attempt])).toEqual([
        [2, 2],
        [4, 2],
      ]);
      stream.say({ acknowledgedOffset: two.offset });
      await stream.end();
      expect((await take(api, tenant.backend, { subscription: "s" }, 1)).map(temperatureOf)).toEqual([4]);
    });

    test("credit bounds what is sent until more is given", async () => {
      const { api } = await create();
      const { backend, report } = newTenant();
      await appendAll(api, [report(1), report(2), report(3), report(4)]);
      const stream = openStream(api, backend, { subscription: "s", from: "earliest", credit: 1 });
      const [first] = (await stream.take(1)) as [Delivery];
      stream.say({ acknowledgedOffset: first.offset });
      const next = stream.take(2);
      expect(await Promise.race([next, api.getSubscription(backend, { name: "s" })])).toMatchObject({ inFlight: 0, members: 1 });
      stream.say({ credit: 2 });
      expect((await next).map(temperatureOf)).toEqual([2, 3]);
      expect(await api.getSubscription(backend, { name: "s" })).toMatchObject({ inFlight: 2, members: 1 });
      await stream.end();
    });

    test.each([
      [{ subscription: "" }, "/start/subscription"],
      [{ subscription: "x", from: "yesterday" }, "/start/from"],
      [{ subscription: "x", fromOffset: 1_000_000_000 }, "/start/fromOffset"],
      [{ subscription: "x", from: "now", fromOffset: 0 }, "/start/fromOffset"],
      [{ subscription: "x", fromTimeMs: 4_102_444_800_000 }, "/start/fromTimeMs"],
      [{ subscription: "x", kinds: ["nonsense"] }, "/start/kinds"],
      [{ subscription: "x", productKey: "a b" }, "/start/productKey"],
      [{ subscription: "x", property: "" }, "/start/property"],
      [{ subscription: "x", tags: { "no spaces": "x" } }, "/start/tags"],
      [{ subscription: "x", credit: -1 }, "/start/credit"],
    ])("one that begins with %j is refused and the field named", async (start, pointer) => {
      const { api } = await create();
      const { backend } = newTenant();
      await expect(take(api, backend, start, 1)).rejects.toMatchObject({ code: "invalidArgument", details: { issues: [{ pointer }] } });
    });

    test("a stream may not begin twice, and may not add to credit it has not", async () => {
      const { api } = await create();
      const { backend } = newTenant();
      const twice = openStream(api, backend, { subscription: "s" });
      twice.say({ start: { subscription: "s" } });
      await expect(twice.rest()).rejects.toMatchObject({ details: { issues: [{ pointer: "/start" }] } });
      const creditless = openStream(api, backend, { subscription: "s" });
      creditless.say({ credit: 1 });
      await expect(creditless.rest()).rejects.toMatchObject({ details: { issues: [{ pointer: "/credit" }] } });
    });

    test("those who only read may not subscribe", async () => {
      const { api } = await create();
      const { tenantId } = newTenant();
      const viewer = { tenantId, principal: "key:v", role: "viewer" } as const;
      await expect((async () => take(api, viewer, { subscription: "s" }, 1))()).rejects.toMatchObject({ code: "permissionDenied" });
    });
  });
}
