import { createHash } from "node:crypto";
import type { NewConnectionFailure } from "@mooring/contracts";
import { createMetrics, silentLog, systemClock } from "@mooring/kit";
import { describe, expect, test } from "vitest";
import { claimOf, claimOfCertificate, createGuard } from "./guard.ts";

const origin = { protocol: "mqtt-5.0", address: "192.0.2.1" };
const elsewhere = { ...origin, address: "192.0.2.2" };
const device = { productKey: "pk01", deviceName: "dev-1" };
const claimed = claimOf(device);

function makeGuard(failuresPerAddressMax = 1_000) {
  const reported: NewConnectionFailure[] = [];
  const devices = {
    async recordConnectionFailures(_: unknown, { failures }: { readonly failures: readonly NewConnectionFailure[] }) {
      reported.push(...failures);
      return {};
    },
  };
  const metrics = createMetrics();
  const guard = createGuard({ devices, clock: systemClock, log: silentLog, metrics, failuresPerAddressMax });
  const running = guard.start();
  return { guard, reported, metrics, stop: () => running.stop() };
}

describe("before a device is asked who it is", () => {
  test("who fails again and again has to wait, there and under that name only, and the operator is told", async () => {
    const { guard, reported, stop } = makeGuard();
    for (let i = 0; i < 6; i++) {
      expect(guard.mayTry(claimed, origin)).toBe(true);
      guard.failed(claimed, origin);
    }
    expect(guard.mayTry(claimed, origin)).toBe(false);
    expect(guard.mayTry(claimed, origin)).toBe(false);
    // A stranger who fails in a device's name must not keep the device out.
    expect(guard.mayTry(claimed, elsewhere)).toBe(true);
    expect(guard.mayTry(claimOf({ productKey: "pk01", deviceName: "dev-2" }), origin)).toBe(true);
    expect(guard.mayTry(claimOfCertificate(Buffer.from("der")), origin)).toBe(true);
    const soonMs = Date.now();
    await stop();
    expect(reported).toMatchObject([{ ...device, reason: "held-off", count: 2, ...origin }]);
    const untilMs = reported[0]?.heldOffUntilMs ?? 0;
    expect(untilMs).toBeGreaterThan(soonMs);
    expect(untilMs).toBeLessThanOrEqual(soonMs + 1_000);
  });

  test("a held-off certificate is told of by its fingerprint, and how many are held off is a figure", async () => {
    const { guard, reported, metrics, stop } = makeGuard();
    expect(await metrics.text()).toContain("mooring_gateway_held_off 0");
    for (let i = 0; i < 6; i++) guard.failed(claimOfCertificate(Buffer.from("der")), origin);
    expect(guard.mayTry(claimOfCertificate(Buffer.from("der")), origin)).toBe(false);
    expect(await metrics.text()).toContain("mooring_gateway_held_off 1");
    await stop();
    const fingerprint = createHash("sha256").update("der").digest("hex");
    expect(reported).toMatchObject([{ fingerprint, productKey: "", deviceName: "", reason: "held-off", count: 1 }]);
  });

  const certificate = claimOfCertificate(Buffer.from("der"));
  const other = claimOf({ ...device, deviceName: "dev-2" });
  const elsewhereToo = claimOf({ ...device, productKey: "pk02" });
  const change = { offset: 1, productKey: "pk01" };
  const [fingerprint] = [certificate.fingerprint ?? ""];
  test.each([
    ["a device's change", { ...change, deviceId: "d1", deviceName: "dev-1", fingerprints: [fingerprint] }, [claimed, certificate]],
    ["a change of a device without certificates", { ...change, deviceId: "d1", deviceName: "dev-1" }, [claimed]],
    ["a deleted device's change", { ...change, deviceId: "d1" }, []],
    ["a product's change", change, [claimed, other, certificate]],
  ])("%s ends the waiting of whom it may have let in, at every address, and nobody else's", (_, told, free) => {
    const { guard } = makeGuard();
    const all = [claimed, other, certificate, elsewhereToo];
    for (const where of [origin, elsewhere])
      for (const claim of all) for (let i = 0; i < 6; i++) guard.failed({ ...claim, atMs: performance.now() }, where);
    guard.onChange(told);
    for (const where of [origin, elsewhere]) expect(all.filter((claim) => guard.mayTry(claim, where))).toEqual(free);
    guard.onUnknownChanges();
    expect(all.every((claim) => guard.mayTry(claim, origin))).toBe(true);
  });

  test("a verdict of before the change does not count after it", () => {
    const { guard } = makeGuard();
    const early = claimOf(device);
    guard.onChange({ ...change, deviceId: "d1", deviceName: "dev-1" });
    for (let i = 0; i < 6; i++) guard.failed(early, origin);
    expect(guard.mayTry(claimOf(device), origin)).toBe(true);
  });

  test("a success forgets the failures before it", () => {
    const { guard } = makeGuard();
    for (let i = 0; i < 5; i++) guard.failed(claimed, origin);
    guard.succeeded(claimed, origin);
    for (let i = 0; i < 5; i++) guard.failed(claimed, origin);
    expect(guard.mayTry(claimed, origin)).toBe(true);
  });

  test("an address that tries many names is refused under each, and others go on", () => {
    const { guard } = makeGuard(20);
    for (let i = 0; i < 20; i++) guard.failed(claimOf({ productKey: "pk01", deviceName: `guess-${i}` }), origin);
    expect(guard.mayTry(claimed, origin)).toBe(false);
    expect(guard.mayTry(claimed, elsewhere)).toBe(true);
  });

  test("what only the gateway knows is reported with its reason; what the devices service knows it keeps itself", async () => {
    const { guard, reported, stop } = makeGuard();
    guard.failed(claimed, origin, "no-credential");
    guard.failed(claimed, origin);
    guard.failed(claimOf(undefined), origin, "no-credential");
    await stop();
    expect(reported).toMatchObject([{ reason: "no-credential", count: 1 }]);
  });

  test("registrations are limited for an address and for a product", () => {
    const { guard } = makeGuard();
    const count = (ask: (at: number) => boolean): number => Array.from({ length: 400 }, (_, at) => ask(at)).filter(Boolean).length;
    const fromOne = count(() => guard.mayRegister("pk01", "192.0.2.1"));
    expect(fromOne).toBeGreaterThanOrEqual(60);
    expect(fromOne).toBeLessThan(80);
    // What nobody has proved to be of a product takes nothing from it.
    expect(count((at) => guard.mayRegister("pk02", `198.51.100.${at}`))).toBe(400);
    const ofOne = count((at) => {
      const isTaken = guard.mayRegister("pk02", `203.0.113.${at}`);
      if (isTaken) guard.registered("pk02");
      return isTaken;
    });
    expect(ofOne).toBeGreaterThanOrEqual(300);
    expect(ofOne).toBeLessThan(400);
  });

  test("names that can be no device's are kept by nobody, and are held off with the nameless of their address", () => {
    const { guard } = makeGuard();
    const huge = claimOf({ productKey: "pk01", deviceName: "x".repeat(15_000) });
    expect(huge).toMatchObject({ key: "-", device: undefined });
    const origin = { protocol: "mqtt", address: "2001:db8:1:2::1" };
    for (let i = 0; i < 8; i++) guard.failed(huge, origin);
    // Who has one address of a /64 has them all.
    expect(guard.mayTry(claimOf(undefined), { ...origin, address: "2001:db8:1:2:3::9" })).toBe(false);
    expect(guard.mayTry(claimOf(undefined), { ...origin, address: "2001:db8:1:3::1" })).toBe(true);
  });
});
