import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceCaller } from "@mooring/contracts";
import { systemClock as clock, StartError } from "@mooring/kit";
import { errorOf } from "@mooring/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bootstrapTenant } from "./bootstrap.ts";
import { writeFirstKey } from "./first-key-file.ts";
import { type Harness, openHarness } from "./harness.test-support.ts";

describe("the first tenant", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await openHarness();
  });
  afterEach(() => harness.stop());

  test("is made once with an owner's key, which is shown once", async () => {
    const { store, api } = harness;
    const first = await bootstrapTenant({ store, clock }, { name: "acme" });
    const caller = await api.authenticateKey(serviceCaller("admin-api"), { secret: first.apiKey ?? "" });
    expect(caller).toMatchObject({ tenantId: first.tenantId, role: "owner" });
    expect(await api.getTenant(caller, {})).toMatchObject({ name: "acme" });
    expect(await bootstrapTenant({ store, clock }, { name: "other" })).toEqual({ tenantId: first.tenantId });
  });

  test("is made once when several processes start at once", async () => {
    const { store, database } = harness;
    const kept: string[] = [];
    const keepKey = async (key: string) => void kept.push(key);
    const made = await Promise.all(Array.from({ length: 6 }, () => bootstrapTenant({ store, clock, keepKey }, { name: "acme" })));
    expect(new Set(made.map(({ tenantId }) => tenantId)).size).toBe(1);
    expect(made.flatMap(({ apiKey }) => apiKey ?? [])).toEqual(kept);
    expect(kept.length).toBe(1);
    expect(await database.prisma.tenant.count()).toBe(1);
    expect(await database.prisma.apiKey.count()).toBe(1);
  });

  test("is not made when its key cannot be kept, so that a later start makes it", async () => {
    const { store, database } = harness;
    const keepKey = () => Promise.reject(new StartError("the disk is full"));
    await expect(bootstrapTenant({ store, clock, keepKey }, { name: "acme" })).rejects.toThrow("the disk is full");
    expect(await database.prisma.tenant.count()).toBe(0);
    expect((await bootstrapTenant({ store, clock }, { name: "acme" })).apiKey).toBeDefined();
  });

  test("has a name for people", async () => {
    const { store } = harness;
    expect(await errorOf(bootstrapTenant({ store, clock }, { name: "" }))).toMatchObject({ code: "invalidArgument" });
  });
});

describe("the file of the first key", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "mooring-first-key-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test("can be read by its user alone, also where a file of an unfinished start stood", async () => {
    const path = join(dir, "first-api-key");
    await writeFile(path, "left over", { mode: 0o644 });
    await writeFirstKey(path, "mk_new");
    expect(await readFile(path, "utf8")).toBe("mk_new\n");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("that cannot be written is said in one sentence without the key", async () => {
    const error: unknown = await writeFirstKey(join(dir, "no-such-folder", "key"), "mk_new").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StartError);
    expect(String(error)).toContain("no-such-folder");
    expect(String(error)).not.toContain("mk_new");
  });
});
