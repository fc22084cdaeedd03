import { inject, test } from "vitest";
import { Broker } from "./broker.ts";
import type { MalformedPacket } from "./malformed-packets.ts";
import { deviationOf } from "./mosquitto-deviations.ts";
import { type VersionSet, versionSets } from "./versions.ts";

/** What a test needs of the target beside TCP; without it, the test is skipped. */
export type Need = "webSocketUrl" | "refusing" | "keepAliveSMax" | "receiveMaximum";

/**
 * A test of what is promised, once per version of MQTT. The title ends with the ids of the statements it shows, `[MQTT-3.1.0-2]`, or
 * `[5.0 MQTT-3.1.2-22]` where the versions number them differently. Tests run side by side: each has topics and client ids of its own.
 *
 * On mosquitto a test that is listed as a known deviation must fail.
 */
export function conforms(title: string, versions: VersionSet, body: (broker: Broker) => Promise<void>, ...needs: Need[]): void {
  for (const version of versionSets[versions]) {
    test.concurrent(`${version}: ${title}`, async ({ skip }) => {
      const target = inject("conformanceTarget");
      for (const need of needs) if (target[need] === undefined) return skip(`the target has no ${need}`);
      await judge(new Broker(target, version), body, target.name === "mosquitto" ? deviationOf(title, version) : undefined);
    });
  }
}

/** A test of what a malformed packet does, under the packet's name. */
export function conformsUnlessTaken(packet: MalformedPacket, body: (broker: Broker) => Promise<void>): void {
  for (const version of versionSets[packet.versions]) {
    test.concurrent(`${version}: ${packet.what} ends its connection and nothing else`, async () => {
      const target = inject("conformanceTarget");
      const taken = target.name === "mosquitto" && packet.mosquittoTakes?.includes(version) ? "it takes the packet" : undefined;
      await judge(new Broker(target, version), body, taken);
    });
  }
}

/** A known deviation must show: else what is said of it is wrong. */
async function judge(broker: Broker, body: (broker: Broker) => Promise<void>, deviation: string | undefined): Promise<void> {
  const failure = await tryOut(broker, body);
  if (deviation === undefined && failure !== undefined) throw failure;
  if (deviation !== undefined && failure === undefined) throw new Error(`mosquitto conforms, against what is said of it: ${deviation}`);
}

async function tryOut(broker: Broker, body: (broker: Broker) => Promise<void>): Promise<unknown> {
  try {
    await body(broker);
    const fault = broker.fault();
    return fault === undefined ? undefined : new Error(fault);
  } catch (error) {
    return error ?? new Error("failed without saying why");
  } finally {
    broker.dispose();
  }
}
