// A device that knocks before it was approved, and goes on knocking: it is held off, which its operator sees, and let in as soon as it is approved.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@mooring/contracts";
import { run, until } from "@mooring/testkit";
import { beforeAll, expect, test } from "vitest";
import { createDevice, type Target, type TestDevice } from "./harness/devices.ts";
import { publish } from "./harness/mosquitto.ts";
import { report as reportOf } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { tempFolder } from "./harness/temp-folder.ts";
import { clientOf } from "./harness/tools.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

async function openssl(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(await clientOf("openssl"), args);
  if (code !== 0) throw new Error(stderr);
}

/** A device of a factory's own authority that is let in when an operator says so: nobody knows it yet. */
async function makeStranger(): Promise<TestDevice> {
  const folder = tempFolder("held-off");
  const base = await createDevice(platform);
  const { productKey } = base;
  const [caFile, caKey] = [join(folder, "ca.pem"), join(folder, "ca.key")];
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl("req", "-x509", ...ec, "-keyout", caKey, "-subj", "/CN=Factory", "-days", "30", "-out", caFile);
  const body = { certificatePem: readFileSync(caFile, "utf8"), mode: "register", template: { productKey, namePattern: "f-{cn}" } };
  const { authorityId, nonce } = (await platform.api("/v1/authorities", { method: "POST", body })).body as Record<string, string>;
  const sign = async (subject: string, certFile: string): Promise<void> => {
    const csrFile = join(folder, "x.csr");
    await openssl("req", "-new", ...ec, "-keyout", `${certFile}.key`, "-subj", subject, "-out", csrFile);
    await openssl("x509", "-req", "-in", csrFile, "-CA", caFile, "-CAkey", caKey, "-days", "5", "-out", certFile);
  };
  const [proofFile, certFile] = [join(folder, "proof.pem"), join(folder, "device.pem")];
  await sign(`/CN=${nonce}`, proofFile);
  const proof = { method: "POST", body: { certificatePem: readFileSync(proofFile, "utf8") } };
  expect((await platform.api(`/v1/authorities/${authorityId}/prove`, proof)).status).toBe(200);
  await sign("/CN=A1", certFile);
  const path = `/v1/products/${productKey}/devices/f-A1`;
  return { ...base, deviceName: "f-A1", path, certFile, keyFile: `${certFile}.key` };
}

test("a device that knocked while it was pending is let in within 2 s of its approval, though it was held off for longer", async () => {
  const device = await makeStranger();
  const knock = async (): Promise<boolean> => {
    const topic = `/sys/${device.productKey}/f-A1/thing/event/property/post`;
    return (await publish(device, topic, reportOf({ Temperature: 21 }))).code === 0;
  };
  const heldOff = async (): Promise<JsonObject | undefined> => {
    const { failures = [] } = (await platform.api(`${device.path}/connection-failures`)).body as { failures?: readonly JsonObject[] };
    return failures.find(({ reason }) => reason === "held-off");
  };
  const leftMs = async (): Promise<number> => Date.parse(String((await heldOff())?.["heldOffUntil"])) - Date.now();
  await until("a long wait, told to the operator", async () => {
    expect(await knock()).toBe(false);
    return (await leftMs()) > 6_000;
  });
  const { certificates } = (await platform.api(`${device.path}/certificates`)).body as { certificates: readonly JsonObject[] };
  const approval = { method: "PATCH", body: { status: "active" } };
  const approved = await platform.api(`${device.path}/certificates/${certificates[0]?.["fingerprint"]}`, approval);
  expect(approved).toMatchObject({ status: 200, body: { status: "active" } });
  await until("the device to be let in", knock, 2_000);
  expect((await heldOff())?.["heldOffUntil"]).toBeUndefined();
});
