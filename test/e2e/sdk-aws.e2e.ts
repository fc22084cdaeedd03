// Things on AWS's device SDKs, unchanged: version 1 (JavaScript) and version 2 (C below; MQTT 3.1.1 and 5), as their npm packages have them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@mooring/contracts";
import { until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Target, type TestDevice } from "./harness/devices.ts";
import { desire, shadowOf } from "./harness/documents.ts";
import { createFleet } from "./harness/fleets.ts";
import { type SdkDevice, startSdk } from "./harness/sdk.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { tempFolder } from "./harness/temp-folder.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

/** What their users write: files, the end point, a client id. */
function optionsOf({ certFile, keyFile, deviceName }: TestDevice): string {
  const { host, port } = platform.mqtts;
  return JSON.stringify({ host, port, keyPath: keyFile, certPath: certFile, caPath: platform.caFile, clientId: `aws-${deviceName}` });
}

const wholeName = ({ productKey, deviceName }: TestDevice): string => `${productKey}.${deviceName}`;
/** As it is in firmware that was written for AWS. */
const shortName = ({ deviceName }: TestDevice): string => deviceName;
const userTopicOf = ({ productKey, deviceName }: TestDevice): string => `/${productKey}/${deviceName}/user/get`;

async function startVersion1(device: TestDevice, nameOf = shortName): Promise<SdkDevice> {
  const thing = await startSdk("aws-v1.cjs", [nameOf(device), optionsOf(device)], platform.caFile);
  await thing.heard("connected");
  thing.tell("register");
  expect(await thing.heard("registered")).toEqual({ event: "registered" });
  return thing;
}

async function startVersion2(device: TestDevice, mqtt: string, nameOf = shortName): Promise<SdkDevice> {
  const thing = await startSdk("aws-v2.cjs", [mqtt, nameOf(device), optionsOf(device)], platform.caFile);
  await thing.heard("connected");
  return thing;
}

describe("AWS's device SDK, version 1", () => {
  test.each([
    ["the name it has in AWS's cloud", shortName],
    ["its product's key in its name", wholeName],
  ])("with %s reports, is told the delta, reads and deletes its shadow", async (_words, nameOf) => {
    const device = await createDevice(platform);
    const thing = await startVersion1(device, nameOf);
    thing.tell("update", { reported: { TargetTemperature: 20 } });
    expect(await thing.heard("status")).toMatchObject({ status: "accepted", state: { state: { reported: { TargetTemperature: 20 } } } });
    await desire(device, { TargetTemperature: 22 });
    expect(await thing.heard("delta")).toMatchObject({ state: { state: { TargetTemperature: 22 } } });
    thing.tell("update", { reported: { TargetTemperature: 22 } });
    await thing.heard("status", 1);
    expect((await shadowOf(device)).delta).toEqual({});
    thing.tell("get");
    const read = { state: { desired: { TargetTemperature: 22 }, reported: { TargetTemperature: 22 } } };
    expect(await thing.heard("status", 2)).toMatchObject({ status: "accepted", state: read });
    thing.tell("remove");
    expect(await thing.heard("status", 3)).toMatchObject({ status: "accepted" });
    thing.tell("get");
    expect(await thing.heard("status", 4)).toMatchObject({ status: "rejected", state: { code: 404 } });
    expect(thing.all("timeout")).toEqual([]);
  });

  test("publishes and subscribes", async () => {
    const device = await createDevice(platform);
    const thing = await startVersion1(device);
    const topic = userTopicOf(device);
    thing.tell("subscribe", topic);
    expect(await thing.heard("subscribed")).toEqual({ event: "subscribed", topic });
    thing.tell("publish", topic, "hello");
    expect(await thing.heard("published")).toEqual({ event: "published", topic });
    expect(await thing.heard("message")).toEqual({ event: "message", topic, payload: "hello" });
  });
});

describe("AWS's fleet provisioning by claim", () => {
  test.each([
    ["MQTT 3.1.1", "311"],
    ["MQTT 5", "5"],
  ])("over %s: a key and certificate, then the thing, which connects with them", async (_name, mqtt) => {
    const { claim } = await createFleet(platform);
    const nobody = await startVersion2(claim, mqtt);
    nobody.tell("createKeys");
    const { answer } = (await nobody.heard("created")) as { answer: Record<string, string> };
    nobody.tell("registerThing", "line-4", answer["certificateOwnershipToken"] ?? "", { SerialNumber: `unit-${mqtt}` });
    const registered = (await nobody.heard("registered"))["answer"] as JsonObject;
    expect(registered).toMatchObject({ thingName: `${claim.productKey}.unit-${mqtt}` });
    const folder = tempFolder("thing");
    const [certFile, keyFile] = [join(folder, "thing.pem"), join(folder, "thing.key")];
    writeFileSync(certFile, answer["certificatePem"] ?? "");
    writeFileSync(keyFile, answer["privateKey"] ?? "");
    const thing = await startVersion2({ ...claim, deviceName: `unit-${mqtt}`, certFile, keyFile }, mqtt);
    thing.tell("update", { reported: { TargetTemperature: 20 } });
    expect(await thing.heard("updated")).toMatchObject({ answer: { version: 1 } });
  });
});

describe.each([
  ["311", "MQTT 3.1.1", shortName],
  ["5", "MQTT 5", wholeName],
])("AWS's device SDK, version 2", (mqtt, name, nameOf) => {
  test(`over ${name} reports, follows deltas and documents, reads and deletes its shadow`, async () => {
    const device = await createDevice(platform);
    const thing = await startVersion2(device, mqtt, nameOf);
    thing.tell("follow");
    await until("both streams to be open", () => thing.all("following").length === 2);
    thing.tell("update", { reported: { TargetTemperature: 20 } });
    expect(await thing.heard("updated")).toMatchObject({ answer: { state: { reported: { TargetTemperature: 20 } }, version: 1 } });
    expect(await thing.heard("documents")).toMatchObject({ message: { current: { state: { reported: { TargetTemperature: 20 } } } } });
    await desire(device, { TargetTemperature: 22 });
    expect(await thing.heard("delta")).toMatchObject({ message: { state: { TargetTemperature: 22 }, version: 2 } });
    thing.tell("get");
    expect(await thing.heard("got")).toMatchObject({ answer: { state: { delta: { TargetTemperature: 22 } }, version: 2 } });
    thing.tell("remove");
    expect(await thing.heard("removed")).toMatchObject({ answer: { version: expect.any(Number) } });
    thing.tell("get");
    expect(await thing.heard("failed")).toMatchObject({ what: "get" });
  });

  test(`over ${name} has named shadows, and refuses a stale version`, async () => {
    const device = await createDevice(platform);
    const thing = await startVersion2(device, mqtt);
    thing.tell("updateNamed", "config", { desired: { rate: 5 } });
    expect(await thing.heard("updated")).toMatchObject({ answer: { state: { desired: { rate: 5 } }, version: 1 } });
    thing.tell("getNamed", "config");
    expect(await thing.heard("got")).toMatchObject({ answer: { state: { desired: { rate: 5 } } } });
    thing.tell("update", { reported: { TargetTemperature: 20 } }, { version: 7 });
    expect(await thing.heard("failed")).toMatchObject({ what: "update" });
  });

  test(`over ${name} publishes and subscribes`, async () => {
    const device = await createDevice(platform);
    const thing = await startVersion2(device, mqtt);
    const topic = userTopicOf(device);
    thing.tell("subscribe", topic);
    await thing.heard("subscribed");
    thing.tell("publish", topic, "hello");
    await thing.heard("published");
    expect(await thing.heard("message")).toEqual({ event: "message", topic, payload: "hello" });
  });
});
