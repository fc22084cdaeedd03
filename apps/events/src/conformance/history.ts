// What the history of property values must do.
import { randomUUID } from "node:crypto";
import {
  type Caller,
  deviceTimeMsMax,
  type EventApi,
  type HistoryAggregateQuery,
  type HistoryPoint,
  type HistoryQuery,
  type NewRecord,
} from "@mooring/contracts";
import { errorOf, pointersOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { appendAll, type EventWorld, newTenant } from "./support.ts";

const minuteMs = 60_000;
const query = { productKey: "pk11", deviceName: "dev1", property: "Temperature" };

export function describeHistory(create: () => Promise<EventWorld>): void {
  /** A device that has said these values, one a second from the beginning of a minute on. */
  async function createDevice(values: readonly unknown[]) {
    const { api, addDevice, historyCaughtUp } = await create();
    const { device, backend, report: reportNumber } = newTenant();
    addDevice(device);
    const report = (value: unknown, time: number): NewRecord => {
      return { ...reportNumber(0), body: JSON.stringify({ properties: { Temperature: { value, time } } }) };
    };
    const startMs = (Math.floor(Date.now() / minuteMs) - 60) * minuteMs;
    const times = values.map((_, i) => startMs + i * 1_000);
    await appendAll(
      api,
      values.map((value, i) => report(value, times[i] as number)),
    );
    await historyCaughtUp();
    return { api, backend, report, historyCaughtUp, startMs, times };
  }

  describe("history", () => {
    test("newest first, by page and by time", async () => {
      const { api, backend, times } = await createDevice([1, 2, 3, 4, 5]);
      const page = await api.history(backend, { ...query, pageSize: 2 });
      expect(page.points.map((point) => [point.timeMs, point.value])).toEqual([
        [times[4], 5],
        [times[3], 4],
      ]);
      const next = await api.history(backend, { ...query, pageSize: 9, ...tokenOf(page) });
      expect(next.points.map((point) => point.value)).toEqual([3, 2, 1]);
      expect(next.nextPageToken).toBeUndefined();
      const between = await api.history(backend, { ...query, fromMs: times[1] as number, toMs: times[3] as number });
      expect(between.points.map((point) => point.value)).toEqual([3, 2]);
    });

    test("every point that was there when paging began comes once, while others arrive", async () => {
      const values = Array.from({ length: 60 }, (_, i) => i);
      const { api, backend, report, historyCaughtUp, startMs } = await createDevice(values);
      const seen: HistoryPoint[] = [];
      let arriving = 1_000;
      let page: Awaited<ReturnType<EventApi["history"]>> | undefined;
      do {
        page = await api.history(backend, { ...query, pageSize: 7, ...(page === undefined ? {} : tokenOf(page)) });
        seen.push(...page.points);
        await appendAll(api, [report(arriving++, Date.now()), report(arriving++, startMs + 30_500)]);
        await historyCaughtUp();
      } while (page.nextPageToken !== undefined);
      expect(seen.map((point) => point.value).filter((value) => Number(value) < 1_000)).toEqual(values.reverse());
      expect(new Set(seen.map((point) => point.messageId)).size).toBe(seen.length);
    });

    test("several points of the same time are all there, the last accepted first, also where pages meet between them", async () => {
      const { api, backend, report, historyCaughtUp, startMs } = await createDevice([]);
      await appendAll(
        api,
        [1, 2, 3, 4, 5].map((value) => report(value, startMs)),
      );
      await historyCaughtUp();
      const first = await api.history(backend, { ...query, pageSize: 2 });
      const second = await api.history(backend, { ...query, pageSize: 3, ...tokenOf(first) });
      expect([...first.points, ...second.points].map((point) => point.value)).toEqual([5, 4, 3, 2, 1]);
    });

    test("several properties, or all, come in one order of time, and pages may meet within a record", async () => {
      const { api, backend, report, historyCaughtUp, startMs } = await createDevice([]);
      const said = (values: Readonly<Record<string, number>>, time: number): NewRecord => {
        const properties = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, time }]));
        return { ...report(0, 0), messageId: randomUUID(), body: JSON.stringify({ properties }) };
      };
      await appendAll(api, [said({ b: 1, a: 2, c: 3 }, startMs), said({ a: 4 }, startMs + 2_000), said({ c: 5, b: 6 }, startMs + 1_000)]);
      await historyCaughtUp();
      const { productKey, deviceName } = query;
      const walk = async (properties: readonly string[], pageSize: number): Promise<unknown[]> => {
        const seen: unknown[] = [];
        let page: Awaited<ReturnType<EventApi["history"]>> | undefined;
        do {
          const token = page === undefined ? {} : tokenOf(page);
          page = await api.history(backend, { productKey, deviceName, properties, pageSize, ...token });
          seen.push(...page.points.map(({ property, value }) => [property, value]));
        } while (page.nextPageToken !== undefined);
        return seen;
      };
      const all = [
        ["a", 4],
        ["c", 5],
        ["b", 6],
        ["c", 3],
        ["b", 1],
        ["a", 2],
      ];
      for (const pageSize of [1, 2, 4, 100]) {
        expect(await walk([], pageSize)).toEqual(all);
        expect(await walk(["c", "a", "c", "none"], pageSize)).toEqual(all.filter(([name]) => name !== "b"));
      }
      const range = { productKey, deviceName, fromMs: startMs, toMs: startMs + minuteMs, intervalMs: minuteMs };
      const figures = (property: string, count: number, min: number, max: number, last: number) => {
        return { property, startMs, count, min, max, avg: (min + max) / 2, last };
      };
      const [a, b, c] = [figures("a", 2, 2, 4, 4), figures("b", 2, 1, 6, 6), figures("c", 2, 3, 5, 5)];
      expect((await api.aggregateHistory(backend, range)).intervals).toEqual([a, b, c]);
      expect((await api.aggregateHistory(backend, { ...range, property: "c", properties: ["a"] })).intervals).toEqual([a, c]);
      const tooMany = errorOf(api.aggregateHistory(backend, { ...range, intervalMs: 1_000, toMs: startMs + 4_000_000 }));
      expect(pointersOf(await tooMany)).toEqual(["/intervalMs"]);
    });

    test("times far ahead are kept and come first", async () => {
      const { api, backend, report, historyCaughtUp } = await createDevice([1]);
      await appendAll(api, [report(2, deviceTimeMsMax), report(3, deviceTimeMsMax), report(4, deviceTimeMsMax - 1)]);
      await historyCaughtUp();
      const seen: HistoryPoint[] = [];
      let page: Awaited<ReturnType<EventApi["history"]>> | undefined;
      do {
        page = await api.history(backend, { ...query, pageSize: 1, ...(page === undefined ? {} : tokenOf(page)) });
        seen.push(...page.points);
      } while (page.nextPageToken !== undefined);
      expect(seen.map((point) => point.value)).toEqual([3, 2, 4, 1]);
      expect(seen[0]?.timeMs).toBe(deviceTimeMsMax);
    });

    test.each<[string, Partial<HistoryQuery>, string]>([
      ["a page token of somebody else's", { pageToken: "zzz" }, "/pageToken"],
      ["a page of nothing", { pageSize: 0 }, "/pageSize"],
      ["a page of too much", { pageSize: 1_001 }, "/pageSize"],
      ["a property without a name", { properties: ["a", ""] }, "/properties/1"],
      ["too many properties", { properties: Array.from({ length: 301 }, (_, i) => `p${i}`) }, "/properties"],
      ["a property that cannot be", { property: "a\0" }, "/property"],
      ["a beginning that is no time", { fromMs: deviceTimeMsMax + 2 }, "/fromMs"],
      ["an end that is no time", { toMs: -1 }, "/toMs"],
      ["an end before the beginning", { fromMs: 2_000, toMs: 1_000 }, "/toMs"],
    ])("%s is refused and the field named", async (_, wrong, pointer) => {
      const { api, backend } = await createDevice([]);
      const error = await errorOf(api.history(backend, { ...query, ...wrong }));
      expect([error.code, ...pointersOf(error)]).toEqual(["invalidArgument", pointer]);
    });

    test("only those who may see the device see its points, and a device that is not there looks like another tenant's", async () => {
      const { api, backend, times } = await createDevice([1, 2]);
      const range = { fromMs: times[0] as number, toMs: times[1] as number, intervalMs: 1_000 };
      const stranger = newTenant().backend;
      const ask = async (caller: Caller, of: typeof query): Promise<unknown[]> => {
        const errors = await Promise.all([errorOf(api.history(caller, of)), errorOf(api.aggregateHistory(caller, { ...of, ...range }))]);
        return errors.map(({ code, message }) => [code, message]);
      };
      const missing = await ask(backend, { ...query, productKey: `pk${randomUUID().slice(0, 8)}` });
      expect(missing).toEqual([
        ["notFound", expect.any(String)],
        ["notFound", expect.any(String)],
      ]);
      expect(await ask(stranger, query)).toEqual(missing);
      const service: Caller = { ...backend, role: "service" };
      await expect(api.history(service, query)).rejects.toMatchObject({ code: "permissionDenied" });
      await expect(api.aggregateHistory(service, { ...query, ...range })).rejects.toMatchObject({ code: "permissionDenied" });
    });
  });

  describe("aggregated history", () => {
    test("intervals begin at multiples since 1970, oldest first; those without points are left out; other types count and may be last", async () => {
      const { api, backend, report, historyCaughtUp, startMs } = await createDevice([4, -1.5, "off", 9, { on: true }]);
      await appendAll(api, [report(7, startMs + 5 * minuteMs + 10)]);
      await historyCaughtUp();
      const range = { fromMs: startMs + 1_000, toMs: startMs + 6 * minuteMs, intervalMs: minuteMs };
      expect(await api.aggregateHistory(backend, { ...query, ...range })).toEqual({
        intervals: [
          { property: "Temperature", startMs, count: 4, min: -1.5, max: 9, avg: 3.75, last: { on: true } },
          { property: "Temperature", startMs: startMs + 5 * minuteMs, count: 1, min: 7, max: 7, avg: 7, last: 7 },
        ],
      });
    });

    test("without numbers there is no least, most and mean", async () => {
      const { api, backend, startMs } = await createDevice(["5", null, true]);
      const { intervals } = await api.aggregateHistory(backend, {
        ...query,
        fromMs: startMs,
        toMs: startMs + minuteMs,
        intervalMs: minuteMs,
      });
      expect(intervals).toEqual([{ property: "Temperature", startMs, count: 3, last: true }]);
    });

    test("of points of the same time the one accepted last is the last", async () => {
      const { api, backend, report, historyCaughtUp, startMs } = await createDevice([]);
      await appendAll(api, [report(2, startMs + 5), report(1, startMs + 5), report(3, startMs)]);
      await historyCaughtUp();
      const { intervals } = await api.aggregateHistory(backend, { ...query, fromMs: startMs, toMs: startMs + 1_000, intervalMs: 1_000 });
      expect(intervals).toEqual([{ property: "Temperature", startMs, count: 3, min: 1, max: 3, avg: 2, last: 1 }]);
    });

    test("numbers of any size are aggregated", async () => {
      const { api, backend, startMs } = await createDevice([1e307, 5e307, 1e200, -1e200, 1e-300, 2]);
      const { intervals } = await api.aggregateHistory(backend, {
        ...query,
        fromMs: startMs,
        toMs: startMs + minuteMs,
        intervalMs: minuteMs,
      });
      expect(intervals).toMatchObject([{ count: 6, min: -1e200, max: 5e307, last: 2 }]);
      expect(intervals[0]?.avg).toBeCloseTo(1e307, -294);
    });

    const range = { fromMs: 1_000_000, toMs: 11_000_000, intervalMs: 1_000 };
    test.each<[string, Partial<HistoryAggregateQuery>, string]>([
      ["an end that is the beginning", { toMs: 1_000_000 }, "/toMs"],
      ["an interval below a second", { intervalMs: 999 }, "/intervalMs"],
      ["intervals that are too many", { toMs: 11_000_001 }, "/intervalMs"],
      ["a property that cannot be", { property: "a\0" }, "/property"],
      ["a beginning that is no time", { fromMs: -1 }, "/fromMs"],
    ])("%s is refused and the field named", async (_, wrong, pointer) => {
      const { api, backend } = await createDevice([]);
      expect((await api.aggregateHistory(backend, { ...query, ...range })).intervals).toEqual([]);
      const error = await errorOf(api.aggregateHistory(backend, { ...query, ...range, ...wrong }));
      expect([error.code, ...pointersOf(error)]).toEqual(["invalidArgument", pointer]);
    });
  });
}

function tokenOf(page: { readonly nextPageToken?: string }): { readonly pageToken?: string } {
  return page.nextPageToken === undefined ? {} : { pageToken: page.nextPageToken };
}
