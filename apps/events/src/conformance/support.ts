// What the conformance tests of this service share.
import { randomUUID } from "node:crypto";
import {
  type AppendAck,
  type AppendFrame,
  asDeviceId,
  asDeviceName,
  asProductKey,
  asTenantId,
  type Caller,
  type DeviceRef,
  type EventApi,
  type LogRecord,
  type NewRecord,
  serviceCaller,
} from "@mooring/contracts";

export interface EventWorld {
  readonly api: EventApi;
  addDevice(device: DeviceRef): void;
  removeDevice(device: DeviceRef): void;
  /** Replaces the device's tags, and says so in the feed of changes. */
  setTags(deviceId: string, tags: Readonly<Record<string, string>>): void;
  /** Resolves when the history has caught up with the log. */
  historyCaughtUp(): Promise<void>;
  /** Resolves when what the log says about who is connected is known. */
  connectionsCaughtUp(): Promise<void>;
}

export const gateway = serviceCaller("gateway");

/** An async iterable one can push to. */
export class Feed<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  push(...items: T[]): void {
    this.#items.push(...items);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#ended) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

export function newTenant() {
  const tenantId = asTenantId(randomUUID());
  const device: DeviceRef = {
    tenantId,
    deviceId: asDeviceId(randomUUID()),
    productKey: asProductKey("pk11"),
    deviceName: asDeviceName("dev1"),
  };
  const backend: Caller = { tenantId, principal: "key:b", role: "backend" };
  const report = (value: number, time = value): NewRecord => ({
    messageId: randomUUID(),
    device,
    kind: "properties",
    receivedAtMs: 1_700_000_000_000 + value,
    body: JSON.stringify({ properties: { Temperature: { value, time } } }),
  });
  return { tenantId, device, backend, report };
}

export async function appendAll(api: EventApi, records: readonly NewRecord[]): Promise<readonly AppendAck[]> {
  const acks: AppendAck[] = [];
  const frames = new Feed<AppendFrame>();
  frames.push(...records.map((record, sequence) => ({ sequence, records: [record] })));
  frames.end();
  for await (const ack of api.append(gateway, frames)) acks.push(ack);
  return acks;
}

/** Everything the log has of a device, page by page. */
export async function readAll(api: EventApi, device: DeviceRef): Promise<readonly LogRecord[]> {
  const mine: LogRecord[] = [];
  for (let after = 0; ; ) {
    const { records } = await api.read(gateway, { consumer: "test", after, limit: 1_000, waitMs: 0 });
    mine.push(...records.filter((record) => record.device.deviceId === device.deviceId));
    const last = records.at(-1);
    if (last === undefined) return mine;
    after = last.offset;
  }
}
