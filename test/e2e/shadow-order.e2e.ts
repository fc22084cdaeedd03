import type { JsonObject } from "@mooring/contracts";
import { until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Product, type Target, type TestDevice } from "./harness/devices.ts";
import { desire } from "./harness/documents.ts";
import { type Heard, listen } from "./harness/mosquitto.ts";
import { ShadowClient } from "./harness/shadow-client.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
let product: Product;
beforeAll(async () => {
  platform = await sharedPlatform();
  const { status, body, text } = await platform.api("/v1/products", { method: "POST", body: { name: "Free form" } });
  if (status !== 201) throw new Error(`the product was refused: ${text}`);
  product = body as unknown as Product;
});

const changes = 40;

function prefixOf({ productKey, deviceName }: TestDevice, dialect: string): string {
  return dialect === "native" ? `/sys/${productKey}/${deviceName}/shadow` : `$aws/things/${productKey}.${deviceName}/shadow`;
}

/** What was heard of each change, as `{version}:{accepted|documents|delta}`. */
function stepsOf(heard: readonly Heard[]): string[] {
  return heard.map(({ topic, payload }) => {
    const body = JSON.parse(payload) as JsonObject;
    const current = body["current"] as JsonObject | undefined;
    return `${current?.["version"] ?? body["version"]}:${topic.split("/").at(-1)}`;
  });
}

describe.each(["native", "aws"])("over %s topics", (dialect) => {
  test("each change is heard as accepted and documents, then its delta unless a newer one follows, in the order of versions, whoever makes it", async () => {
    const device = await createDevice(platform, product);
    const prefix = prefixOf(device, dialect);
    const listener = await listen(device, `${prefix}/update/+`);
    const client = await ShadowClient.open(device);
    // Desired is never reached, so every change leaves a delta.
    const byDevice = async (): Promise<void> => {
      for (let n = 0; n < changes / 2; n++) await client.publish(`${prefix}/update`, JSON.stringify({ state: { reported: { n } } }));
    };
    const byBackEnd = async (): Promise<void> => {
      for (let n = 0; n < changes / 2; n++) await desire(device, { n: 1_000 + n });
    };
    await desire(device, { n: 999 });
    await Promise.all([byDevice(), byBackEnd()]);
    const last = `${changes + 1}:delta`;
    const steps = await until("the delta of the last change", () => {
      const heard = stepsOf(listener.heard);
      return heard.includes(last) ? heard : undefined;
    });
    const versions = Array.from({ length: changes + 1 }, (_, i) => i + 1);
    expect(steps.filter((step) => !step.endsWith("delta"))).toEqual(
      versions.flatMap((version) => [`${version}:accepted`, `${version}:documents`]),
    );
    for (const [at, step] of steps.entries()) {
      if (step.endsWith("delta")) expect(steps[at - 1]).toBe(step.replace("delta", "documents"));
    }
    expect(steps.at(-1)).toBe(last);
    for (const { topic, payload } of listener.heard.filter((heard) => heard.topic.endsWith("documents"))) {
      const { previous, current } = JSON.parse(payload) as { previous: JsonObject; current: JsonObject };
      expect([topic, previous["version"]]).toEqual([`${prefix}/update/documents`, Number(current["version"]) - 1]);
    }
  });

  test("a token comes back in all three, and the delta ends when it is reported", async () => {
    const device = await createDevice(platform, product);
    const prefix = prefixOf(device, dialect);
    const client = await ShadowClient.open(device);
    await client.subscribe(`${prefix}/update/+`);
    await client.publish(`${prefix}/update`, JSON.stringify({ state: { desired: { a: 1, b: { c: 2 } } }, clientToken: "one" }));
    await client.publish(`${prefix}/update`, JSON.stringify({ state: { reported: { a: 1 } }, clientToken: "two" }));
    await client.publish(`${prefix}/update`, JSON.stringify({ state: { reported: { b: { c: 2 } } }, clientToken: "three" }));
    await until("the messages of three changes", () => client.heard.length >= 8);
    expect(client.heard.map(({ topic, body }) => [topic.split("/").at(-1), body["clientToken"]])).toEqual([
      ...["accepted", "documents", "delta"].map((what) => [what, "one"]),
      ...["accepted", "documents", "delta"].map((what) => [what, "two"]),
      ...["accepted", "documents"].map((what) => [what, "three"]),
    ]);
    const deltas = client.heard.filter(({ topic }) => topic.endsWith("delta")).map(({ body }) => body["state"]);
    expect(deltas).toEqual([{ a: 1, b: { c: 2 } }, { b: { c: 2 } }]);
  });
});
