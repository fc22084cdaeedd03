// A group without a database: what is under test in the files beside.
import { randomUUID } from "node:crypto";
import { asDeviceId, asDeviceName, asProductKey, asTenantId, type Delivery, type DeviceRef, type LogRecord } from "@mooring/contracts";
import { FakeClock } from "@mooring/testkit";
import { createMatcher } from "./filter.ts";
import { Group } from "./group.ts";
import type { DeliveryCounters } from "./group-settings.ts";
import type { GroupMember } from "./member.ts";

export const tenantId = asTenantId(randomUUID());

export function makeDevice(tenant = tenantId): DeviceRef {
  return { tenantId: tenant, deviceId: asDeviceId(randomUUID()), productKey: asProductKey("pk11"), deviceName: asDeviceName("dev1") };
}

export function makeRecord(offset: number, device: DeviceRef, body = "{}"): LogRecord {
  return { offset, messageId: randomUUID(), device, kind: "message", receivedAtMs: 1_700_000_000_000 + offset, body };
}

export function makeGroup(options: { acknowledgeWithinMs?: number; deliveriesMax?: number; onRoom?: (group: Group) => void } = {}) {
  const clock = new FakeClock(0);
  const counters: DeliveryCounters = { delivered: 0, redelivered: 0, acknowledged: 0, deadLetters: 0, lost: 0 };
  let rooms = 0;
  const group: Group = new Group(
    {
      tenantId,
      name: "s",
      matcher: createMatcher(tenantId, {}, { known: () => undefined }),
      acknowledgeWithinMs: options.acknowledgeWithinMs ?? 30_000,
      deliveriesMax: options.deliveriesMax ?? 10,
      hasWebhook: false,
    },
    0,
    {
      clock,
      leaseClock: new FakeClock(0),
      random: () => 0.5,
      counters,
      onRoom: () => {
        rooms++;
        options.onRoom?.(group);
      },
    },
  );
  group.renew(1);
  return {
    group,
    clock,
    counters,
    /** How often it said that it can take records again. */
    rooms: () => rooms,
    offer(...records: readonly LogRecord[]): void {
      for (const record of records) {
        group.offer(record);
        group.position = record.offset;
      }
      group.pump();
    },
    join(credit?: number): GroupMember {
      const member = group.join(false, credit);
      if (member === undefined) throw new Error("the group is full");
      return member;
    },
    advance(ms: number): void {
      clock.advance(ms);
      group.tick(clock.now());
    },
    cursor: () => group.window.cursor(group.position),
  };
}

/** What is queued for the member; it asks for nothing more than that. */
export async function pullAll(member: GroupMember): Promise<readonly Delivery[]> {
  const pulled: Delivery[] = [];
  for (let left = queuedFor(member); left > 0; left--) {
    const next = await member.next();
    if (next.done !== true) pulled.push(next.value);
  }
  return pulled;
}

export function queuedFor(member: GroupMember): number {
  return [...member.underWay.values()].filter((entry) => !entry.pulled).length;
}

export const offsetsOf = (records: readonly LogRecord[]): readonly number[] => records.map((record) => record.offset);
