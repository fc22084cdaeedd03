import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { findPackages } from "./npm-cache.ts";

/** A package that needs nothing, or one that nobody can get. */
async function folderOf(dependencies: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "mooring-npm-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const named = { name: `p${path.basename(folder)}`.toLowerCase(), version: "1.0.0" };
  const lock = { ...named, lockfileVersion: 3, requires: true, packages: { "": { ...named, dependencies } } };
  await writeFile(path.join(folder, "package.json"), JSON.stringify({ ...named, dependencies }));
  await writeFile(path.join(folder, "package-lock.json"), JSON.stringify(lock));
  return folder;
}

test("what a lock names is installed once into the cache folder, and found there again", { timeout: 60_000 }, async () => {
  const folder = await folderOf({});
  const found = await findPackages(folder);
  expect(JSON.parse(await readFile(path.join(found ?? "", "package.json"), "utf8"))).toHaveProperty("version", "1.0.0");
  expect(await findPackages(folder)).toBe(found);
  await rm(found ?? "", { recursive: true });
});

test("where it cannot be installed, that is an error when it is required and is said loudly otherwise", { timeout: 60_000 }, async () => {
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  vi.stubEnv("CI", "");
  vi.stubEnv("MOORING_TEST_REQUIRE_CLIENTS", "");
  // The lock does not have it: npm ci refuses before it asks anybody.
  expect(await findPackages(await folderOf({ "is-not-locked": "1.0.0" }))).toBeUndefined();
  expect(stderr.mock.calls.join("")).toContain("DO NOT RUN");
  vi.stubEnv("MOORING_TEST_REQUIRE_CLIENTS", "1");
  await expect(findPackages(await folderOf({ "is-not-locked": "1.0.0" }))).rejects.toThrow("is not to be had");
  vi.unstubAllEnvs();
  stderr.mockRestore();
});
