import type { ErrorCode, JsonObject } from "@mooring/contracts";
import { PlatformError, type ShadowAddress } from "@mooring/contracts";
import { type ShadowStep, shadowCases } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Product, type Target, type TestDevice } from "./harness/devices.ts";
import { connectPublic, nobody } from "./harness/grpc.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
let product: Product;
let shadow: ReturnType<typeof connectPublic<"shadow">>;
beforeAll(async () => {
  platform = await sharedPlatform();
  shadow = connectPublic(platform, "shadow");
  const { status, body, text } = await platform.api("/v1/products", { method: "POST", body: { name: "Free form" } });
  if (status !== 201) throw new Error(`the product was refused: ${text}`);
  product = body as unknown as Product;
});
afterAll(() => shadow?.stop());

type Outcome =
  | { readonly refused: ErrorCode }
  | { readonly version: number; readonly desired: JsonObject; readonly reported: JsonObject; readonly delta: JsonObject };
type Door = (device: TestDevice, step: ShadowStep) => Promise<Outcome>;

const codes: Readonly<Record<number, ErrorCode>> = {
  400: "invalidArgument",
  404: "notFound",
  409: "versionConflict",
  412: "versionConflict",
  413: "payloadTooLarge",
};

const rest: Door = async ({ path }, { operation, shadowName, desired, version }) => {
  const name = shadowName === undefined ? "" : `?name=${encodeURIComponent(shadowName)}`;
  const expected = version === undefined ? {} : { version };
  const method = { get: "GET", update: "PATCH", delete: "DELETE" }[operation];
  const headers = operation === "delete" && version !== undefined ? { "if-match": `"${version}"` } : {};
  const body = operation === "update" ? { body: { desired: desired ?? null, ...expected } } : {};
  const answer = await platform.api(`${path}/shadow${name}`, { method, headers, ...body });
  const refused = codes[answer.status];
  if (refused !== undefined) return { refused };
  expect(answer.status, answer.text).toBe(200);
  return pick(answer.body as unknown as Parameters<typeof pick>[0]);
};

const grpc: Door = async ({ productKey, deviceName }, { operation, shadowName, desired, version }) => {
  const address: ShadowAddress = { productKey, deviceName, ...(shadowName === undefined ? {} : { shadowName }) };
  const expected = version === undefined ? {} : { expectedVersion: version };
  try {
    if (operation === "get") return pick(await shadow.get(nobody, address));
    if (operation === "delete") return pick(await shadow.delete(nobody, { ...address, ...expected }));
    return pick(await shadow.update(nobody, { ...address, ...expected, desired: desired ?? null }));
  } catch (error) {
    if (error instanceof PlatformError) return { refused: error.code };
    throw error;
  }
};

function pick(view: {
  readonly version: number;
  readonly desired: JsonObject;
  readonly reported: JsonObject;
  readonly delta: JsonObject;
}): Outcome {
  const { version, desired, reported, delta } = view;
  return { version, desired, reported, delta };
}

/** The same table that devices' topics run: the way there makes no difference. */
describe.each<[string, Door]>([
  ["REST", rest],
  ["gRPC", grpc],
])("a shadow by way of %s", (_name, door) => {
  test.each(shadowCases.filter(({ by }) => by === "anyone").map((one) => [one.title, one] as const))("%s", async (_title, one) => {
    const device = await createDevice(platform, product);
    for (const step of one.steps) expect(await door(device, step)).toEqual(step.outcome);
  });
});
