// An issuing authority that is taken out of use, as openssl sees it: lists of both levels, and OCSP.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@mooring/contracts";
import { run } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createApi } from "./harness/api.ts";
import { createDevice, type Target } from "./harness/devices.ts";
import { publish } from "./harness/mosquitto.ts";
import { report as reportOf } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { tempFolder } from "./harness/temp-folder.ts";
import { createTenant } from "./harness/tenants.ts";
import { clientOf } from "./harness/tools.ts";

/** Of a tenant of its own: what it revokes is nobody else's. */
let theirs: Target;
beforeAll(async () => {
  const platform = await sharedPlatform();
  const apiKey = await createTenant(platform);
  theirs = { ...platform, apiKey, api: createApi(platform.rest, apiKey) };
});

const report = reportOf({ Temperature: 21 });

async function openssl(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(await clientOf("openssl"), args);
  return stdout + stderr;
}

async function issuing(): Promise<JsonObject> {
  const { body } = await theirs.api("/v1/authorities");
  return ((body as JsonObject)["authorities"] as readonly JsonObject[]).find(({ status }) => status === "active") ?? {};
}

test("a tenant has its authority before the first certificate, and a list of nothing at both its levels", async () => {
  const apiKey = await createTenant(theirs);
  const api = createApi(theirs.rest, apiKey);
  const listed = async () => ((await api("/v1/authorities")).body as JsonObject)["authorities"] as readonly JsonObject[];
  await expect
    .poll(async () => (await listed()).map(({ kind, status }) => [kind, status]), { timeout: 10_000 })
    .toEqual([["own", "active"]]);
  const [own] = await listed();
  for (const path of ["crl", "root-crl"]) {
    const file = join(tempFolder("pki"), path);
    writeFileSync(file, Buffer.from(await (await fetch(`${theirs.rest}/v1/pki/${own?.["authorityId"]}/${path}`)).arrayBuffer()));
    expect(await openssl("crl", "-inform", "DER", "-in", file, "-noout", "-text")).toContain("No Revoked Certificates");
  }
});

describe("an issuing authority that is revoked", () => {
  test("openssl verify -crl_check_all refuses what it issued, openssl ocsp hears of it, and its devices are out within 2 s", async () => {
    const folder = tempFolder("pki");
    const device = await createDevice(theirs);
    const old = await issuing();
    const { rest } = theirs;
    const placeOf = (authority: JsonObject) => `${rest}/v1/pki/${authority["authorityId"]}`;
    const [rootFile, oldFile] = [join(folder, "root.pem"), join(folder, "old.pem")];
    writeFileSync(rootFile, String(old["rootPem"]));
    writeFileSync(oldFile, String(old["certificatePem"]));
    const lists = join(folder, "lists.pem");
    const fetchLists = async (): Promise<void> => {
      const texts: string[] = [];
      for (const path of ["crl", "root-crl"]) {
        const file = join(folder, path);
        const answer = await fetch(`${placeOf(old)}/${path}`);
        expect(answer.headers.get("content-type")).toBe("application/pkix-crl");
        writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
        texts.push(await openssl("crl", "-inform", "DER", "-in", file));
      }
      writeFileSync(lists, texts.join("\n"));
    };
    const verify = async (certFile: string, issuerFile: string) => {
      await fetchLists();
      const checks = ["-crl_check_all", "-x509_strict", "-CRLfile", lists, "-CAfile", rootFile, "-untrusted", issuerFile];
      return openssl("verify", ...checks, certFile);
    };
    expect(await verify(device.certFile, oldFile)).toContain(": OK");
    expect((await publish(device, device.topic("propertyPost"), report)).code).toBe(0);
    const ask = ["ocsp", "-issuer", rootFile, "-cert", oldFile, "-CAfile", rootFile, "-url", `${placeOf(old)}/ocsp`];
    const before = await openssl(...ask);
    expect(before).toContain("Response verify OK");
    expect(before).toContain(": good");

    const path = `/v1/authorities/${old["authorityId"]}/revoke`;
    const body = { reason: "keyCompromise" };
    expect(await theirs.api(path, { method: "POST", body })).toMatchObject({ status: 409 });
    expect((await theirs.api("/v1/authorities/rotate", { method: "POST" })).status).toBe(201);
    const revoked = await theirs.api(path, { method: "POST", body });
    expect(revoked).toMatchObject({ status: 200, body: { status: "revoked", revocationReason: "keyCompromise" } });
    const takenAtMs = performance.now();
    await expect.poll(async () => (await publish(device, device.topic("propertyPost"), report)).code, { timeout: 5_000 }).not.toBe(0);
    expect(performance.now() - takenAtMs).toBeLessThan(2_000);
    expect(await openssl(...ask)).toMatch(/: revoked\s+This Update[\s\S]*Reason: keyCompromise/);
    // A list may be some seconds old.
    await expect.poll(() => verify(device.certFile, oldFile), { timeout: 15_000, interval: 500 }).toContain("certificate revoked");

    const next = await createDevice(theirs);
    const nextFile = join(folder, "next.pem");
    writeFileSync(nextFile, String((await issuing())["certificatePem"]));
    expect((await publish(next, next.topic("propertyPost"), report)).code).toBe(0);
    const list = await fetch(`${placeOf(await issuing())}/root-crl`);
    expect(list.status).toBe(200);
  });
});
