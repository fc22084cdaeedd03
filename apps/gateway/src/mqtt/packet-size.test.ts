import { ReasonCode } from "@mooring/mqtt";
import { expect, test } from "vitest";
import { Outgoing } from "./outgoing.ts";
import { putFitting } from "./packet-size.ts";
import { WriteGatherer } from "./write-gatherer.ts";

test("what is larger than the client takes is not said, and ends the connection: 0x95 [MQTT-3.1.2-24]", () => {
  const closed: unknown[] = [];
  const outgoing = new Outgoing(new WriteGatherer());
  const out = { outgoing, close: (...why: readonly unknown[]) => void closed.push(why) };
  putFitting(out, Buffer.alloc(10), 10);
  expect([outgoing.bytes, closed]).toEqual([10, []]);
  putFitting(out, Buffer.alloc(11), 10);
  expect([outgoing.bytes, closed]).toEqual([10, [[ReasonCode.PacketTooLarge, "packetSize"]]]);
});
