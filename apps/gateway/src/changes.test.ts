import { type DeviceChange, type DeviceIdentity, deviceCaller, PlatformError } from "@mooring/contracts";
import { pause, silentLog } from "@mooring/kit";
import { afterEach, describe, expect, test } from "vitest";
import { createChanges } from "./changes.ts";
import { deviceNamed, productKey } from "./harness.test-support.ts";
import { Models } from "./route/models.ts";
import { type Outlet, Registry } from "./route/registry.ts";

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});

interface Answer {
  readonly changes: readonly DeviceChange[];
  readonly next: number;
}

/** A feed that says what is put into `answers`, and devices that are good unless in `bad`. */
function setUp() {
  const answers: Answer[] = [{ changes: [], next: 10 }];
  const asked: (number | undefined)[] = [];
  const checked: string[] = [];
  const bad = new Map<string, PlatformError>();
  const registry = new Registry();
  const devices = {
    async listChanges(_caller: unknown, { after }: { readonly after?: number }): Promise<Answer> {
      asked.push(after);
      while (answers.length === 0) await pause(2);
      return answers.shift() as Answer;
    },
    async checkCredential(_caller: unknown, { credentialId }: { readonly credentialId: string }): Promise<DeviceIdentity> {
      checked.push(credentialId);
      const error = bad.get(credentialId);
      if (error !== undefined) throw error;
      return {} as DeviceIdentity;
    },
  };
  const models = new Models({
    directory: { forProduct: () => Promise.reject(new Error("not asked for")), forget: () => undefined },
    log: silentLog,
  });
  const told: (number | "all")[] = [];
  const guard = { onChange: ({ offset }: DeviceChange) => void told.push(offset), onUnknownChanges: () => void told.push("all") };
  const changes = createChanges({ devices, registry, models, topology: { forget: () => undefined }, guard, log: silentLog });
  const ended: string[] = [];
  const connect = (name: string): void => {
    const identity = { device: deviceNamed(name), credentialId: name };
    const outlet: Outlet = {
      clientId: "c",
      identity,
      caller: deviceCaller(identity.device),
      epoch: 1,
      call: () => true,
      hears: () => false,
      publish: () => true,
      end: (reason) => {
        registry.remove(outlet);
        ended.push(`${name}:${reason}`);
      },
    };
    registry.add(outlet);
  };
  const start = (): void => void running.push(changes.start());
  return { answers, asked, checked, bad, changes, ended, told, connect, start };
}

describe("following changes", () => {
  test("what was connected before the feed was first read is checked, then only what changes", async () => {
    const { answers, asked, checked, told, connect, start } = setUp();
    connect("a");
    connect("b");
    start();
    await expect.poll(() => checked).toEqual(["a", "b"]);
    answers.push({ changes: [{ offset: 11, productKey, deviceId: deviceNamed("b").deviceId }], next: 11 });
    await expect.poll(() => checked).toEqual(["a", "b", "b"]);
    await expect.poll(() => asked).toEqual([undefined, 10, 11]);
    expect(told).toEqual(["all", 11]);
  });

  test("a product's change checks all its devices", async () => {
    const { answers, checked, connect, start } = setUp();
    start();
    connect("a");
    connect("b");
    answers.push({ changes: [{ offset: 11, productKey: "other" }], next: 11 }, { changes: [{ offset: 12, productKey }], next: 12 });
    await expect.poll(() => checked).toEqual(["a", "b"]);
  });

  test.each([
    ["went back", 3],
    ["jumped without saying what changed", 500],
  ])("a feed that %s has everything checked", async (_what, next) => {
    const { answers, asked, checked, connect, start } = setUp();
    start();
    await expect.poll(() => asked).toEqual([undefined, 10]);
    connect("a");
    answers.push({ changes: [], next });
    await expect.poll(() => checked).toEqual(["a"]);
  });

  test("only a verdict ends a connection; what cannot be told is asked again", async () => {
    const { bad, changes, checked, ended, connect, start } = setUp();
    bad.set("a", new PlatformError("unavailable", "down"));
    connect("a");
    start();
    await expect.poll(() => checked).toEqual(["a"]);
    expect(ended).toEqual([]);
    bad.set("a", new PlatformError("unauthenticated", "revoked"));
    await expect.poll(() => ended).toEqual(["a:credentialRevoked"]);
    expect(changes.generation).toBeGreaterThan(0);
  });
});
