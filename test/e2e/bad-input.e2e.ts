import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { errorOf, until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Target } from "./harness/devices.ts";
import { connectPublic, nobody } from "./harness/grpc.ts";
import { MqttWire } from "./harness/mqtt-wire.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

interface HostileBytes {
  readonly name: string;
  /** The bytes in hex; a count in braces repeats what stands before it in brackets: `[ff]{1000}`. */
  readonly hex: string;
}

interface HostileRequest {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const readList = <T>(name: string): readonly T[] => JSON.parse(readFileSync(new URL(`./hostile/${name}`, import.meta.url), "utf8")) as T[];

function toBytes(hex: string): Buffer {
  const plain = hex.replace(/\[([0-9a-f]+)\]\{(\d+)\}/g, (_, bytes: string, count: string) => bytes.repeat(Number(count)));
  return Buffer.from(plain, "hex");
}

describe("hostile thing models", () => {
  const keys = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [index.toString(36), 0]));
  test.each([
    ["nested 200,000 deep", '{"a":'.repeat(200_000), 400],
    ["of 100,000 keys", JSON.stringify({ sdfProperty: keys }), 400],
    ["with __proto__", '{"sdfProperty":{"__proto__":{"polluted":true}}}', 400],
    ["of 1e400", '{"sdfProperty":{"P":{"type":"number","maximum":1e400}}}', 400],
    ["of 10 MB", JSON.stringify({ description: "x".repeat(10_000_000) }), 413],
  ])("%s: refused by name over REST and gRPC, and the platform goes on", async (_title, body, status) => {
    const path = "/v1/thing-models/hostile/versions/1.0.0";
    const put = platform.api(path, { method: "PUT", body, headers: { "content-type": "application/sdf+json" } });
    // Who is told 413 may be cut off while still sending, and then never reads it.
    const answered = await put.then(
      (answer) => answer.status,
      () => 413,
    );
    expect(answered).toBe(status);
    const client = connectPublic(platform, "thing-model");
    const error = await errorOf(client.publish(nobody, { name: "hostile", version: "1.0.0", document: body }));
    await client.stop();
    expect(error).toMatchObject({ code: status === 413 ? "payloadTooLarge" : "invalidArgument" });
    const good = { method: "POST", body: { name: "after it" } } as const;
    expect((await platform.api("/v1/products", good)).status).toBe(201);
  });
});

describe("malformed MQTT", () => {
  test.each(readList<HostileBytes>("mqtt-before-connect.json"))(
    "before CONNECT: $name: that connection ends and no other",
    async ({ hex }) => {
      const device = await createDevice(platform);
      const good = await MqttWire.connect(device, "good");
      const bad = await MqttWire.open(device);
      bad.send(toBytes(hex));
      await until("the connection to end", () => bad.isClosed, 12_000);
      good.publish(1, device.topic("propertyPost"), '{"id":"1","params":{"Temperature":1}}');
      await until("the good connection's PUBACK", () => good.acknowledged.length === 1);
      good.close();
    },
  );

  test.each(readList<HostileBytes>("mqtt-after-connect.json"))(
    "after CONNECT: $name: that connection ends and no other",
    async ({ hex }) => {
      const device = await createDevice(platform);
      const good = await MqttWire.connect(device, "good");
      const bad = await MqttWire.connect(device, "bad");
      bad.send(toBytes(hex));
      await until("the connection to end", () => bad.isClosed, 12_000);
      good.publish(1, device.topic("propertyPost"), '{"id":"1","params":{"Temperature":1}}');
      await until("the good connection's PUBACK", () => good.acknowledged.length === 1);
      good.close();
    },
  );

  test("bytes that are no TLS on the TLS port end that connection", async () => {
    const { host, port } = platform.mqtts;
    const socket = connect(port, host, () => socket.write("GET / HTTP/1.1\r\n\r\n"));
    let closed = false;
    socket.on("error", () => undefined);
    socket.on("close", () => {
      closed = true;
    });
    await until("the connection to end", () => closed, 12_000);
  });
});

describe("hostile REST requests", () => {
  test.each(readList<HostileRequest>("rest.json"))("$name: a problem document of 4xx, and nothing is left half done", async (hostile) => {
    const { productKey, path } = await createDevice(platform);
    const address = hostile.path.replace("{product}", `/v1/products/${productKey}`).replace("{device}", path);
    const before = await platform.api("/v1/products?pageSize=1");
    expect(before.status).toBe(200);
    const answer = await platform.api(address, {
      method: hostile.method,
      ...(hostile.body === undefined ? {} : { body: hostile.body }),
      ...(hostile.headers === undefined ? {} : { headers: hostile.headers }),
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(answer.text).not.toMatch(/node_modules|at .+\.ts:\d+|Prisma|SELECT|\/src\//);
    expect(await platform.api(`${path}/shadow`)).toMatchObject({ status: 200, body: { version: 0, desired: {} } });
  });
});
