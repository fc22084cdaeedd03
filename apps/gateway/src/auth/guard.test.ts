import type { NewConnectionFailure } from "@mooring/contracts";
import { silentLog, systemClock } from "@mooring/kit";
import { describe, expect, test } from "vitest";
import { claimOf, claimOfCertificate, createGuard } from "./guard.ts";

const origin = { protocol: "mqtt-5.0", address: "192.0.2.1" };
const elsewhere = { ...origin, address: "192.0.2.2" };
const claimed = claimOf({ productKey: "pk01", deviceName: "dev-1" });

function makeGuard(failuresPerAddressMax = 1_000) {
  const reported: NewConnectionFailure[] = [];
  const devices = {
    async recordConnectionFailures(_: unknown, { failures }: { readonly failures: readonly NewConnectionFailure[] }) {
      reported.push(...failures);
      return {};
    },
  };
  const guard = createGuard({ devices, clock: systemClock, log: silentLog, failuresPerAddressMax });
  const running = guard.start();
  return { guard, reported, stop: () => running.stop() };
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
    await stop();
    expect(reported).toMatchObject([{ productKey: "pk01", deviceName: "dev-1", reason: "held-off", count: 2, ...origin }]);
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
    const ofOne = count((at) => guard.mayRegister("pk02", `198.51.100.${at}`));
    expect(ofOne).toBeGreaterThanOrEqual(300);
    expect(ofOne).toBeLessThan(400);
  });
});
