import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@mooring/kit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDataDir } from "./data-dir.ts";
import { loadPlatformIdentity } from "./identity.ts";

const dayMs = 86_400_000;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mooring-identity-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a process that runs on makes its certificate anew before it ends, by the same authority, and not sooner", async () => {
  let nowMs = Date.now();
  const identity = await loadPlatformIdentity(openDataDir(folder), "localhost", { now: () => nowMs });
  const first = identity.tls.certificatePem;
  const { issuer, validTo } = new X509Certificate(first);
  nowMs = Date.parse(validTo) - 31 * dayMs;
  const renewal = identity.startRenewal(silentLog, 2);
  try {
    // The loop has looked several times by then.
    for (let looks = 0; looks < 20; looks++) expect((await identity.read()).certificatePem).toBe(first);
    nowMs = Date.parse(validTo) - 29 * dayMs;
    await expect.poll(async () => (await identity.read()).certificatePem, { timeout: 20_000 }).not.toBe(first);
    const second = new X509Certificate((await identity.read()).certificatePem);
    expect(second.issuer).toBe(issuer);
    expect(Date.parse(second.validTo)).toBeGreaterThan(Date.parse(validTo) + 700 * dayMs);
  } finally {
    await renewal.stop();
  }
});
