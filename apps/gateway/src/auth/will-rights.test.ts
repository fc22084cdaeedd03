import { asTenantId, serviceCaller } from "@mooring/contracts";
import { type Properties, ProtocolLevel } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { useGateway } from "../fixture.test-support.ts";
import { deviceNamed, productKey } from "../harness.test-support.ts";
import { type MqttClient, openTls } from "../mqtt-client.test-support.ts";

const fixture = useGateway();
const properties: Properties = { sessionExpiryIntervalS: 60 };
const { tenantId } = deviceNamed("dev-1");
const topic = `/${productKey}/dev-1/user/will`;

function delayed(payload: string) {
  return { topic, payload: Buffer.from(payload), qos: 1, retain: false, properties: { willDelayIntervalS: 1 } } as const;
}

/** A back end whose key can be revoked. */
async function backEnd(name: string, will: ReturnType<typeof delayed> | null = null): Promise<MqttClient> {
  const { harness } = fixture;
  const caller = { tenantId: asTenantId(tenantId), principal: `key:${name}`, role: "backend" } as const;
  const secret = `mk_${name.padEnd(43, "A")}`;
  harness.keys.set(secret, caller);
  const nothing = new Uint8Array(0);
  harness.scramVerifiers.set(name, { salt: nothing, iterations: 1, storedKey: nothing, serverKey: nothing, caller });
  const client = openTls(harness.gateway.addresses.mqtts, (await harness.credential("dev-1")).ca);
  fixture.clients.push(client);
  return client.signOn({ clientId: name, password: Buffer.from(secret), will, properties });
}

async function device(clientId: string, name: string, more: object = {}): Promise<MqttClient> {
  const client = fixture.open(await fixture.harness.credential(name), ProtocolLevel.V5);
  return client.signOn({ clientId, properties, will: { ...delayed(name), topic: `/${productKey}/${name}/user/will`, ...more } });
}

/** The wills that are on disk. */
async function stored(): Promise<readonly string[]> {
  const { sessions } = await fixture.harness.sessions.listSessions(serviceCaller("gateway"), {});
  return sessions.flatMap(({ will }) => (will === undefined ? [] : [Buffer.from(will.payload).toString()]));
}

/** Waits until no more than these are connected. */
async function left(connections: number): Promise<void> {
  await expect.poll(() => fixture.harness.metrics.text()).toContain(`mooring_gateway_connections ${connections}\n`);
}

/** Lets this client's will be the last of all, and says what has come by then. */
async function heard(listener: MqttClient, client: MqttClient, ...awaited: readonly string[]): Promise<readonly string[]> {
  client.end();
  for (const one of awaited) await listener.message(({ payload }) => payload === one);
  return listener.messages.map(({ payload }) => payload).sort();
}

describe("a will with a delay", () => {
  test("is published in the name of a key that is still good, and of no other", async () => {
    const listener = await backEnd("listener");
    await listener.subscribe(topic);
    (await backEnd("good", delayed("good"))).end();
    (await backEnd("bad", delayed("bad"))).end();
    await left(1);
    fixture.harness.scramVerifiers.delete("bad");
    expect(await heard(listener, await backEnd("last", delayed("last")), "good", "last")).toEqual(["good", "last"]);
  });

  test("is published in the name of a device whose certificate is still good, and of no other", async () => {
    const listener = await backEnd("listener");
    await listener.subscribe(`/${productKey}/+/user/will`);
    (await device("c1", "dev-1")).end();
    (await device("c1", "dev-2")).end();
    await left(1);
    fixture.harness.devices.revoke(deviceNamed("dev-2"));
    expect(await heard(listener, await device("c1", "dev-3"), "dev-1", "dev-3")).toEqual(["dev-1", "dev-3"]);
  });

  test("waits while nobody can say whether it may be, and is published then", async () => {
    const listener = await backEnd("listener");
    await listener.subscribe(`/${productKey}/+/user/will`);
    (await device("c1", "dev-1")).end();
    await left(1);
    fixture.harness.devices.isDown = true;
    expect(await heard(listener, await backEnd("last", delayed("last")), "last")).toEqual(["last"]);
    fixture.harness.devices.isDown = false;
    await listener.message(({ payload }) => payload === "dev-1");
  });

  test("stays on disk while nobody can say whether it may be published, and leaves it then", async () => {
    const listener = await backEnd("listener");
    await listener.subscribe(`/${productKey}/+/user/will`);
    (await device("c1", "dev-1")).end();
    await left(1);
    fixture.harness.devices.isDown = true;
    await heard(listener, await backEnd("last", delayed("last")), "last");
    expect(await stored()).toEqual(["dev-1"]);
    fixture.harness.devices.isDown = false;
    await expect.poll(stored).toEqual([]);
  });
});

describe("the will of a device", () => {
  test("stays on disk until the log has it, and is in it once", async () => {
    const { events } = fixture.harness;
    const listener = await backEnd("listener");
    await listener.subscribe(`/${productKey}/+/user/will`);
    const client = await device("c1", "dev-1", { properties: null });
    events.isHeld = true;
    client.end();
    await heard(listener, await backEnd("last", delayed("last")), "last");
    expect(await stored()).toEqual(["dev-1"]);
    events.isHeld = false;
    await listener.message(({ payload }) => payload === "dev-1");
    await expect.poll(stored).toEqual([]);
    expect(events.ofKind("message")).toHaveLength(1);
  });
});
