import { randomUUID } from "node:crypto";
import { until } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDevice, type TestDevice } from "./harness/devices.ts";
import { historyOf, shadowOf } from "./harness/documents.ts";
import { subscribe } from "./harness/grpc.ts";
import { MqttWire } from "./harness/mqtt-wire.ts";
import { type Platform, startPlatform } from "./harness/platform.ts";
import { mode } from "./harness/shared-platform.ts";

/** What is killed at the same time, right after a PUBACK. */
interface Victims {
  readonly name: string;
  /** Undefined: everything. */
  readonly parts: readonly string[] | undefined;
  readonly rounds: number;
}

// Killing all of ten processes takes ten times as long to start again, so it is done less often than killing those that store.
const victims: Readonly<Record<typeof mode, readonly Victims[]>> = {
  "all-in-one": [
    { name: "the platform, its Postgres left behind", parts: ["platform"], rounds: 5 },
    { name: "the platform and its Postgres", parts: undefined, rounds: 5 },
  ],
  split: [
    { name: "events and Postgres", parts: ["postgres", "events"], rounds: 5 },
    { name: "the gateway", parts: ["gateway"], rounds: 4 },
    { name: "everything", parts: undefined, rounds: 1 },
  ],
};

/** Messages under way at a time, as a device that does not wait for each PUBACK has them. */
const inFlight = 20;

/** Writes down what was sent and what was acknowledged; the values tell which message is which. */
class Ledger {
  readonly intended: string[] = [];
  readonly acknowledged: string[] = [];
}

/** Sends one message after the other, and kills in the very moment in which this round's number of them is acknowledged. */
async function sendUntilKilled(device: TestDevice, ledger: Ledger, round: number, kill: () => Promise<unknown>): Promise<void> {
  const wire = await connectPatiently(device, `round-${round}`);
  const values: string[] = [];
  const sendNext = (): void => {
    const value = `1.${round}.${values.length + 1}`;
    values.push(value);
    ledger.intended.push(value);
    wire.publish(values.length, device.topic("propertyPost"), JSON.stringify({ id: "1", params: { FirmwareVersion: value } }));
  };
  const killAfter = 1 + round * 17;
  const killed = Promise.withResolvers<void>();
  wire.onAcknowledged = (count) => {
    if (count === killAfter) kill().then(() => killed.resolve(), killed.reject);
    else if (count < killAfter) sendNext();
  };
  for (let i = 0; i < inFlight; i += 1) sendNext();
  await killed.promise;
  wire.close();
  ledger.acknowledged.push(...wire.acknowledged.map((id) => values[id - 1] ?? "unknown"));
}

/** As devices do: a platform of which a part has just come back may say that it cannot tell yet who this is. */
function connectPatiently(device: TestDevice, clientId: string): Promise<MqttWire> {
  return until("the device to be let in", () => MqttWire.connect(device, clientId).catch(() => undefined));
}

describe("kill -9 right after a PUBACK loses nothing acknowledged and invents nothing; each is stored once and in order", () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform(mode);
  });
  afterAll(() => platform?.stop());

  test.each(victims[mode])("of $name, in $rounds rounds", async ({ name, parts, rounds }) => {
    const device = await createDevice(platform);
    const ledger = new Ledger();
    for (let round = 1; round <= rounds; round += 1) {
      await sendUntilKilled(device, ledger, round, () => Promise.all((parts ?? [undefined]).map((part) => platform.kill9(part))));
      for (const part of parts ?? [undefined]) await platform.restart(part);
    }
    const stored = await readLog(device, ledger);
    const place = new Map(ledger.intended.map((value, index) => [value, index]));
    const kept = new Set(stored);
    expect(ledger.acknowledged.length).toBeGreaterThanOrEqual(rounds);
    expect(ledger.acknowledged.filter((value) => !kept.has(value))).toEqual([]);
    expect(stored.filter((value) => !place.has(value))).toEqual([]);
    expect(stored).toEqual([...kept]);
    expect(stored).toEqual([...stored].sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0)));
    await expectProjections(device, stored, name);
  });
});

/** All that the log has of the device, in order: read until the last acknowledged value has come. */
async function readLog(device: TestDevice, ledger: Ledger): Promise<readonly string[]> {
  const start = { subscription: randomUUID(), from: "earliest", productKey: device.productKey, kinds: ["properties"] };
  const subscriber = subscribe(device.platform, start);
  const values = (): string[] =>
    subscriber.records.map(
      (record) => (JSON.parse(record.body) as { properties: { FirmwareVersion: { value: string } } }).properties.FirmwareVersion.value,
    );
  // A last message after which nothing is to come: the log is in order, so all before it is there when it is.
  const wire = await connectPatiently(device, "last");
  wire.publish(1, device.topic("propertyPost"), JSON.stringify({ id: "1", params: { FirmwareVersion: "9.9.9" } }));
  await until("the last acknowledgement", () => wire.acknowledged.length === 1);
  wire.close();
  ledger.intended.push("9.9.9");
  ledger.acknowledged.push("9.9.9");
  await until("the last message in the log", () => values().at(-1) === "9.9.9");
  await subscriber.stop();
  return values();
}

/** History and shadow were made from the log with each record applied exactly once. */
async function expectProjections(device: TestDevice, stored: readonly string[], name: string): Promise<void> {
  const shadow = await until(`the shadow after killing ${name}`, async () => {
    const now = await shadowOf(device);
    return now.reported["FirmwareVersion"] === "9.9.9" ? now : undefined;
  });
  expect(shadow.version).toBe(stored.length);
  const points = await until("the history", async () => {
    const found = await historyOf(device, "FirmwareVersion", "?pageSize=1000");
    return found[0]?.value === "9.9.9" && found.length >= stored.length ? found : undefined;
  });
  expect(points.map((point) => point.value).sort()).toEqual([...stored].sort());
}
