import { randomUUID } from "node:crypto";
import {
  type AppendAck,
  type AppendFrame,
  asDeviceId,
  asDeviceName,
  asProductKey,
  asTenantId,
  type DeviceRef,
  type Downlink,
  type LogRecord,
  PlatformError,
  type PropertiesBody,
  type Refusal,
} from "@mooring/contracts";
import type { Change } from "./change.ts";
import { parseEdit, type ShadowPatch } from "./edit.ts";
import type { Gateways, ShadowKey } from "./ports.ts";

export function makeDevice(deviceName = "dev-1"): DeviceRef {
  const ids = { tenantId: asTenantId(randomUUID()), deviceId: asDeviceId(randomUUID()) };
  return { ...ids, productKey: asProductKey("thermo1"), deviceName: asDeviceName(deviceName) };
}

export function keyOf({ tenantId, deviceId }: DeviceRef, name = ""): ShadowKey {
  return { tenantId, deviceId, name };
}

export function makeChange(key: ShadowKey, patch: ShadowPatch, more: Partial<Change> = {}): Change {
  return { key, kind: "update", principal: "key:1", edit: parseEdit(patch), ...more };
}

/** What a device was sent, as its gateway took it. */
export interface Sent {
  readonly deviceId: string;
  readonly kind: string;
  readonly shadowName: string | undefined;
  readonly message: Record<string, unknown> & { readonly version: number };
  /** Requests to the gateway are numbered. */
  readonly request: number;
}

/** Gateway nodes that note what they are given. Who is connected is said by the test. */
export class NotingGateways implements Gateways {
  readonly online = new Set<string>();
  readonly sent: Sent[] = [];
  #requests = 0;
  /** Called before each request is taken: it may wait, or throw. */
  before: () => Promise<void> = async () => undefined;

  async find(deviceId: string): ReturnType<Gateways["find"]> {
    if (!this.online.has(deviceId)) return [];
    return [
      {
        deliverAll: async (_caller, { downlinks }) => {
          await this.before();
          const request = ++this.#requests;
          for (const downlink of downlinks) this.sent.push(read(deviceId, downlink, request));
          return { delivered: downlinks.map(() => 1) };
        },
      },
    ];
  }

  /** Kinds and versions, in the order they came. */
  get story(): readonly string[] {
    return this.sent.map(({ kind, message }) => `${kind} ${message.version}`);
  }
}

function read(deviceId: string, { kind, payload, shadowName }: Downlink, request: number): Sent {
  return { deviceId, kind, shadowName, message: JSON.parse(Buffer.from(payload).toString()) as Sent["message"], request };
}

/** A log in memory, read as the real one is. */
export class MemoryLog {
  readonly records: LogRecord[] = [];
  #appended = Promise.withResolvers<void>();

  /** A property report; returns its offset. */
  report(device: DeviceRef, values: Record<string, unknown>): number {
    const offset = (this.records.at(-1)?.offset ?? 0) + 1;
    const receivedAtMs = Date.now();
    const properties = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, time: receivedAtMs }]));
    this.records.push({ offset, messageId: randomUUID(), device, kind: "properties", receivedAtMs, body: JSON.stringify({ properties }) });
    this.#appended.resolve();
    this.#appended = Promise.withResolvers<void>();
    return offset;
  }

  /** While it is set, nothing is taken in. */
  isDown = false;

  /** As the real one: in order, and each message id once. */
  async *append(_caller: unknown, frames: AsyncIterable<AppendFrame>): AsyncGenerator<AppendAck> {
    for await (const { sequence, records } of frames) {
      if (this.isDown) throw new PlatformError("unavailable", "the log is down");
      for (const record of records) {
        if (this.records.some(({ messageId }) => messageId === record.messageId)) continue;
        this.records.push({ ...record, offset: (this.records.at(-1)?.offset ?? 0) + 1 });
      }
      this.#appended.resolve();
      this.#appended = Promise.withResolvers<void>();
      yield { sequence, lastOffset: this.records.at(-1)?.offset ?? 0 };
    }
  }

  /** What of a device came by way of its shadow, in order. */
  directReports(device: DeviceRef): readonly PropertiesBody["properties"][] {
    const mine = this.records.filter((record) => record.device.deviceId === device.deviceId);
    return mine
      .map(({ body }) => JSON.parse(body) as PropertiesBody)
      .flatMap((body) => (body.source === "shadow" ? [body.properties] : []));
  }

  readonly refusals: Refusal[] = [];
  async recordRefusals(_caller: unknown, { refusals }: { readonly refusals: readonly Refusal[] }): Promise<Record<never, never>> {
    this.refusals.push(...refusals);
    return {};
  }

  async read(_caller: unknown, request: { readonly after: number; readonly limit: number; readonly waitMs: number }) {
    const find = (): LogRecord[] => this.records.filter(({ offset }) => offset > request.after).slice(0, request.limit);
    if (find().length === 0) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Math.min(request.waitMs, 100));
      });
      await Promise.race([this.#appended.promise, late]);
      clearTimeout(timer);
    }
    return { records: find() };
  }
}
