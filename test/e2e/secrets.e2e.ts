// Devices that have no certificate: secrets, pre-shared keys, tokens and registration, with clients that nobody here wrote.
import { createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { formatTopic, type JsonObject } from "@mooring/contracts";
import { type RunResult, run, until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createProduct, type Target } from "./harness/devices.ts";
import { shadowOf } from "./harness/documents.ts";
import { report as reportOf } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { clientOf } from "./harness/tools.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

const report = reportOf({ Temperature: 21 });

interface Address {
  readonly productKey: string;
  readonly deviceName: string;
  readonly path: string;
}

/** A product that allows what is asked, with a device in it that has nothing to sign on with. */
async function createBare(settings: JsonObject = {}): Promise<Address> {
  const { productKey } = await createProduct(platform);
  const patch = { secretAuthentication: true, ...settings };
  expect((await platform.api(`/v1/products/${productKey}`, { method: "PATCH", body: patch })).status).toBe(200);
  const deviceName = `bare-${randomBytes(4).toString("hex")}`;
  const created = await platform.api(`/v1/products/${productKey}/devices`, { method: "POST", body: { deviceName } });
  expect(created.status).toBe(201);
  return { productKey, deviceName, path: `/v1/products/${productKey}/devices/${deviceName}` };
}

async function newSecret(path: string, body: JsonObject = {}): Promise<string> {
  const answer = await platform.api(`${path}/secret`, { method: "POST", body });
  expect(answer.status).toBe(201);
  return String((answer.body as JsonObject)["secret"]);
}

/** How firmware for Alibaba's cloud connects (wire formats §2.2). */
function signed({ productKey, deviceName }: Address, secret: string, method = "sha256", more = ""): readonly string[] {
  const [id, timestamp] = [`${productKey}.${deviceName}`, "2524608000000"];
  const content = `clientId${id}deviceName${deviceName}productKey${productKey}timestamp${timestamp}`;
  const password = createHmac(method, secret).update(content).digest("hex").toUpperCase();
  const flags = `timestamp=${timestamp},_v=sdk-c-4.0.0,securemode=2,signmethod=hmac${method},ext=3,${more}`;
  return ["-i", `${id}|${flags}|`, "-u", `${deviceName}&${productKey}`, "-P", password];
}

const overTls = (): readonly string[] => ["-h", platform.mqtts.host, "-p", `${platform.mqtts.port}`, "--cafile", platform.caFile];

async function publish(device: Address, credential: readonly string[], where = overTls(), version = "311"): Promise<RunResult> {
  const message = ["-q", "1", "-t", formatTopic("propertyPost", device), "-m", report];
  return run(await clientOf("mosquitto_pub"), ["-V", version, ...where, ...credential, ...message], { timeoutMs: 15_000 });
}

async function reached(device: Address): Promise<void> {
  await until("the shadow to have it", async () => (await shadowOf({ platform, path: device.path })).reported["Temperature"] === 21);
}

async function failuresOf({ path }: Address): Promise<readonly Record<string, unknown>[]> {
  const answer = await platform.api(`${path}/connection-failures`);
  expect(answer.status).toBe(200);
  return (answer.body as JsonObject)["failures"] as unknown as readonly Record<string, unknown>[];
}

describe("a device secret", () => {
  test("signs a device on over MQTT 3.1.1 and 5, by SHA-256 and SHA-1, and by MD5 once the product says so", async () => {
    const device = await createBare();
    const secret = await newSecret(device.path);
    for (const version of ["311", "5"]) expect((await publish(device, signed(device, secret), overTls(), version)).code).toBe(0);
    expect((await publish(device, signed(device, secret, "sha1", "lan=C,gw=0,instanceId=iot-x"))).code).toBe(0);
    expect((await publish(device, signed(device, secret, "md5"))).code).not.toBe(0);
    const body = { legacySignatures: true };
    await platform.api(`/v1/products/${device.productKey}`, { method: "PATCH", body });
    expect((await publish(device, signed(device, secret, "md5"))).code).toBe(0);
    await reached(device);
  });

  test("works on beside the next one for as long as was said, and stops when it is replaced at once", async () => {
    const device = await createBare();
    const first = await newSecret(device.path);
    const second = await newSecret(device.path, { overlapSeconds: 3_600 });
    for (const secret of [first, second]) expect((await publish(device, signed(device, secret))).code).toBe(0);
    const third = await newSecret(device.path);
    for (const secret of [first, second]) expect((await publish(device, signed(device, secret))).code).not.toBe(0);
    expect((await publish(device, signed(device, third))).code).toBe(0);
  });

  test("is nothing to a product that did not switch secrets on, which is every product at first", async () => {
    const device = await createBare();
    const secret = await newSecret(device.path);
    await platform.api(`/v1/products/${device.productKey}`, { method: "PATCH", body: { secretAuthentication: false } });
    expect((await publish(device, signed(device, secret))).code).not.toBe(0);
    expect((await platform.api(`${device.path}/secret`, { method: "POST" })).status).toBe(409);
    const { productKey } = await createProduct(platform);
    expect((await platform.api(`/v1/products/${productKey}`)).body).toMatchObject({ secretAuthentication: false, registration: "off" });
  });
});

describe("a pre-shared key", () => {
  const overPsk = (identity: string, key: string): readonly string[] => {
    const { host, port } = platform.mqttPsk;
    return ["-h", host, "-p", `${port}`, "--psk-identity", identity, "--psk", key];
  };

  test("lets mosquitto_pub in, and a wrong key, an unknown identity and none do not", async () => {
    const device = await createBare();
    const secret = await newSecret(device.path);
    const identity = `${device.deviceName}&${device.productKey}`;
    for (const version of ["311", "5"]) expect((await publish(device, [], overPsk(identity, secret), version)).code).toBe(0);
    await reached(device);
    expect((await publish(device, [], overPsk(identity, "00".repeat(32)))).code).not.toBe(0);
    expect((await publish(device, [], overPsk(`nobody&${device.productKey}`, secret))).code).not.toBe(0);
    const { host, port } = platform.mqttPsk;
    const withoutKey = ["-h", host, "-p", `${port}`, "--cafile", platform.caFile];
    expect((await publish(device, signed(device, secret), withoutKey)).code).not.toBe(0);
    const failures = await until("the failure to be told", async () => {
      const found = await failuresOf(device);
      return found.some(({ reason }) => reason === "wrong-key") ? found : undefined;
    });
    expect(failures).toMatchObject([{ reason: "wrong-key", protocol: "mqtt-psk", count: 1 }]);
  });
});

describe("a token signed with a device's own key", () => {
  test("signs it on as the password, until the key is taken away; alg none does not", async () => {
    const device = await createBare({ secretAuthentication: false });
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const body = { publicKey: publicKey.export({ type: "spki", format: "pem" }) as string };
    const key = await platform.api(`${device.path}/public-keys`, { method: "POST", body });
    expect(key.status).toBe(201);
    const claims = { sub: `${device.deviceName}&${device.productKey}`, aud: device.productKey, exp: Math.floor(Date.now() / 1_000) + 300 };
    const connect = (jwt: string) => ["-i", "any", "-u", "unused", "-P", jwt];
    const good = connect(jwtOf({ alg: "EdDSA" }, claims, privateKey));
    expect((await publish(device, good)).code).toBe(0);
    await reached(device);
    expect((await publish(device, connect(jwtOf({ alg: "none" }, claims, privateKey)))).code).not.toBe(0);
    expect((await publish(device, connect(jwtOf({ alg: "EdDSA" }, { ...claims, exp: claims.exp + 90_000 }, privateKey)))).code).not.toBe(0);
    expect((await platform.api(`${device.path}/public-keys/${(key.body as JsonObject)["keyId"]}`, { method: "DELETE" })).status).toBe(204);
    expect((await publish(device, good)).code).not.toBe(0);
  });
});

describe("registration", () => {
  /** mosquitto_sub prints what it is sent without having subscribed to it. */
  async function register({ productKey, deviceName }: Address, way: string, secret: string): Promise<Record<string, string> | undefined> {
    const password = createHmac("sha256", secret).update(`deviceName${deviceName}productKey${productKey}random42`).digest("hex");
    const clientId = `${deviceName}.${productKey}|random=42,authType=${way},securemode=2,signmethod=hmacsha256|`;
    const connect = ["-V", "311", ...overTls(), "-i", clientId, "-u", `${deviceName}&${productKey}`, "-P", password];
    const { stdout } = await run(await clientOf("mosquitto_sub"), [...connect, "-C", "1", "-W", "5", "-t", "x", "-F", "%t %p"], {
      timeoutMs: 15_000,
    });
    const [, topic, payload = ""] = /^(\S+) (\{.*\})$/m.exec(stdout) ?? [];
    if (topic === undefined) return undefined;
    expect(topic).toBe(`/ext/${way}`);
    return JSON.parse(payload) as Record<string, string>;
  }

  test("a device that was created before fetches its secret and signs on with it, and then registers no more", async () => {
    const device = await createBare({ registration: "known" });
    const productSecret = await newSecret(`/v1/products/${device.productKey}`);
    const given = await register(device, "register", productSecret);
    expect(given).toEqual({
      productKey: device.productKey,
      deviceName: device.deviceName,
      deviceSecret: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(await register({ ...device, deviceName: "nobody-here" }, "register", productSecret)).toBeUndefined();
    expect((await publish(device, signed(device, given?.["deviceSecret"] ?? ""))).code).toBe(0);
    await reached(device);
    expect(await register(device, "register", productSecret)).toBeUndefined();
    expect(await failuresOf(device)).toMatchObject([{ reason: "already-activated" }]);
  });

  test("a device that nobody created is made, and signs on with the token it got", async () => {
    const { productKey } = await createBare({ registration: "open" });
    const productSecret = await newSecret(`/v1/products/${productKey}`);
    const deviceName = `walk-in-${randomBytes(4).toString("hex")}`;
    const device = { productKey, deviceName, path: `/v1/products/${productKey}/devices/${deviceName}` };
    expect(await register(device, "regnwl", "00".repeat(32))).toBeUndefined();
    expect((await platform.api(device.path)).status).toBe(404);
    const { clientId = "", deviceToken = "" } = (await register(device, "regnwl", productSecret)) ?? {};
    const credential = ["-i", `${clientId}|securemode=-2,authType=connwl|`, "-u", `${deviceName}&${productKey}`, "-P", deviceToken];
    expect((await publish(device, credential)).code).toBe(0);
    await reached(device);
    expect((await platform.api(device.path)).status).toBe(200);
  });

  test("over HTTPS, with curl and no certificate", async () => {
    const device = await createBare({ registration: "known" });
    const { productKey, deviceName } = device;
    const productSecret = await newSecret(`/v1/products/${productKey}`);
    const ask = async (secret: string): Promise<string> => {
      const sign = createHmac("sha256", secret).update(`deviceName${deviceName}productKey${productKey}random42`).digest("hex");
      const fields = { productKey, deviceName, random: "42", sign, signMethod: "hmacsha256" };
      const data = Object.entries(fields).flatMap(([name, value]) => ["--data-urlencode", `${name}=${value}`]);
      const url = `${platform.https}/auth/register/device`;
      return (await run(await clientOf("curl"), ["-sS", "--cacert", platform.caFile, ...data, url])).stdout;
    };
    expect(await ask("00".repeat(32))).toBe('{"code":401,"message":"the device could not be registered"}');
    const answer = JSON.parse(await ask(productSecret)) as { code: number; data: { deviceSecret: string } };
    expect(answer).toMatchObject({ code: 200, message: "success", data: { productKey, deviceName } });
    expect((await publish(device, signed(device, answer.data.deviceSecret))).code).toBe(0);
  });
});

describe("HTTPS without a certificate", () => {
  test("a signature gets a token, and messages with it are stored; a token that is made up is told to be over", async () => {
    const device = await createBare();
    const { productKey, deviceName } = device;
    const secret = await newSecret(device.path);
    const post = async (path: string, args: readonly string[]): Promise<Record<string, unknown>> => {
      const { stdout } = await run(await clientOf("curl"), ["-sS", "--cacert", platform.caFile, ...args, `${platform.https}${path}`]);
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    const auth = (key: string) => {
      const content = `clientId12345deviceName${deviceName}productKey${productKey}timestamp1760000000000`;
      const proof = {
        version: "default",
        clientId: "12345",
        signmethod: "hmacsha1",
        sign: createHmac("sha1", key).update(content).digest("hex"),
      };
      const body = { ...proof, productKey, deviceName, timestamp: "1760000000000" };
      return post("/auth", ["-H", "content-type: application/json", "--data", JSON.stringify(body)]);
    };
    expect(await auth("wrong")).toEqual({ code: 20_000, message: "auth check error" });
    const { info, ...rest } = await auth(secret);
    expect(rest).toEqual({ code: 0, message: "success" });
    const { token } = info as { token: string };
    const topic = formatTopic("propertyPost", device);
    const say = (by: string) =>
      post(`/topic${topic}`, ["-H", `password: ${by}`, "-H", "content-type: application/octet-stream", "--data-binary", report]);
    expect(await say(token)).toMatchObject({ code: 0, message: "success", info: { messageId: expect.any(Number) } });
    await reached(device);
    expect(await say("made-up-token-of-somebody-else-who-is-nobody")).toEqual({ code: 20_001, message: "token is expired" });
    await newSecret(device.path);
    expect(await say(token)).toMatchObject({ code: 20_001 });
  });
});

describe("why a device cannot connect", () => {
  test("is one call: when, from where, over what and why, until it is held off, which is said as well", async () => {
    const device = await createBare();
    await newSecret(device.path);
    for (let i = 0; i < 3; i++) await publish(device, signed(device, "wrong"));
    const [failure] = await failuresOf(device);
    expect(failure).toMatchObject({
      reason: "wrong-signature",
      protocol: "mqtt-3.1.1",
      count: 3,
      address: expect.stringMatching(/^127\./),
    });
    expect(String(failure?.["message"])).toContain("secret");
    for (let i = 0; i < 5; i++) await publish(device, signed(device, "wrong"), overTls(), "5");
    await until("the hold-off to be told", async () => (await failuresOf(device)).some(({ reason }) => reason === "held-off"));
  });
});

function jwtOf(header: object, claims: object, key: KeyObject): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), key).toString("base64url")}`;
}
