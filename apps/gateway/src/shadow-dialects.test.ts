import type { JsonObject } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { sys, useGateway } from "./fixture.test-support.ts";
import { productKey } from "./harness.test-support.ts";
import type { MqttClient } from "./mqtt-client.test-support.ts";

const fixture = useGateway();
const alibaba = { up: `/shadow/update/${productKey}/dev-1`, down: `/shadow/get/${productKey}/dev-1` };

describe("Alibaba's dialect", () => {
  const start = async (): Promise<MqttClient> => {
    const client = await fixture.signOn();
    await client.subscribe(alibaba.down);
    return client;
  };
  const say = async (client: MqttClient, payload: object): Promise<JsonObject[]> => {
    client.messages.length = 0;
    await client.acknowledged(client.publish(alibaba.up, payload));
    return client.messages.map((message) => JSON.parse(message.payload) as JsonObject);
  };
  const timestamp = 1_760_000_000;

  test("update, get, control, delete, as its devices know them", async () => {
    const client = await start();
    const success = (version: number) => ({ method: "reply", payload: { status: "success", version }, timestamp });
    expect(await say(client, { method: "update", state: { reported: { color: "green" } }, version: 1 })).toEqual([success(1)]);
    // As a back end does, by way of another connection.
    const other = await fixture.signOn("dev-1", { clientId: "other" });
    client.messages.length = 0;
    await other.acknowledged(other.publish(`${sys("dev-1")}/shadow/update`, { state: { desired: { color: "red", list: [1] } } }));
    const control = JSON.parse((await client.message(() => true)).payload) as JsonObject;
    const at = { timestamp };
    expect(control).toEqual({
      method: "control",
      payload: {
        status: "success",
        state: { reported: { color: "green" }, desired: { color: "red", list: [1] } },
        metadata: { reported: { color: at }, desired: { color: at, list: at } },
      },
      version: 2,
      timestamp,
    });
    expect(await say(client, { method: "get" })).toEqual([{ ...control, method: "reply" }]);
    expect(await say(client, { method: "update", state: { reported: { color: "red" }, desired: "null" }, version: 7 })).toEqual([
      success(7),
    ]);
    expect(await say(client, { method: "delete", state: { reported: { color: "null" } }, version: 8 })).toEqual([success(8)]);
    expect(await say(client, { method: "get" })).toEqual([
      { method: "reply", payload: { status: "success", state: {}, metadata: {} }, version: 8, timestamp },
    ]);
  });

  test("a version that is not above the stored one is a conflict: 409", async () => {
    const client = await start();
    await say(client, { method: "update", state: { reported: { a: 1 } }, version: 5 });
    const [reply] = await say(client, { method: "update", state: { reported: { a: 2 } }, version: 5 });
    expect(reply).toEqual({
      method: "reply",
      payload: { status: "error", content: { errorcode: "409", errormessage: expect.stringContaining("the shadow is at version 5") } },
      timestamp: expect.any(Number),
    });
    expect(await say(client, { method: "update", state: { reported: { a: 2 } }, version: -1 })).toMatchObject([
      { payload: { version: 6 } },
    ]);
  });
});

describe("Alink", () => {
  const set = `${sys("dev-1")}/thing/service/property/set`;
  const desired = `${sys("dev-1")}/thing/property/desired`;
  const start = async (): Promise<MqttClient> => {
    const client = await fixture.signOn();
    await client.subscribe(set, `${desired}/+`);
    await client.acknowledged(client.publish(`${sys("dev-1")}/shadow/update`, { state: { desired: { power: "on", temperature: 20 } } }));
    await client.acknowledged(client.publish(`${sys("dev-1")}/shadow/update`, { state: { desired: { temperature: 21 } } }));
    return client;
  };
  const say = async (client: MqttClient, what: string, params?: unknown): Promise<JsonObject> => {
    client.messages.length = 0;
    await client.acknowledged(
      client.publish(`${desired}/${what}`, { id: "9", version: "1.0", params, method: `thing.property.desired.${what}` }),
    );
    return JSON.parse((await client.message(({ topic }) => topic === `${desired}/${what}_reply`)).payload) as JsonObject;
  };

  test("what is desired arrives as a property set, and its answer is in the log", async () => {
    const client = await start();
    expect(client.messages.map(({ topic, payload }) => [topic, JSON.parse(payload)])).toEqual([
      [set, { id: "1", version: "1.0", params: { power: "on", temperature: 20 }, method: "thing.service.property.set" }],
      [set, { id: "2", version: "1.0", params: { power: "on", temperature: 21 }, method: "thing.service.property.set" }],
    ]);
    const reply = `${set}_reply`;
    expect(await client.acknowledged(client.publish(reply, { id: "2", code: 200, data: { ok: true }, message: "done" }))).toBe(0);
    expect(await client.acknowledged(client.publish(reply, { id: "2", code: "200" }))).toBe(0x99);
    expect(client.pubacks.at(-1)?.reason).toContain("/code");
    expect(fixture.stored("reply")).toEqual([{ topic: reply, requestId: "2", code: 200, message: "done", data: { ok: true } }]);
  });

  test("desired/get answers with values and their versions: those named, or all", async () => {
    const client = await start();
    const all = { power: { value: "on", version: 1 }, temperature: { value: 21, version: 2 } };
    const success = { id: "9", code: 200, message: "success", method: "thing.property.desired.get", version: "1.0" };
    expect(await say(client, "get", ["power", "nope"])).toEqual({ ...success, data: { power: all.power } });
    for (const none of [[], {}, undefined]) expect(await say(client, "get", none)).toEqual({ ...success, data: all });
    expect(await say(client, "get", "power")).toMatchObject({ code: 460, data: { issues: [{ pointer: "/params" }] } });
    expect(await say(client, "get", ["power", 1])).toMatchObject({ code: 460, data: { issues: [{ pointer: "/params/1" }] } });
  });

  test("desired/delete clears values, of a given version only if it is still that; of names that are not set nothing, without a change", async () => {
    const client = await start();
    expect(await say(client, "delete", { temperature: { version: 1 } })).toMatchObject({
      code: 409,
      method: "thing.property.desired.delete",
    });
    expect(await say(client, "delete", { temperature: { version: 2 } })).toMatchObject({ code: 200, data: {} });
    expect(await say(client, "get")).toMatchObject({ data: { power: { value: "on", version: 1 } } });
    expect(await say(client, "delete", { power: {}, nope: {} })).toMatchObject({ code: 200 });
    expect((await say(client, "get"))["data"]).toEqual({});
    const { updates } = fixture.harness.shadow;
    const changes = updates.length;
    expect(await say(client, "delete", { power: {}, nope: { version: 0 } })).toMatchObject({ code: 200, data: {} });
    expect(updates).toHaveLength(changes); // No version, and nothing pushed.
    expect(await say(client, "delete", { power: { version: 1 } })).toMatchObject({ code: 409 });
    for (const wrong of [{}, [], { power: 1 }, { power: { version: "1" } }])
      expect(await say(client, "delete", wrong)).toMatchObject({ code: 460 });
  });

  test("with sys.ack 0 there is no answer", async () => {
    const client = await start();
    client.messages.length = 0;
    await client.acknowledged(client.publish(`${desired}/get`, { id: "1", sys: { ack: 0 } }));
    await say(client, "get");
    expect(client.messages.map(({ payload }) => (JSON.parse(payload) as JsonObject)["id"])).toEqual(["9"]);
  });
});
