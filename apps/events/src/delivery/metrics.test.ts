import { createMetrics } from "@mooring/kit";
import { expect, test } from "vitest";
import { makeDevice, makeGroup, makeRecord, pullAll } from "./fixture.test-support.ts";
import type { HeldGroup } from "./held.ts";
import { publishDeliveryMetrics } from "./metrics.ts";

test("totals count every subscription, and at most 100 of them have a line of their own", async () => {
  const made = makeGroup();
  const member = made.join();
  made.offer({ ...makeRecord(1, makeDevice()), receivedAtMs: Date.now() - 60_000 }, makeRecord(2, makeDevice()));
  await pullAll(member);
  made.group.acknowledge(member, [2]);
  const { tenantId } = made.group.settings;
  const held = Array.from({ length: 150 }, (_, i) => ({ group: made.group, tenantId, name: `s${i}`, cursor: i }) as HeldGroup);
  const metrics = createMetrics();
  publishDeliveryMetrics(metrics, {
    counters: made.counters,
    held: { all: () => held, isAtEnd: () => true },
    unheld: { all: () => [], logEnd: () => 5 },
  });
  const text = await metrics.text();
  expect(text).toMatch(/^mooring_delivery_delivered_total 2$/m);
  expect(text).toMatch(/^mooring_delivery_acknowledged_total 1$/m);
  expect(text).toMatch(/^mooring_delivery_groups 150$/m);
  expect(text).toMatch(/^mooring_delivery_in_flight 150$/m);
  expect(Number(/^mooring_delivery_lag_max_seconds (.*)$/m.exec(text)?.[1])).toBeGreaterThanOrEqual(60);
  expect(text.match(/^mooring_delivery_lag_seconds\{/gm)).toHaveLength(100);
  const backlogs = [...text.matchAll(/^mooring_delivery_backlog_records\{.*\} (\d+)$/gm)].map((match) => Number(match[1]));
  expect(backlogs).toEqual(Array.from({ length: 100 }, (_, i) => Math.max(0, 5 - i)));
});

test("a subscription that nobody delivers has its backlog and its lag told, and counts for the one furthest behind", async () => {
  const metrics = createMetrics();
  const { counters, group } = makeGroup();
  const { tenantId } = group.settings;
  const unheld = { logEnd: () => 0, all: () => [{ tenantId, name: "left", backlog: 7, lagMs: 90_000 }] };
  publishDeliveryMetrics(metrics, { counters, held: { all: () => [], isAtEnd: () => true }, unheld });
  const text = await metrics.text();
  expect(text).toContain(`mooring_delivery_unheld_backlog_records{subscription="${tenantId}/left"} 7\n`);
  expect(text).toContain(`mooring_delivery_backlog_records{subscription="${tenantId}/left"} 7\n`);
  expect(text).toContain(`mooring_delivery_lag_seconds{subscription="${tenantId}/left"} 90\n`);
  expect(text).toMatch(/^mooring_delivery_lag_max_seconds 90$/m);
});
