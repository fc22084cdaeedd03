// What delivery to back ends must do: what may be said of subscriptions, and their dead letters.
import { type Delivery, type EventApi, serviceCaller } from "@mooring/contracts";
import { until } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { openStream, reportsOf, take, temperatureOf } from "./stream.test-support.ts";
import { appendAll, type EventWorld, gateway, newTenant } from "./support.ts";

const pointerOf = (pointer: string) => ({ code: "invalidArgument", details: { issues: [{ pointer }] } });

async function endOf(api: EventApi): Promise<number> {
  let after = 0;
  for (;;) {
    const { records } = await api.read(gateway, { consumer: "conformance", after, limit: 1_000, waitMs: 0 });
    if (records.length === 0) return after;
    after = records.at(-1)?.offset ?? after;
  }
}

export function describeSubscriptions(create: () => Promise<EventWorld>): void {
  describe("subscriptions", () => {
    test("made, shown, listed, changed and deleted, by name", async () => {
      const { api } = await create();
      const { backend } = newTenant();
      const made = await api.createSubscription(backend, { name: "b", filter: { kinds: ["event"] }, acknowledgeWithinMs: 5_000 });
      expect(made).toMatchObject({ name: "b", filter: { kinds: ["event"] }, acknowledgeWithinMs: 5_000, deliveriesMax: 10, members: 0 });
      expect(made).toMatchObject({ backlog: 0, lagMs: 0, inFlight: 0, deadLetters: 0, lost: 0 });
      expect(await api.getSubscription(backend, { name: "b" })).toEqual(made);
      await api.createSubscription(backend, { name: "a" });
      await api.createSubscription(backend, { name: "B" });
      const page = await api.listSubscriptions(backend, { pageSize: 2 });
      expect(page.subscriptions.map(({ name }) => name)).toEqual(["B", "a"]);
      const rest = await api.listSubscriptions(backend, { pageSize: 2, pageToken: page.nextPageToken ?? "" });
      expect(rest.subscriptions.map(({ name }) => name)).toEqual(["b"]);
      expect(rest.nextPageToken).toBeUndefined();
      const changed = await api.updateSubscription(backend, { name: "b", filter: { property: "Temperature" }, deliveriesMax: 3 });
      expect(changed).toMatchObject({ filter: { property: "Temperature" }, acknowledgeWithinMs: 5_000, deliveriesMax: 3 });
      expect(changed.filter?.kinds ?? []).toEqual([]);
      await api.deleteSubscription(backend, { name: "b" });
      await expect(api.getSubscription(backend, { name: "b" })).rejects.toMatchObject({ code: "notFound" });
      await expect(api.createSubscription(backend, { name: "a" })).rejects.toMatchObject({ code: "alreadyExists" });
    });

    test("another tenant's subscription looks like a missing one", async () => {
      const { api } = await create();
      const mine = newTenant();
      const other = newTenant().backend;
      await api.createSubscription(mine.backend, { name: "s" });
      for (const call of [
        () => api.getSubscription(other, { name: "s" }),
        () => api.updateSubscription(other, { name: "s" }),
        () => api.seekSubscription(other, { name: "s", position: {} }),
        () => api.deleteSubscription(other, { name: "s" }),
        () => api.listDeadLetters(other, { name: "s" }),
        () => api.replayDeadLetters(other, { name: "s" }),
        () => api.deleteDeadLetters(other, { name: "s" }),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: "notFound", message: "there is no subscription s" });
      }
      expect((await api.listSubscriptions(other, {})).subscriptions).toEqual([]);
      expect((await api.listSubscriptions(mine.backend, {})).subscriptions).toHaveLength(1);
    });

    test("readers may look and not touch; the platform's own processes may do neither", async () => {
      const { api } = await create();
      const { backend, tenantId } = newTenant();
      await api.createSubscription(backend, { name: "s" });
      const viewer = { tenantId, principal: "key:v", role: "viewer" } as const;
      expect(await api.getSubscription(viewer, { name: "s" })).toMatchObject({ name: "s" });
      expect(await api.listDeadLetters(viewer, { name: "s" })).toEqual({ deadLetters: [] });
      await expect(api.deleteSubscription(viewer, { name: "s" })).rejects.toMatchObject({ code: "permissionDenied" });
      await expect(api.replayDeadLetters(viewer, { name: "s" })).rejects.toMatchObject({ code: "permissionDenied" });
      await expect(api.getSubscription(serviceCaller("x"), { name: "s" })).rejects.toMatchObject({ code: "permissionDenied" });
    });

    test.each([
      [{ name: "no spaces" }, "/name"],
      [{ name: "\0" }, "/name"],
      [{ name: "s", acknowledgeWithinMs: 999 }, "/acknowledgeWithinMs"],
      [{ name: "s", deliveriesMax: 1_001 }, "/deliveriesMax"],
      [{ name: "s", filter: { tags: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`t${i}`, ""])) } }, "/filter/tags"],
      [{ name: "s", filter: { deviceName: "?" } }, "/filter/deviceName"],
      [{ name: "s", webhook: { url: "ftp://example.com" } }, "/webhook/url"],
      [{ name: "s", webhook: { url: "https://user:secret@example.com" } }, "/webhook/url"],
      [{ name: "s", webhook: { url: `https://example.com/${"x".repeat(2_048)}` } }, "/webhook/url"],
      [{ name: "s", webhook: { url: "https://example.com", secret: "short" } }, "/webhook/secret"],
      [{ name: "s", start: { from: "then" } }, "/start/from"],
      [{ name: "s", start: { from: "now", timeMs: 1 } }, "/start/timeMs"],
      [{ name: "s", start: { timeMs: 4_102_444_800_000 } }, "/start/timeMs"],
    ])("%j is refused and the field named", async (settings, pointer) => {
      const { api } = await create();
      await expect(api.createSubscription(newTenant().backend, settings)).rejects.toMatchObject(pointerOf(pointer));
    });

    test("it begins at the beginning, now, at a time, or after an offset, and may be set there later", async () => {
      const { api } = await create();
      const { backend, report } = newTenant();
      await appendAll(api, [report(1), report(2)]);
      const end = await endOf(api);
      const { cursor } = await api.createSubscription(backend, { name: "now" });
      expect(cursor).toBe(end);
      await api.createSubscription(backend, { name: "offset", start: { offset: end - 1 } });
      expect((await take(api, backend, { subscription: "offset" }, 1)).map(temperatureOf)).toEqual([2]);
      await api.createSubscription(backend, { name: "time", start: { timeMs: Date.now() } });
      await api.createSubscription(backend, { name: "earliest", start: { from: "earliest" } });
      await appendAll(api, [report(3)]);
      expect((await take(api, backend, { subscription: "now" }, 1)).map(temperatureOf)).toEqual([3]);
      expect((await take(api, backend, { subscription: "time" }, 1)).map(temperatureOf)).toEqual([3]);
      expect((await take(api, backend, { subscription: "earliest" }, 3)).map(temperatureOf)).toEqual([1, 2, 3]);
      const future = api.seekSubscription(backend, { name: "now", position: { timeMs: 4_102_444_800_000 } });
      await expect(future).rejects.toMatchObject(pointerOf("/position/timeMs"));
      const set = await api.seekSubscription(backend, { name: "now", position: { offset: end - 1 } });
      expect(set.cursor).toBe(end - 1);
      expect((await take(api, backend, { subscription: "now" }, 2)).map(temperatureOf)).toEqual([2, 3]);
    });

    test("set back while a stream is open, the stream ends, what it acknowledges late is void, and the next one gets everything from there again", async () => {
      const { api } = await create();
      const { backend, report } = newTenant();
      await appendAll(api, [report(1), report(2)]);
      const stream = openStream(api, backend, { subscription: "s", from: "earliest" });
      const [first, second] = (await stream.take(2)) as [Delivery, Delivery];
      stream.say({ acknowledgedOffset: first.offset });
      await api.seekSubscription(backend, { name: "s", position: { offset: first.offset - 1 } });
      stream.say({ acknowledgedOffset: second.offset });
      await expect(stream.rest()).rejects.toMatchObject({ code: "unavailable" });
      expect(await api.getSubscription(backend, { name: "s" })).toMatchObject({ cursor: first.offset - 1 });
      const next = openStream(api, backend, { subscription: "s" });
      const again = await next.take(2);
      expect(again.map((record) => [temperatureOf(record), record.attempt])).toEqual([
        [1, 1],
        [2, 1],
      ]);
      next.say({ acknowledged: again.map(({ offset }) => offset) });
      await next.end();
      expect(await api.getSubscription(backend, { name: "s" })).toMatchObject({ cursor: again.at(-1)?.offset, backlog: 0, lagMs: 0 });
    });

    test("deleted while a stream is open, the stream ends and says so", async () => {
      const { api } = await create();
      const { backend, report } = newTenant();
      const stream = openStream(api, backend, { subscription: "s" });
      await stream.joined(backend, "s", 1);
      await api.deleteSubscription(backend, { name: "s" });
      await appendAll(api, [report(1)]);
      await expect(stream.rest()).rejects.toMatchObject({ code: "notFound" });
    });

    test("only what fits the filter is sent: product, device, kinds, property", async () => {
      const { api } = await create();
      const tenant = newTenant();
      const reports = reportsOf(tenant, 2);
      const other = { ...reports(1, 2), body: JSON.stringify({ properties: { Humidity: { value: { Temperature: 1 }, time: 1 } } }) };
      const event = { ...reports(0, 3), kind: "event" as const, body: JSON.stringify({ name: "x", value: 1, time: 1, Temperature: 1 }) };
      await appendAll(api, [reports(0, 1), other, event, reports(1, 4)]);
      const seen = async (name: string, filter: object, count: number) => {
        const records = await take(api, tenant.backend, { subscription: name, from: "earliest", ...filter }, count);
        return records.map(({ messageId }) =>
          [reports, other, event].findIndex((each) => "messageId" in each && each.messageId === messageId),
        );
      };
      expect(
        (await take(api, tenant.backend, { subscription: "p", from: "earliest", property: "Temperature" }, 2)).map(temperatureOf),
      ).toEqual([1, 4]);
      expect(await seen("k", { kinds: ["event"] }, 1)).toEqual([2]);
      expect(await seen("d", { deviceName: "device-1" }, 2)).toEqual([1, -1]);
      expect(await seen("e", { productKey: "pk11", property: "Humidity" }, 1)).toEqual([1]);
      // The filter of a subscription that is there is replaced by the one a stream begins with, and kept when it begins without.
      const late = { ...reports(0, 5), kind: "event" as const, body: JSON.stringify({ name: "y", value: 1, time: 1 }) };
      await appendAll(api, [late]);
      expect((await take(api, tenant.backend, { subscription: "k" }, 1)).map(({ messageId }) => messageId)).toEqual([late.messageId]);
      await appendAll(api, [reports(1, 7)]);
      expect((await take(api, tenant.backend, { subscription: "k", property: "Temperature" }, 1)).map(temperatureOf)).toEqual([7]);
    });

    test("tags are those the device has now: given, taken away, given again", async () => {
      const { api, setTags } = await create();
      const tenant = newTenant();
      const reports = reportsOf(tenant, 2);
      const { deviceId } = reports(0, 0).device;
      setTags(deviceId, { floor: "1" });
      setTags(reports(1, 0).device.deviceId, {});
      const stream = openStream(api, tenant.backend, { subscription: "s", tags: { floor: "2", room: "a" } });
      await stream.joined(tenant.backend, "s", 1);
      await appendAll(api, [reports(0, 1), reports(1, 2)]);
      await until("both to be passed over", async () => (await api.getSubscription(tenant.backend, { name: "s" })).backlog === 0);
      setTags(deviceId, { floor: "2", room: "a", more: "x" });
      setTags(reports(1, 0).device.deviceId, { floor: "2", room: "b" });
      let value = 2;
      const next = stream.take(1);
      // The change is heard of within moments; what was said before it is passed over.
      await until("the change", async () => {
        await appendAll(api, [reports(0, ++value), reports(1, 0)]);
        return (await api.getSubscription(tenant.backend, { name: "s" })).inFlight > 0;
      });
      expect((await next).map(({ device }) => device.deviceId)).toEqual([deviceId]);
      await stream.end();
    });

    test("a webhook's secret is shown to those who set it and never again; streams are refused", async () => {
      const { api } = await create();
      const { backend } = newTenant();
      const url = "https://example.com/hook";
      const made = await api.createSubscription(backend, { name: "s", webhook: { url } });
      expect(made.webhook?.secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect((await api.getSubscription(backend, { name: "s" })).webhook).toEqual({ url });
      expect((await api.listSubscriptions(backend, {})).subscriptions[0]?.webhook).toEqual({ url });
      const moved = await api.updateSubscription(backend, { name: "s", webhook: { url: `${url}/2` } });
      expect(moved.webhook).toEqual({ url: `${url}/2` });
      const secret = "0123456789abcdef";
      expect((await api.updateSubscription(backend, { name: "s", webhook: { url, secret } })).webhook).toEqual({ url, secret });
      await expect(take(api, backend, { subscription: "s" }, 1)).rejects.toMatchObject({ code: "failedPrecondition" });
    });

    test("given a webhook while a stream is open, the stream ends and says so", async () => {
      const { api } = await create();
      const { backend } = newTenant();
      const stream = openStream(api, backend, { subscription: "s" });
      await stream.joined(backend, "s", 1);
      await api.updateSubscription(backend, { name: "s", webhook: { url: "https://example.com" } });
      await expect(stream.rest()).rejects.toMatchObject({ code: "failedPrecondition" });
    });
  });
}
