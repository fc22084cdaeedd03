import { assertMay, type Caller, type Device, type DeviceAddress, type EventApi } from "@mooring/contracts";
import { type Clock, systemClock } from "@mooring/kit";
import type { HistoryDevices, HistoryStore } from "./ports.ts";
import { assertIntervals, encodeToken, toStoreAggregate, toStoreQuery } from "./query.ts";
import { dayMs } from "./retention.ts";

export interface HistoryPartDeps {
  readonly history: HistoryStore;
  readonly devices: HistoryDevices;
  readonly clock?: Clock;
}

/** What the history answers. */
export function createHistoryPart({
  history,
  devices,
  clock = systemClock,
}: HistoryPartDeps): Pick<EventApi, "history" | "aggregateHistory"> {
  /** The device, and from when on its product keeps points: older ones are not shown, though they may not be removed yet. */
  async function find(
    caller: Caller,
    { productKey, deviceName }: DeviceAddress,
  ): Promise<{ readonly device: Device; readonly keptFromMs: number }> {
    const asked = devices.getProduct(caller, { productKey });
    // Met below, unless the device is missing: that is what is said then, whichever answer comes first.
    asked.catch(() => undefined);
    const device = await devices.getDevice(caller, { productKey, deviceName });
    const { historyDays } = await asked;
    return { device, keptFromMs: Math.max(0, clock.now() - historyDays * dayMs) };
  }

  return {
    async history(caller, query) {
      assertMay(caller, "events.history");
      const { device, keptFromMs } = await find(caller, query);
      const checked = toStoreQuery(device, query, keptFromMs);
      const found = await history.query(checked);
      const page = found.slice(0, checked.pageSize);
      const last = page.at(-1);
      return {
        points: page.map(({ property, timeMs, value, messageId }) => ({ property, timeMs, value, messageId })),
        ...(found.length > checked.pageSize && last !== undefined ? { nextPageToken: encodeToken(last) } : {}),
      };
    },

    async aggregateHistory(caller, query) {
      assertMay(caller, "events.aggregateHistory");
      const { device, keptFromMs } = await find(caller, query);
      const checked = toStoreAggregate(device, query, keptFromMs);
      if (checked.properties.length > 0) return { intervals: await history.aggregate(checked) };
      const properties = await history.properties(checked);
      assertIntervals(checked, properties.length);
      return { intervals: await history.aggregate({ ...checked, properties }) };
    },
  };
}
