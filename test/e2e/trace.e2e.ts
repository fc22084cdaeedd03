import { randomUUID } from "node:crypto";
import type { JsonObject } from "@mooring/contracts";
import { until } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { createDevice, type Target, type TestDevice } from "./harness/devices.ts";
import { subscribe } from "./harness/grpc.ts";
import { publish } from "./harness/mosquitto.ts";
import { post, report } from "./harness/reports.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";

let platform: Target;
beforeAll(async () => {
  platform = await sharedPlatform();
});

interface Entry {
  readonly outcome: string;
  readonly kind?: string;
  readonly reason?: string;
  readonly consumers?: readonly { readonly consumer: string; readonly state: string }[];
}

async function traceOf({ path }: TestDevice): Promise<readonly Entry[]> {
  const { status, body, text } = await platform.api(`${path}/trace`);
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return (body as unknown as { readonly entries: readonly Entry[] }).entries;
}

describe("why something did not arrive, in one call", () => {
  test("what was accepted and who has it, and what was refused and why", async () => {
    const device = await createDevice(platform);
    const subscription = randomUUID();
    const stream = subscribe(platform, { subscription, from: "earliest", productKey: device.productKey, kinds: ["properties"] });
    await post(device, 21);
    await publish(device, device.topic("propertyPost"), report({ Temperature: 999 }));
    const { offset } = await stream.record(0);
    const consumersOf = async (): Promise<Record<string, string> | undefined> => {
      const accepted = (await traceOf(device)).find(({ kind }) => kind === "properties");
      return accepted && Object.fromEntries((accepted.consumers ?? []).map(({ consumer, state }) => [consumer, state]));
    };
    await until("the report in history and shadow, and on its way to the subscriber", async () => {
      const states = await consumersOf();
      return states?.["history"] === "applied" && states["shadow"] === "applied" && states[`subscription:${subscription}`] === "inFlight";
    });
    stream.acknowledge(offset);
    await until("the acknowledgement", async () => (await consumersOf())?.[`subscription:${subscription}`] === "acknowledged");
    const refused = await until("the refusal", async () => (await traceOf(device)).find(({ outcome }) => outcome === "refused"));
    expect(refused.reason).toContain("Temperature");
    await stream.stop();
  });

  test("of a device that was deleted as well", async () => {
    const device = await createDevice(platform);
    await post(device, 21);
    expect((await platform.api(device.path, { method: "DELETE" })).status).toBe(204);
    const kinds = await until("the end to be there", async () => {
      const { status, body } = await platform.api(`${device.path}/trace`);
      const trace = body as unknown as { readonly deletedAt?: string; readonly entries: readonly Entry[] };
      return status === 200 && trace.deletedAt !== undefined ? trace.entries.map(({ kind }) => kind) : undefined;
    });
    expect(kinds).toContain("properties");
    expect(kinds.filter((kind) => kind === "lifecycle")).toHaveLength(2);
  });

  test("whether a device is connected, since when, and why it went", async () => {
    const device = await createDevice(platform);
    const connection = async () => (await platform.api(`${device.path}/connection`)).body as JsonObject;
    expect(await connection()).toMatchObject({ online: false });
    await post(device, 1);
    const gone = await until("the device to have come and gone", async () => {
      const now = await connection();
      return now["online"] === false && now["reason"] !== undefined ? now : undefined;
    });
    expect(gone).toMatchObject({ online: false, protocol: expect.stringMatching(/^mqtt/) as string });
  });
});
