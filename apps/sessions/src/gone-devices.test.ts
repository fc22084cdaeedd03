import type { DeviceChange } from "@mooring/contracts";
import { PlatformError } from "@mooring/contracts";
import { pause, silentLog } from "@mooring/kit";
import { FakeClock, until } from "@mooring/testkit";
import { afterEach, expect, test } from "vitest";
import { startGoneDevices } from "./gone-devices.ts";

/** Devices, their feed of changes, and the sessions that some of them have. */
class World {
  readonly devices = new Set<string>();
  readonly owners = new Set<string>();
  readonly changes: DeviceChange[] = [];
  isDown = false;
  /** Asked while it was down. */
  refused = 0;
  /** From where the feed was asked for last: what came before has been seen to. */
  after: number | undefined;
  /** Where the feed begins: what came before was forgotten. */
  kept = 0;
  end = 0;

  readonly feed = {
    listChanges: async (_caller: unknown, { after, waitMs = 0 }: { readonly after?: number; readonly waitMs?: number }) => {
      this.after = after;
      const late = Date.now() + waitMs;
      while (after !== undefined && after >= this.end && Date.now() < late) await pause(2);
      this.assertUp();
      if (after === undefined || after < this.kept) return { changes: [], next: this.end };
      return { changes: this.changes.filter(({ offset }) => offset > after), next: this.end };
    },
    findTags: async (_caller: unknown, { deviceIds }: { readonly deviceIds: readonly string[] }) => {
      this.assertUp();
      return { devices: deviceIds.filter((id) => this.devices.has(id)).map((deviceId) => ({ deviceId, tags: {} })) };
    },
  };
  readonly sweep = {
    owningDevices: async (after: string | undefined, limit: number) =>
      [...this.owners]
        .sort()
        .filter((id) => id > (after ?? ""))
        .slice(0, limit),
    sessionsOfDevices: async (deviceIds: readonly string[]) => deviceIds.filter((id) => this.owners.delete(id)).length,
  };

  assertUp(): void {
    if (!this.isDown) return;
    this.refused += 1;
    throw new PlatformError("unavailable", "down");
  }

  change(deviceId: string): void {
    this.changes.push({ offset: ++this.end, productKey: "pk11", deviceId });
  }

  delete(deviceId: string): void {
    this.devices.delete(deviceId);
    this.change(deviceId);
  }
}

let stop = async (): Promise<void> => undefined;
afterEach(() => stop());

function start(world: World, clock = new FakeClock()): void {
  const running = startGoneDevices({ devices: world.feed, sweep: world.sweep, clock, log: silentLog, waitMs: 20 });
  stop = () => running.stop();
}

const gone = (world: World, deviceId: string) => until(`${deviceId} to be gone`, () => !world.owners.has(deviceId));

function worldOf(...ids: readonly string[]): World {
  const world = new World();
  for (const id of ids) {
    world.devices.add(id);
    world.owners.add(id);
  }
  return world;
}

test("sessions of a deleted device go, and those of one that only changed stay", async () => {
  const world = worldOf("a", "b");
  start(world);
  world.change("a");
  world.delete("b");
  await gone(world, "b");
  expect([...world.owners]).toEqual(["a"]);
});

test("devices that were deleted while nobody followed the feed are found when it begins", async () => {
  const world = worldOf(...Array.from({ length: 1_001 }, (_, i) => `d${String(i).padStart(4, "0")}`));
  world.devices.delete("d0000");
  world.devices.delete("d1000");
  start(world);
  await gone(world, "d1000");
  expect(world.owners.size).toBe(999);
});

test("they are found as well when the feed has forgotten what came between", async () => {
  const world = worldOf("a", "b");
  start(world);
  world.change("a");
  await until("the feed to be followed", () => world.after === 1);
  world.devices.delete("b");
  world.end = 50;
  world.kept = 40;
  await gone(world, "b");
});

test("a session that a gateway put back after its device was gone goes later", async () => {
  const clock = new FakeClock();
  const world = worldOf("a", "b");
  start(world, clock);
  world.delete("b");
  await gone(world, "b");
  world.owners.add("b");
  world.delete("a");
  await gone(world, "a");
  expect(world.owners.has("b")).toBe(true);
  clock.advance(600_001);
  await gone(world, "b");
});

test("what could not be asked for is asked for again", async () => {
  const world = worldOf("a");
  start(world);
  world.change("a");
  await until("the feed to be followed", () => world.after === 1);
  world.isDown = true;
  world.delete("a");
  await until("it to be asked in vain", () => world.refused > 0);
  expect(world.owners.has("a")).toBe(true);
  world.isDown = false;
  await gone(world, "a");
});
