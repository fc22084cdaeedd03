// A stream of a back end, as tests drive it.
import { randomUUID } from "node:crypto";
import {
  asDeviceId,
  asDeviceName,
  type Caller,
  type Delivery,
  type EventApi,
  type NewRecord,
  type SubscribeRequest,
  type SubscribeStart,
} from "@mooring/contracts";
import { until } from "@mooring/testkit";
import { Feed, type newTenant } from "./support.ts";

export type Stream = ReturnType<typeof openStream>;

export function openStream(api: EventApi, caller: Caller, start: SubscribeStart) {
  const requests = new Feed<SubscribeRequest>();
  requests.push({ start });
  const records = api.subscribe(caller, requests)[Symbol.asyncIterator]();
  // Asked for at once: a stream begins when somebody reads it.
  const asked: Promise<IteratorResult<Delivery>>[] = [records.next()];
  asked[0]?.catch(() => undefined);
  const next = (): Promise<IteratorResult<Delivery>> => asked.shift() ?? records.next();
  const rest = async (): Promise<readonly Delivery[]> => {
    const found: Delivery[] = [];
    for (let item = await next(); item.done !== true; item = await next()) found.push(item.value);
    return found;
  };
  return {
    say: (...more: SubscribeRequest[]) => requests.push(...more),
    async take(count: number): Promise<readonly Delivery[]> {
      const found: Delivery[] = [];
      while (found.length < count) {
        const item = await next();
        if (item.done === true) throw new Error(`the stream ended after ${found.length} of ${count} records`);
        found.push(item.value);
      }
      return found;
    },
    /** What comes until the stream ends; throws what it ends with. */
    rest,
    /** Resolves when it has ended, its cursor written. What was on its way is thrown away. */
    async end(): Promise<void> {
      requests.end();
      await rest();
    },
    async joined(who: Caller, name: string, members: number): Promise<void> {
      await until(`${members} members`, async () => {
        const there = await api.getSubscription(who, { name }).catch(() => undefined);
        return there?.members === members;
      });
    },
  };
}

/** Reads `count` records of a subscription, acknowledges them or not, and leaves. */
export async function take(
  api: EventApi,
  caller: Caller,
  start: SubscribeStart,
  count: number,
  acknowledge = true,
): Promise<readonly Delivery[]> {
  const stream = openStream(api, caller, start);
  const records = await stream.take(count);
  const last = records.at(-1);
  if (acknowledge && last !== undefined) stream.say({ acknowledgedOffset: last.offset });
  await stream.end();
  return records;
}

/** Reports of several devices of one tenant: (device, value). */
export function reportsOf(tenant: ReturnType<typeof newTenant>, devices: number): (device: number, value: number) => NewRecord {
  const refs = Array.from({ length: devices }, (_, i) => ({
    ...tenant.device,
    deviceId: asDeviceId(randomUUID()),
    deviceName: asDeviceName(`device-${i}`),
  }));
  return (device, value) => ({ ...tenant.report(value), device: refs[device] ?? tenant.device });
}

export function temperatureOf({ body }: Delivery): unknown {
  return (JSON.parse(body) as { properties: { Temperature: { value: number } } }).properties.Temperature.value;
}
