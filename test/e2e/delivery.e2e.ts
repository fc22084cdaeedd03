import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { JsonObject } from "@mooring/contracts";
import { findClient, run, until } from "@mooring/testkit";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Target } from "./harness/devices.ts";
import { subscribe } from "./harness/grpc.ts";
import { type Receiver, startReceiver } from "./harness/receiver.ts";
import { post, temperatureOf } from "./harness/reports.ts";
import { root } from "./harness/service-process.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
let receiver: Receiver | undefined;
beforeAll(async () => {
  platform = await sharedPlatform();
});
afterEach(() => {
  receiver?.stop();
  receiver = undefined;
});

async function create(settings: JsonObject): Promise<{ readonly name: string; readonly body: JsonObject }> {
  const name = `e2e-${randomUUID()}`;
  const { status, body, text } = await platform.api("/v1/subscriptions", { method: "POST", body: { name, ...settings } });
  if (status !== 201) throw new Error(`the subscription was refused: ${text}`);
  return { name, body: body as JsonObject };
}

const valuesOf = (records: readonly { readonly body: unknown }[]): unknown[] =>
  records.map(({ body }) => (body as { properties: { Temperature: { value: number } } }).properties.Temperature.value);

describe("a subscription", () => {
  test("with a webhook: signed requests, in order, again after a failure; its secret is shown once", async () => {
    receiver = await startReceiver();
    const { url } = receiver;
    const device = await createDevice(platform);
    const filter = { productKey: device.productKey, kinds: ["properties"] };
    const { name, body } = await create({ filter, webhook: { url }, start: { from: "now" } });
    const { secret } = body["webhook"] as { readonly secret: string };
    expect(secret.length).toBeGreaterThanOrEqual(16);
    receiver.status = 503;
    for (const value of [1, 2, 3]) await post(device, value);
    await until("a try", () => (receiver?.headers.length ?? 0) > 0);
    receiver.status = 204;
    await until("the records", () => (receiver?.records.length ?? 0) >= 3);
    expect(valuesOf(receiver.records)).toEqual([1, 2, 3]);
    expect(receiver.isSignedWith(secret)).toBe(true);
    expect((await platform.api(`/v1/subscriptions/${name}`)).text).not.toContain(secret);
    await until("the cursor", async () => ((await platform.api(`/v1/subscriptions/${name}`)).body as JsonObject)["inFlight"] === 0);
    expect((await platform.api(`/v1/subscriptions/${name}`, { method: "DELETE" })).status).toBe(204);
  });

  test("what is delivered in vain becomes a dead letter that can be read and delivered once more", async () => {
    const device = await createDevice(platform);
    const filter = { productKey: device.productKey, kinds: ["properties"] };
    const { name } = await create({ filter, deliveriesMax: 2, start: { from: "now" } });
    const stream = subscribe(platform, { subscription: name });
    await until("the member", async () => ((await platform.api(`/v1/subscriptions/${name}`)).body as JsonObject)["members"] === 1);
    await post(device, 1);
    const first = await stream.record(0);
    stream.reject(first.offset);
    stream.reject((await stream.record(1)).offset);
    const letters = async () =>
      (await platform.api(`/v1/subscriptions/${name}/dead-letters`)).body as unknown as { deadLetters: JsonObject[] };
    const { deadLetters } = await until("the dead letter", async () => {
      const found = await letters();
      return found.deadLetters.length > 0 ? found : undefined;
    });
    expect(deadLetters).toMatchObject([{ deliveries: 2, offset: first.offset, kind: "properties" }]);
    // Others of the device go on.
    await post(device, 2);
    expect(temperatureOf(await stream.record(2))).toBe(2);
    stream.acknowledge((await stream.record(2)).offset);
    const replayed = await platform.api(`/v1/subscriptions/${name}/dead-letters/replay`, { method: "POST", body: {} });
    expect(replayed).toMatchObject({ status: 200, body: { count: 1 } });
    const again = await stream.record(3);
    expect(temperatureOf(again)).toBe(1);
    stream.acknowledgeOne(again.offset);
    await until("the dead letter to be gone", async () => (await letters()).deadLetters.length === 0);
    await stream.stop();
  });

  test("begins where it is told and can be set to another place", async () => {
    const device = await createDevice(platform);
    await post(device, 1);
    const filter = { productKey: device.productKey, kinds: ["properties"] };
    const { name } = await create({ filter, start: { from: "now" } });
    const stream = subscribe(platform, { subscription: name });
    await post(device, 2);
    const first = await stream.record(0);
    expect(temperatureOf(first)).toBe(2);
    const sought = await platform.api(`/v1/subscriptions/${name}/seek`, { method: "POST", body: { from: "earliest" } });
    expect(sought.status).toBe(200);
    await until("the stream to end", () => stream.end instanceof Error);
    stream.acknowledge(first.offset);
    expect(stream.end).toMatchObject({ code: "unavailable" });
    const next = subscribe(platform, { subscription: name });
    await next.record(1);
    expect(next.records.map(temperatureOf)).toEqual([1, 2]);
    await next.stop();
    await stream.stop();
  });

  test("over AMQP 1.0 to Qpid Proton, in Alibaba's form, what is rejected comes again", async () => {
    const proton = await findClient("proton");
    if (proton === undefined) throw new Error("Qpid Proton is not to be had here");
    const device = await createDevice(platform);
    const { name } = await create({ filter: { productKey: device.productKey, kinds: ["properties"] }, start: { from: "now" } });
    await post(device, 1);
    const made = await platform.api("/v1/api-keys", { method: "POST", body: { name: "amqp", role: "backend", accessKey: true } });
    const { accessKey, key } = made.body as {
      readonly accessKey: { readonly id: string; readonly secret: string };
      readonly key: { readonly id: string };
    };
    const user = `client-1|authMode=aksign,signMethod=hmacsha1,timestamp={timestamp},authId=${accessKey.id},consumerGroupId=${name}|`;
    const options = {
      url: `amqps://${platform.amqp}`,
      user,
      sign: { method: "hmacsha1", authId: accessKey.id, secret: accessKey.secret },
      ca: platform.caFile,
      any_name: true,
      want: 2,
      prefetch: 3,
    };
    const script = join(root, "apps/admin-api/src/amqp/proton-client.test-support.py");
    const args = [script, JSON.stringify({ ...options, outcomes: ["reject", "accept"] })];
    const { code, stdout, stderr } = await run(proton, args, { timeoutMs: 30_000 });
    if (code !== 0) throw new Error(`the client ended with ${code}: ${stdout}${stderr}`);
    const messages = stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { readonly body: string; readonly properties: JsonObject });
    expect(messages.filter(({ body }) => body === undefined)).toEqual([]);
    expect(messages.map(({ body }) => (JSON.parse(body) as { items: { Temperature: { value: number } } }).items.Temperature.value)).toEqual(
      [1, 1],
    );
    const topic = `/${device.productKey}/${device.deviceName}/thing/event/property/post`;
    expect(messages[0]?.properties).toMatchObject({ topic, qos: 1 });
    // The access key ends with its API key.
    expect((await platform.api(`/v1/api-keys/${key.id}`, { method: "DELETE" })).status).toBe(200);
    const refused = await run(proton, [script, JSON.stringify(options)], { timeoutMs: 30_000 });
    expect(refused.stdout).toContain("Authentication failed");
  });

  test("of a page: server-sent events, resumed after the last one seen", async () => {
    const device = await createDevice(platform);
    const query = `productKey=${device.productKey}&kinds=properties&from=earliest`;
    await post(device, 1);
    const first = await readEvents(query, 1);
    await post(device, 2);
    await post(device, 3);
    const rest = await readEvents(query, 2, first.lastId);
    expect([...first.values, ...rest.values]).toEqual([1, 2, 3]);
  });
});

/** Reads property reports from the stream of events until there are so many. */
async function readEvents(
  query: string,
  count: number,
  lastId?: string,
): Promise<{ readonly values: readonly unknown[]; readonly lastId: string }> {
  const headers = { authorization: `Bearer ${platform.apiKey}`, ...(lastId === undefined ? {} : { "last-event-id": lastId }) };
  const ended = new AbortController();
  const response = await fetch(`${platform.rest}/v1/events?${query}`, { headers, signal: ended.signal });
  if (response.status !== 200 || response.body === null) throw new Error(`${response.status}: ${await response.text()}`);
  const values: unknown[] = [];
  let text = "";
  let id = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0 && values.length < count; end = text.indexOf("\n\n")) {
      const fields = new Map(
        text
          .slice(0, end)
          .split("\n")
          .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
      );
      text = text.slice(end + 2);
      id = fields.get("id") ?? id;
      if (fields.get("event") === "properties") values.push(valuesOf([JSON.parse(fields.get("data") ?? "") as { body: unknown }])[0]);
    }
    if (values.length >= count) break;
  }
  ended.abort();
  return { values, lastId: id };
}
