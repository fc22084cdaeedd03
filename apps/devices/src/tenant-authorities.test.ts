import { randomUUID } from "node:crypto";
import { PlatformError, serviceCaller } from "@mooring/contracts";
import { silentLog, systemClock } from "@mooring/kit";
import { errorOf } from "@mooring/testkit";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { type Harness, openHarness } from "./harness.test-support.ts";
import { startTenantAuthorities } from "./tenant-authorities.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await openHarness();
});
afterEach(() => harness.stop());

interface Tenant {
  readonly tenantId: string;
  readonly createdAtMs: number;
}

/** What access says, two at a time; at first it cannot be reached. */
function follow(tenants: readonly Tenant[], failures = 0): { readonly asked: object[] } {
  const asked: object[] = [];
  let left = failures;
  const access = {
    listTenantsSince: async (_: unknown, { sinceMs, afterId = "" }: { readonly sinceMs: number; readonly afterId?: string }) => {
      asked.push({ sinceMs, afterId });
      if (left-- > 0) throw new PlatformError("unavailable", "access is down");
      const later = tenants.filter(({ tenantId, createdAtMs }) => createdAtMs > sinceMs || (createdAtMs === sinceMs && tenantId > afterId));
      return { tenants: [...later].sort((a, b) => a.createdAtMs - b.createdAtMs || (a.tenantId < b.tenantId ? -1 : 1)).slice(0, 2) };
    },
  };
  const { keyEncryptionKey, stores } = harness;
  const running = startTenantAuthorities({
    ...{ authorities: stores.authorities, access, keyEncryptionKey, clock: systemClock, log: silentLog },
  });
  onTestFinished(() => running.stop());
  return { asked };
}

const issuingOf = async ({ tenantId }: Tenant) => (await harness.stores.authorities.findIssuing(tenantId))?.id;

test("every tenant there is gets its authority, and each that comes later, also one whose time is a little in the past", async () => {
  const nowMs = Date.now();
  const tenants: Tenant[] = [5_000_000, 4_000_000, 4_000_000, 4_000_000].map((age) => ({
    tenantId: randomUUID(),
    createdAtMs: nowMs - age,
  }));
  const { asked } = follow(tenants);
  const all = () => Promise.all(tenants.map(issuingOf));
  await expect.poll(async () => (await all()).includes(undefined), { timeout: 10_000 }).toBe(false);
  const before = await all();
  tenants.push({ tenantId: randomUUID(), createdAtMs: nowMs - 4_000_000 - 30_000 });
  await expect.poll(async () => (await all()).includes(undefined), { timeout: 10_000 }).toBe(false);
  expect((await all()).slice(0, 4)).toEqual(before);
  // Those that are known are not gone through again and again.
  expect(asked.at(-1)).not.toMatchObject({ sinceMs: 0 });
});

test("it is tried again where access cannot be reached, and the authorities of the only tenant need no naming", async () => {
  const only = { tenantId: randomUUID(), createdAtMs: Date.now() };
  const tenants = [only];
  const gateway = serviceCaller("gateway");
  expect(await errorOf(harness.api.getAuthorityCertificates(gateway, {}))).toMatchObject({ code: "notFound" });
  follow(tenants, 1);
  await expect.poll(() => issuingOf(only), { timeout: 10_000 }).toBeDefined();
  expect((await harness.api.getAuthorityCertificates(gateway, {})).certificatesPem).toContain("BEGIN CERTIFICATE");
  const another = { tenantId: randomUUID(), createdAtMs: Date.now() };
  tenants.push(another);
  await expect.poll(() => issuingOf(another), { timeout: 10_000 }).toBeDefined();
  expect(await errorOf(harness.api.getAuthorityCertificates(gateway, {}))).toMatchObject({ code: "notFound" });
});
