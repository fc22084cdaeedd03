// What a gateway says for its sub-devices, over real sockets.
import { createHmac } from "node:crypto";
import { ProtocolLevel } from "@mooring/mqtt";
import { expect, test } from "vitest";
import { post, report, sys, useGateway } from "./fixture.test-support.ts";
import { deviceNamed, productKey } from "./harness.test-support.ts";

const fixture = useGateway();
const topic = `${sys("hub-1")}/thing/event/property/pack/post`;
const at = (value: unknown, time: number) => ({ value, time });
const identity = (deviceName: string) => ({ productKey, deviceName });

async function signOn(...subDevices: readonly string[]) {
  const client = await fixture.signOn("hub-1", { level: ProtocolLevel.V5 });
  await client.subscribe(`${topic}_reply`);
  fixture.harness.devices.subDevices.set(deviceNamed("hub-1").deviceId, subDevices.map(deviceNamed));
  return client;
}

const stored = () => fixture.harness.events.records.filter(({ kind }) => kind === "properties" || kind === "event");
const bodies = () => stored().map(({ device, body }) => [device.deviceName as string, JSON.parse(body) as unknown]);
const replyOf = async (client: { readonly messages: readonly { readonly payload: string }[] }) => {
  await expect.poll(() => client.messages.length).toBe(1);
  return JSON.parse(client.messages[0]?.payload ?? "") as unknown;
};

test("a pack is stored under the names of those it is about, and acknowledged once all of it is", async () => {
  const client = await signOn("meter-1", "meter-2");
  const subDevices = [
    { identity: identity("meter-1"), properties: { Temperature: at(1, 10), Label: "a" }, events: { Overheated: at({ limit: 1 }, 11) } },
    { identity: identity("meter-2"), properties: { Temperature: 2.5 } },
  ];
  const params = { properties: { Temperature: at(20, 9) }, events: {}, subDevices };
  expect(await client.acknowledged(client.publish(topic, report(params)))).toBe(0);
  const now = expect.any(Number) as number;
  expect(bodies()).toEqual([
    ["hub-1", { properties: { Temperature: at(20, 9) } }],
    ["meter-1", { properties: { Temperature: at(1, 10), Label: at("a", now) } }],
    ["meter-1", { name: "Overheated", ...at({ limit: 1 }, 11) }],
    ["meter-2", { properties: { Temperature: at(2.5, now) } }],
  ]);
  expect(stored()[1]?.device).toEqual(deviceNamed("meter-1"));
  expect(await replyOf(client)).toMatchObject({ code: 200, method: "thing.event.property.pack.post" });
});

test("what does not fit is refused part by part with the reason, the rest is stored, and the device hears both", async () => {
  const client = await signOn("meter-1", "meter-2", "off-1");
  const subDevices = [
    { identity: identity("meter-1"), properties: { Temperature: "hot" }, events: { Overheated: at({ limit: 1 }, 11) } },
    { identity: identity("meter-2"), properties: { Temperature: 2 } },
    { identity: identity("stranger"), properties: { Temperature: 3 } },
    { identity: identity("off-1"), properties: { Temperature: 4 } },
    { properties: { Temperature: 5 } },
    { identity: identity("meter-2") },
    7,
  ];
  expect(await client.acknowledged(client.publish(topic, report({ properties: { Temperature: 1 }, subDevices })))).toBe(0x99);
  expect(bodies().map(([name]) => name)).toEqual(["hub-1", "meter-2"]);
  expect(await replyOf(client)).toMatchObject({
    code: 460,
    message: expect.stringMatching(/^6 of 8 parts are refused, the others stored: /) as string,
    data: {
      issues: [
        { pointer: "/params/subDevices/0/properties/Temperature", expected: expect.stringContaining("number") as string },
        { pointer: "/params/subDevices/2/identity", message: expect.stringContaining("no sub-device of this gateway") as string },
        { pointer: "/params/subDevices/3/identity", message: expect.stringContaining("disabled") as string },
        { pointer: "/params/subDevices/4/identity" },
        { pointer: "/params/subDevices/5", message: expect.stringContaining("at least one value") as string },
        { pointer: "/params/subDevices/6" },
      ],
    },
  });
  // Whoever asks what became of the sub-device's message finds it as well.
  await expect
    .poll(() => fixture.harness.events.refusals.map(({ device }) => device.deviceName as string).sort())
    .toEqual(["hub-1", "meter-1", "meter-2"]);
});

test.each([
  [{}, "/params"],
  [{ subDevices: {} }, "/params/subDevices"],
  [{ properties: [] }, "/params/properties"],
  [{ properties: { Temperature: "hot" } }, "/params/properties/Temperature"],
  [{ events: { Overheated: { time: 1 } } }, "/params/events/Overheated/value"],
])("a pack of nothing that fits, %j, is refused as a whole", async (params, pointer) => {
  const client = await signOn();
  expect(await client.acknowledged(client.publish(topic, report(params)))).toBe(0x99);
  expect(await replyOf(client)).toMatchObject({ code: 460, data: { issues: [{ pointer }] } });
  expect(stored()).toEqual([]);
});

test("what a gateway says after a pack is stored after it, however long it takes to learn whom it speaks for", async () => {
  const client = await signOn("meter-1");
  let open = (): void => undefined;
  fixture.harness.devices.gate = new Promise((resolve) => {
    open = resolve;
  });
  const pack = (value: number) =>
    client.publish(
      topic,
      report({ properties: { Temperature: value }, subDevices: [{ identity: identity("meter-1"), properties: { Temperature: value } }] }),
    );
  const plain = (value: number) => client.publish(post("hub-1"), report({ Temperature: value }));
  const ids = [plain(1), pack(2), plain(3), pack(4), plain(5)];
  await client.acknowledged(ids[0] as number);
  expect(bodies()).toHaveLength(1);
  open();
  for (const id of ids.slice(1)) expect(await client.acknowledged(id)).toBe(0);
  const values = stored().map(({ device, body }) => [device.deviceName as string, JSON.parse(body).properties.Temperature.value as number]);
  expect(values).toEqual([
    ["hub-1", 1],
    ["hub-1", 2],
    ["meter-1", 2],
    ["hub-1", 3],
    ["hub-1", 4],
    ["meter-1", 4],
    ["hub-1", 5],
  ]);
  expect(fixture.harness.devices.found).toBe(1);
});

test("a gateway speaks no longer for a device that is taken from it, once the feed of changes says so", async () => {
  const { devices } = fixture.harness;
  const client = await signOn("meter-1");
  const say = async () => {
    const subDevices = [{ identity: identity("meter-1"), properties: { Temperature: 1 } }];
    return client.acknowledged(client.publish(topic, report({ subDevices })));
  };
  expect(await say()).toBe(0);
  devices.subDevices.clear();
  devices.changes.push({ offset: 1, productKey, deviceId: deviceNamed("meter-1").deviceId });
  await expect.poll(say).toBe(0x99);
});

test("while nobody can say whom it speaks for a pack is not acknowledged as stored, and may come again", async () => {
  const client = await signOn("meter-1");
  await client.acknowledged(client.publish(post("hub-1"), report({ Temperature: 1 })));
  fixture.harness.devices.isDown = true;
  const subDevices = [{ identity: identity("meter-1"), properties: { Temperature: 1 } }];
  client.publish(topic, report({ subDevices }));
  await expect.poll(() => client.isClosed || client.pubacks.some(({ reasonCode }) => reasonCode === 0x88)).toBe(true);
  expect(stored()).toHaveLength(1);
});

test("a gateway adds a sub-device by signing with its secret, is told of all it has, and removes it", async () => {
  const { devices } = fixture.harness;
  devices.secrets.set("meter-1", "5ec2e7");
  devices.secrets.set("meter-2", "5ec2e8");
  const client = await signOn();
  const topo = (what: string): string => `${sys("hub-1")}/thing/topo/${what}`;
  for (const what of ["add", "get", "delete"]) await client.subscribe(`${topo(what)}_reply`);
  const ask = async (what: string, params: unknown) => {
    const before = client.messages.length;
    await client.acknowledged(client.publish(topo(what), { id: "9", version: "1.0", params, method: `thing.topo.${what}` }));
    await expect.poll(() => client.messages.length).toBe(before + 1);
    return JSON.parse(client.messages[before]?.payload ?? "") as unknown;
  };
  const proof = (deviceName: string, secret: string) => {
    const content = `clientIdc1deviceName${deviceName}productKey${productKey}timestamp99`;
    const sign = createHmac("sha256", secret).update(content).digest("hex");
    return { ...identity(deviceName), clientId: "c1", timestamp: 99, signmethod: "hmacSha256", sign };
  };
  const wrong = [proof("meter-1", "5ec2e7"), proof("meter-2", "other")];
  expect(await ask("add", wrong)).toMatchObject({ id: "9", code: 401, message: "/params/1: the sub-device could not be authenticated" });
  expect(await ask("add", [proof("meter-1", "5ec2e7"), proof("meter-2", "5ec2e8")])).toEqual({
    ...{ id: "9", code: 200, data: {}, message: "success", method: "thing.topo.add", version: "1.0" },
  });
  expect(await ask("get", {})).toMatchObject({ code: 200, data: [identity("meter-1"), identity("meter-2")] });
  expect(await ask("delete", [identity("meter-1")])).toMatchObject({ code: 200, method: "thing.topo.delete" });
  expect(await ask("get", {})).toMatchObject({ data: [identity("meter-2")] });
  expect(await ask("add", { productKey })).toMatchObject({ code: 460, data: { issues: [{ pointer: "/params" }] } });
  expect(await ask("delete", [{ productKey }])).toMatchObject({ code: 460, data: { issues: [{ pointer: "/params/0" }] } });
});
