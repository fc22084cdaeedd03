import { type DownlinkKind, formatTopic, type JsonObject, serviceCaller, type TopicDialect } from "@mooring/contracts";
import { runShadowCase, type ShadowDoor, shadowCases } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { sys, useGateway } from "./fixture.test-support.ts";
import { productKey } from "./harness.test-support.ts";
import { ask } from "./http-client.test-support.ts";
import type { MqttClient } from "./mqtt-client.test-support.ts";

const fixture = useGateway();
const device = { productKey, deviceName: "dev-1" };
const aws = `$aws/things/${productKey}.dev-1/shadow`;
const alibaba = { up: `/shadow/update/${productKey}/dev-1`, down: `/shadow/get/${productKey}/dev-1` };

/** A device that subscribes to all there is in a dialect, and asks one question after the other. */
async function mqttDoor(dialect: TopicDialect): Promise<ShadowDoor> {
  const client = await fixture.signOn();
  await client.subscribe(dialect === "native" ? `${sys("dev-1")}/shadow/#` : `${aws}/#`);
  return {
    device,
    dialect,
    async ask({ topic, payload, accepted, rejected }) {
      const before = client.messages.length;
      const isAnswer = (heard: { topic: string }): boolean => heard.topic === accepted || heard.topic === rejected;
      await client.acknowledged(client.publish(topic, payload));
      await expect.poll(() => client.messages.slice(before).some(isAnswer)).toBe(true);
      const answer = client.messages.slice(before).find(isAnswer);
      return { isAccepted: answer?.topic === accepted, body: JSON.parse(answer?.payload ?? "null") as JsonObject };
    },
  };
}

async function httpsDoor(): Promise<ShadowDoor> {
  const credential = await fixture.harness.credential("dev-1");
  return {
    device,
    dialect: "native",
    async ask({ topic, payload }) {
      const { status, json } = await ask(fixture.harness.gateway.addresses.https, credential, { path: topic, body: payload });
      return { isAccepted: status === 200, body: json as JsonObject };
    },
  };
}

describe.each([
  ["native", () => mqttDoor("native")],
  ["AWS", () => mqttDoor("aws")],
  ["HTTPS", httpsDoor],
])("a shadow, %s", (_name, open) => {
  test.each(shadowCases.map((one) => [one.title, one] as const))("%s", async (_title, one) => {
    expect(await runShadowCase(one, await open())).toEqual([]);
  });
});

/** What a client heard, in the order in which it did: the topic's end and the body. */
function heard(client: MqttClient): [string, JsonObject][] {
  return client.messages.map(({ topic, payload }) => [topic.replace(/^.*\/(dev-1|shadow)\//, ""), JSON.parse(payload) as JsonObject]);
}

describe("what devices hear of a change", () => {
  test("accepted, documents and delta in this order and with one version, to each connection in the dialects it listens to", async () => {
    const native = await fixture.signOn("dev-1", { clientId: "native" });
    await native.subscribe(`${sys("dev-1")}/shadow/update/+`);
    const amazon = await fixture.signOn("dev-1", { clientId: "aws" });
    await amazon.subscribe(`${aws}/#`);
    const stranger = await fixture.signOn("dev-2", { clientId: "stranger" });
    await stranger.subscribe(`${sys("dev-2")}/#`);
    const update = { state: { desired: { mode: "heat", list: [1, { a: 2 }] }, reported: { mode: "off" } }, clientToken: "t-1" };
    await native.acknowledged(native.publish(`${sys("dev-1")}/shadow/update`, update));
    await expect.poll(() => [native.messages.length, amazon.messages.length]).toEqual([3, 3]);
    const at = { timestamp: 1_760_000_000_123 };
    const desired = { mode: at, list: at };
    expect(heard(native)).toEqual([
      ["update/accepted", { ...update, metadata: { desired, reported: { mode: at } }, version: 1, ...at }],
      [
        "update/documents",
        {
          previous: { state: { desired: {}, reported: {} }, metadata: { desired: {}, reported: {} }, version: 0 },
          current: { state: update.state, metadata: { desired, reported: { mode: at } }, version: 1 },
          version: 1,
          ...at,
          clientToken: "t-1",
        },
      ],
      ["update/delta", { state: update.state.desired, metadata: desired, version: 1, ...at, clientToken: "t-1" }],
    ]);
    const s = { timestamp: 1_760_000_000 };
    const inSeconds = { mode: s, list: [s, { a: s }] };
    expect(heard(amazon)).toEqual([
      ["update/accepted", { ...update, metadata: { desired: inSeconds, reported: { mode: s } }, version: 1, ...s }],
      [
        "update/documents",
        {
          previous: { state: {}, metadata: {}, version: 0 },
          current: { state: update.state, metadata: { desired: inSeconds, reported: { mode: s } }, version: 1 },
          ...s,
          clientToken: "t-1",
        },
      ],
      ["update/delta", { state: update.state.desired, metadata: inSeconds, version: 1, ...s, clientToken: "t-1" }],
    ]);
    expect(stranger.messages).toEqual([]);
  });

  test("an update is acknowledged after its own messages, once, and many arrive in the order of their versions", async () => {
    const client = await fixture.signOn();
    await client.subscribe(`${sys("dev-1")}/shadow/#`, `${aws}/update/accepted`);
    const ids: number[] = [];
    for (let i = 0; i < 10; i++) {
      ids.push(client.publish(`${sys("dev-1")}/shadow/update`, { state: { reported: { n: i } }, version: i, clientToken: `t${i}` }));
    }
    await client.acknowledged(ids[9] as number);
    const accepted = heard(client).filter(([topic]) => topic === "update/accepted");
    expect(accepted.map(([, { version, clientToken }]) => [version, clientToken])).toEqual(
      Array.from({ length: 20 }, (_, i) => [Math.floor(i / 2) + 1, `t${Math.floor(i / 2)}`]),
    );
  });

  test("a rejection goes to the dialect that was spoken, with the current document where the dialect has a place for it", async () => {
    const client = await fixture.signOn();
    await client.subscribe(`${sys("dev-1")}/shadow/#`, `${aws}/#`);
    await client.acknowledged(client.publish(`${aws}/update`, { state: { reported: { a: 1 } } }));
    client.messages.length = 0;
    const stale = { state: { reported: { a: 2 } }, version: 7, clientToken: "late" };
    expect(await client.acknowledged(client.publish(`${sys("dev-1")}/shadow/update`, stale))).not.toBe(0);
    await client.acknowledged(client.publish(`${aws}/update`, stale));
    expect(client.messages.map(({ topic }) => topic)).toEqual([`${sys("dev-1")}/shadow/update/rejected`, `${aws}/update/rejected`]);
    const [native, amazon] = client.messages.map(({ payload }) => JSON.parse(payload) as JsonObject);
    const at = 1_760_000_000_123;
    expect(native).toEqual({
      code: 409,
      message: "Version conflict",
      clientToken: "late",
      current: {
        state: { desired: {}, reported: { a: 1 } },
        metadata: { desired: {}, reported: { a: { timestamp: at } } },
        version: 1,
        timestamp: at,
      },
    });
    expect(amazon).toEqual({ code: 409, message: "Version conflict", timestamp: expect.any(Number), clientToken: "late" });
    expect(amazon?.["timestamp"]).toBeLessThan(10_000_000_000);
  });

  test("a conflict whose document is more than the client takes in one packet comes without it [MQTT-3.1.2-24]", async () => {
    const credential = await fixture.harness.credential("dev-1");
    const small = await fixture.open(credential).signOn({ clientId: "small", properties: { maximumPacketSize: 2_000 } });
    const large = await fixture.signOn("dev-1", { clientId: "large" });
    for (const client of [small, large]) await client.subscribe(`${sys("dev-1")}/shadow/update/rejected`);
    await large.acknowledged(large.publish(`${sys("dev-1")}/shadow/update`, { state: { reported: { text: "x".repeat(60_000) } } }));
    const stale = { state: { reported: {} }, version: 7, clientToken: "t" };
    for (const by of [small, large]) await by.acknowledged(by.publish(`${sys("dev-1")}/shadow/update`, stale));
    const said = (client: MqttClient): JsonObject[] => client.messages.map(({ payload }) => JSON.parse(payload) as JsonObject);
    await expect.poll(() => [small.messages.length, large.messages.length]).toEqual([2, 2]);
    expect(said(small)).toEqual(Array.from({ length: 2 }, () => ({ code: 409, message: "Version conflict", clientToken: "t" })));
    for (const { current } of said(large)) expect(current).toMatchObject({ state: { reported: { text: "x".repeat(60_000) } } });
  });

  test("an answer has the QoS of what it answers, where it is subscribed to with QoS 1; what everyone hears has QoS 1", async () => {
    const client = await fixture.signOn();
    await client.subscribe(`${sys("dev-1")}/shadow/#`);
    for (const qos of [0, 1] as const) {
      client.messages.length = 0;
      client.publish(`${sys("dev-1")}/shadow/update`, { state: { desired: { qos } } }, qos);
      client.publish(`${sys("dev-1")}/shadow/update`, { state: {}, version: 99 }, qos);
      client.publish(`${sys("dev-1")}/shadow/get`, "", qos);
      client.publish(`${sys("dev-1")}/shadow/delete`, "", qos);
      await expect.poll(() => client.messages.length).toBe(7);
      expect(client.messages.map(({ topic, qos: its }) => [topic.slice(`${sys("dev-1")}/shadow/`.length), its])).toEqual([
        ["update/accepted", qos],
        ["update/documents", 1],
        ["update/delta", 1],
        ["update/rejected", qos],
        ["get/accepted", qos],
        ["delete/accepted", qos],
        ["update/documents", 1],
      ]);
    }
  });

  test("AWS: what does not exist is 404 by its name; a deleted shadow does not exist until it is written again", async () => {
    const client = await fixture.signOn();
    await client.subscribe(`${aws}/#`);
    const say = async (what: string, payload: object | string = ""): Promise<[string, JsonObject]> => {
      client.messages.length = 0;
      await client.acknowledged(client.publish(`${aws}${what}`, payload));
      return [client.messages.at(0)?.topic.slice(aws.length) ?? "", JSON.parse(client.messages.at(0)?.payload ?? "null") as JsonObject];
    };
    const missing = { code: 404, message: `No shadow exists with name: '${productKey}.dev-1'` };
    expect(await say("/get")).toMatchObject(["/get/rejected", missing]);
    expect(await say("/delete", { clientToken: "x" })).toMatchObject(["/delete/rejected", { ...missing, clientToken: "x" }]);
    expect(await say("/name/cfg/get")).toMatchObject([
      "/name/cfg/get/rejected",
      { code: 404, message: "No shadow exists with name: 'cfg'" },
    ]);
    await say("/update", { state: { reported: { a: 1 } } });
    expect(await say("/delete", { clientToken: "y" })).toEqual([
      "/delete/accepted",
      { version: 2, timestamp: 1_760_000_000, clientToken: "y" },
    ]);
    expect(await say("/get")).toMatchObject(["/get/rejected", missing]);
    expect(await say("/update", { state: { reported: { a: 1 } } })).toMatchObject(["/update/accepted", { version: 3 }]);
  });
});

test("what a device says while an update of its shadow is under way goes to the log after it; other devices do not wait", async () => {
  const { shadow, events } = fixture.harness;
  const gate = Promise.withResolvers<void>();
  shadow.beforeUpdate = () => gate.promise;
  const [client, other] = [await fixture.signOn("dev-1"), await fixture.signOn("dev-2", { clientId: "other" })];
  const post = (n: number) => ({ id: String(n), params: { Temperature: n } });
  client.publish(`${sys("dev-1")}/shadow/update`, { state: { reported: { Temperature: 20 } } });
  const posted = [1, 2].map((n) => client.publish(`${sys("dev-1")}/thing/event/property/post`, post(n)));
  await other.acknowledged(other.publish(`${sys("dev-2")}/thing/event/property/post`, post(3)));
  await other.acknowledged(other.publish(`${sys("dev-2")}/thing/event/property/post`, post(4)));
  const said = (): readonly string[] => events.records.filter(({ kind }) => kind === "properties").map(({ body }) => body);
  expect(said().map((body) => /"value":(\d)/.exec(body)?.[1])).toEqual(["3", "4"]);
  gate.resolve();
  for (const one of posted) await client.acknowledged(one);
  expect(said().map((body) => /"value":(\d)/.exec(body)?.[1])).toEqual(["3", "4", "1", "2"]);
  expect(shadow.updates).toHaveLength(1);
});

describe("who subscribes to deltas is sent the open one", () => {
  const prepare = async (): Promise<MqttClient> => {
    const client = await fixture.signOn("dev-1", { clientId: "first" });
    for (const name of ["", "name/one/", "name/two/"]) {
      await client.acknowledged(client.publish(`${sys("dev-1")}/shadow/${name}update`, { state: { desired: { of: name } } }));
    }
    return client;
  };

  test.each<[string, readonly string[], readonly string[]]>([
    ["the classic shadow's topic", [`${sys("dev-1")}/shadow/update/delta`], [""]],
    ["AWS's", [`${aws}/update/delta`], [""]],
    ["Alink's property set", [`${sys("dev-1")}/thing/service/property/set`], [""]],
    ["a named shadow's", [`${sys("dev-1")}/shadow/name/two/update/delta`], ["two"]],
    ["a named shadow's that does not exist", [`${aws}/name/nine/update/delta`], ["nine"]],
    ["any named shadow's", [`${sys("dev-1")}/shadow/name/+/update/delta`], ["one", "two"]],
    ["everything, twice over", [`${sys("dev-1")}/#`, `${aws}/#`], ["", "one", "two"]],
    ["nothing of the kind", [`${sys("dev-1")}/rrpc/request/+`, `${sys("dev-1")}/shadow/get/+`, `${aws}/name/one/update/accepted`], []],
  ])("%s", async (_what, filters, names) => {
    const client = await prepare();
    const { shadow } = fixture.harness;
    await client.subscribe(...filters);
    await client.acknowledged(client.publish(`${sys("dev-1")}/shadow/get`, "{}"));
    await expect.poll(() => shadow.ready).toEqual(names);
    const deltas = (): readonly string[] =>
      client.messages.map(({ topic }) => topic).filter((topic) => /delta$|property\/set$/.test(topic));
    if (names.length > 0 && !names.includes("nine")) await expect.poll(() => deltas().length).toBeGreaterThanOrEqual(names.length);
    else expect(deltas()).toEqual([]);
  });

  test("not with the product's option pushDelta off", async () => {
    fixture.harness.devices.options = { ...fixture.harness.devices.options, pushDelta: false };
    const client = await prepare();
    await client.subscribe(`${sys("dev-1")}/#`);
    await client.acknowledged(client.publish(`${sys("dev-1")}/shadow/get`, "{}"));
    await client.message(({ topic }) => topic.endsWith("get/accepted"));
    expect(fixture.harness.shadow.ready).toEqual([]);
  });
});

test("a client token is the application's own, whatever it says: only Alibaba's own updates are replied to in its dialect", async () => {
  const client = await fixture.signOn();
  await client.subscribe(alibaba.down);
  const update = { state: { reported: { a: 1 } }, clientToken: "alibaba" };
  await client.acknowledged(client.publish(`${sys("dev-1")}/shadow/update`, update));
  await client.acknowledged(client.publish(`${aws}/update`, update));
  expect(client.messages).toEqual([]);
  await client.acknowledged(client.publish(alibaba.up, { method: "update", state: { reported: { a: 2 } }, version: 3 }));
  expect(client.messages.map(({ payload }) => JSON.parse(payload) as JsonObject)).toMatchObject([
    { method: "reply", payload: { status: "success", version: 3 } },
  ]);
  expect(fixture.harness.shadow.updates.at(-1)).not.toHaveProperty("clientToken");
});

test("what comes late from the shadow service is not told after what is newer, and is counted", async () => {
  const client = await fixture.signOn();
  await client.subscribe(`${sys("dev-1")}/shadow/update/+`);
  const { deviceId } = (await fixture.harness.credential("dev-1")).device;
  const tell = (version: number, kinds: readonly DownlinkKind[]) =>
    fixture.harness.gateway.api.deliverAll(serviceCaller("shadow"), {
      deviceId,
      downlinks: kinds.map((kind) => ({ kind, version, payload: Buffer.from(JSON.stringify({ version, timestamp: 1 })) })),
    });
  const all = ["shadowAccepted", "shadowDocuments", "shadowDelta"] as const;
  // The request for version 5 was given up by its sender, and is here after the one for version 6.
  expect(await tell(6, ["shadowAccepted", "shadowDocuments"])).toEqual({ delivered: [1, 1] });
  expect(await tell(5, all)).toEqual({ delivered: [0, 0, 0] });
  expect(await tell(7, all)).toEqual({ delivered: [1, 1, 1] });
  await expect.poll(() => client.messages.length).toBe(5);
  expect(client.messages.map(({ payload }) => (JSON.parse(payload) as { version: number }).version)).toEqual([6, 6, 7, 7, 7]);
});

test("only the classic shadow is Alink's and Alibaba's: named ones are told in the platform's and in AWS's words alone", async () => {
  const client = await fixture.signOn();
  await client.subscribe(`${sys("dev-1")}/thing/#`, alibaba.down, `${aws}/name/cfg/update/delta`);
  await client.acknowledged(client.publish(`${sys("dev-1")}/shadow/name/cfg/update`, { state: { desired: { a: 1 } } }));
  expect(client.messages.map(({ topic }) => topic)).toEqual([`${aws}/name/cfg/update/delta`]);
});

test("no device reaches another's shadow, in whatever dialect", async () => {
  const client = await fixture.signOn("dev-1");
  const other = { productKey, deviceName: "dev-2" };
  const topics = [
    formatTopic("shadowUpdate", other, "cfg"),
    formatTopic("shadowDelete", other, "", "aws"),
    formatTopic("alibabaShadow", other),
    formatTopic("desiredGet", other),
  ];
  for (const topic of topics) expect(await client.acknowledged(client.publish(topic, "{}"))).toBe(0x87);
  expect(await client.subscribe(`$aws/things/${productKey}.dev-2/shadow/#`, "$aws/#", `/shadow/get/${productKey}/dev-2`)).toEqual([
    0x87, 0x87, 0x87,
  ]);
  expect(fixture.harness.shadow.updates).toEqual([]);
});
