// The log stalls: what the gateway holds is bounded, what may be lost is shed and counted, and nothing needs a restart.
import type { AppendAck, AppendFrame, Caller } from "@mooring/contracts";
import { ProtocolLevel } from "@mooring/mqtt";
import { expect, test } from "vitest";
import { post, report, useGateway } from "./fixture.test-support.ts";
import type { MqttClient } from "./mqtt-client.test-support.ts";

const fixture = useGateway();
const recordsMax = 100;

/** From now on the log takes frames and never says anything again, until the returned function is called; streams that hang then do for good. */
function stall(): { readonly taken: () => number; readonly resume: () => void } {
  const { events } = fixture.harness;
  const append = events.append.bind(events);
  const state = { isStalled: true, taken: 0 };
  events.append = async function* (caller: Caller, frames: AsyncIterable<AppendFrame>): AsyncGenerator<AppendAck> {
    if (!state.isStalled) return yield* append(caller, frames);
    for await (const { records } of frames) {
      state.taken += records.length;
      await new Promise(() => undefined);
    }
  };
  return {
    taken: () => state.taken,
    resume: () => {
      state.isStalled = false;
    },
  };
}

async function metric(name: string): Promise<number> {
  const line = (await fixture.harness.metrics.text()).split("\n").find((text) => text.startsWith(`mooring_gateway_${name} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

test("with a log that never acknowledges, what is held is bounded, QoS 0 is shed and counted, and all goes on when it resumes", async () => {
  await fixture.restart({ uplink: { recordsMax, giveUpMs: 3_000 } });
  const { harness } = fixture;
  const { taken, resume } = stall();
  // The stream that is open already breaks at the next record, and the ones after it stall.
  harness.events.isBroken = true;
  const loud = await fixture.signOn("dev-1");
  const others: MqttClient[] = [];
  for (const name of ["dev-2", "dev-3", "dev-4"]) others.push(await fixture.signOn(name, { level: ProtocolLevel.V311 }));
  for (let i = 0; i < 2_000; i++) loud.publish(post("dev-1"), report({ Temperature: i % 100 }), 0);
  await expect.poll(() => metric('shed_total{direction="up"}')).toBeGreaterThan(1_000);
  // What may be lost leaves room for what may not: nobody is kept from speaking yet.
  expect([await metric("congested"), await metric("records_pending")]).toEqual([0, recordsMax / 2 + 1]);
  for (const [i, client] of others.entries()) {
    for (let n = 0; n < 200; n++) client.publish(post(`dev-${i + 2}`), report({ Temperature: n % 100 }));
  }
  await expect.poll(() => metric("congested")).toBe(1);
  expect(await metric("records_pending")).toBeLessThanOrEqual(recordsMax);
  expect(taken()).toBeGreaterThan(0);
  // Given up: not acknowledged, and the end of the connection says so. Who only sent what may be lost is not ended.
  await Promise.all(others.map((client) => client.closed()));
  expect(others.map(({ pubacks }) => pubacks)).toEqual([[], [], []]);
  expect(loud.isClosed).toBe(false);
  harness.events.isBroken = false;
  resume();
  const again = await fixture.signOn("dev-2", { clientId: "again" });
  for (const [name, client] of [
    ["dev-1", loud],
    ["dev-2", again],
  ] as const) {
    expect(await client.acknowledged(client.publish(post(name), report({ Temperature: 77 })))).toBe(0);
  }
  await expect.poll(async () => [await metric("congested"), await metric("records_pending")]).toEqual([0, 0]);
  const stored = fixture.stored("properties") as { properties: { Temperature: { value: number } } }[];
  expect(stored.filter(({ properties }) => properties.Temperature.value === 77)).toHaveLength(2);
});
