import { silentLog } from "@mooring/kit";
import { until } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { type Accepted, applyChange, type Change } from "./change.ts";
import { emptyDocument, type ShadowDocument } from "./document.ts";
import { Lanes } from "./lanes.ts";
import type { ShadowKey } from "./ports.ts";
import { keyOf, makeChange, makeDevice, NotingGateways } from "./world.test-support.ts";

/** Lanes over documents in memory. */
function createWorld() {
  const gateways = new NotingGateways();
  const documents = new Map<string, ShadowDocument>();
  const lanes = new Lanes({ store: { load: async (key) => documents.get(key.name) ?? emptyDocument }, gateways, log: silentLog });
  const device = makeDevice();
  gateways.online.add(device.deviceId);
  const announce = (key: ShadowKey, n: number, byDevice = false): Promise<void> | undefined => {
    const change: Change = makeChange(key, { desired: { n } }, { byDevice });
    const accepted: Accepted = applyChange(documents.get(key.name) ?? emptyDocument, change, { atMs: n, bytesMax: 100_000 });
    documents.set(key.name, accepted.after);
    return lanes.announce(change, accepted);
  };
  return { gateways, lanes, announce, documents, classic: keyOf(device), config: keyOf(device, "config") };
}

describe("a lane", () => {
  test("to a slow device keeps the last 100 changes and the newest delta of each shadow; what was dropped is counted", async () => {
    const { gateways, lanes, announce, classic, config } = createWorld();
    const gate = Promise.withResolvers<void>();
    gateways.before = () => gate.promise;
    announce(classic, 1);
    await until("the first one to be on its way", () => lanes.waitingChanges === 0);
    announce(config, 1);
    for (let n = 2; n <= 251; n++) announce(classic, n);
    expect(lanes.waitingChanges).toBe(100);
    expect(lanes.droppedChanges).toBe(151);
    gate.resolve();
    await until("the last change to be told", () => gateways.sent.some(({ message }) => message.version === 251));
    await until("the lane to be empty", () => lanes.waitingChanges === 0);
    const accepted = gateways.sent.filter(({ kind }) => kind === "shadowAccepted").map(({ message }) => message.version);
    expect(accepted).toEqual([1, ...Array.from({ length: 100 }, (_, i) => 152 + i)]);
    // All changes of the other shadow were dropped; its delta was not.
    expect(gateways.sent.filter(({ shadowName }) => shadowName === "config").map(({ kind }) => kind)).toEqual(["shadowDelta"]);
    const deltas = gateways.sent.filter(({ kind, shadowName }) => kind === "shadowDelta" && shadowName === undefined);
    expect(deltas.at(-1)?.message).toMatchObject({ version: 251, state: { n: 251 } });
  });

  test("does not drop what somebody waits for, while others can be dropped", async () => {
    const { gateways, lanes, announce, classic } = createWorld();
    const gate = Promise.withResolvers<void>();
    gateways.before = () => gate.promise;
    announce(classic, 1);
    await until("the first one to be on its way", () => lanes.waitingChanges === 0);
    const told = announce(classic, 2, true);
    for (let n = 3; n <= 200; n++) announce(classic, n);
    gate.resolve();
    await told;
    expect(gateways.story).toContain("shadowAccepted 2");
  });

  test("of one device does not hold up that of another", async () => {
    const { gateways, announce, classic } = createWorld();
    const other = keyOf(makeDevice());
    gateways.online.add(other.deviceId);
    const gate = Promise.withResolvers<void>();
    let isFirst = true;
    gateways.before = () => {
      const wait = isFirst ? gate.promise : Promise.resolve();
      isFirst = false;
      return wait;
    };
    const slow = announce(classic, 1, true);
    await announce(other, 2, true);
    expect(gateways.sent.every(({ deviceId }) => deviceId === other.deviceId)).toBe(true);
    gate.resolve();
    await slow;
    expect(gateways.sent.some(({ deviceId }) => deviceId === classic.deviceId)).toBe(true);
  });

  test("does not send the delta of a change that comes late, after the open delta of a later version", async () => {
    const { gateways, lanes, announce, classic, documents } = createWorld();
    const gate = Promise.withResolvers<void>();
    gateways.before = () => gate.promise;
    documents.set("", { ...emptyDocument, version: 7, desired: { n: 7 } });
    const asked = lanes.ready(classic);
    // Let it load the document and go to the gateway.
    await new Promise((resolve) => setImmediate(resolve));
    documents.set("", { ...emptyDocument, version: 5 });
    const told = announce(classic, 6, true);
    gate.resolve();
    await Promise.all([asked, told]);
    expect(gateways.story).toEqual(["shadowDelta 7", "shadowAccepted 6", "shadowDocuments 6"]);
  });

  test("never sends an older delta after a newer one, also when the open one is asked for in between", async () => {
    const { gateways, lanes, announce, classic } = createWorld();
    const asked: Promise<void>[] = [];
    for (let n = 1; n <= 50; n++) {
      announce(classic, n);
      asked.push(lanes.ready(classic));
      if (n % 7 === 0) await Promise.all(asked.splice(0));
    }
    await Promise.all(asked);
    const versions = gateways.sent.filter(({ kind }) => kind === "shadowDelta").map(({ message }) => message.version);
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(versions.at(-1)).toBe(50);
  });

  test("hands messages over in requests of about a megabyte, none lost and in order", async () => {
    const { gateways, lanes, classic } = createWorld();
    const change = makeChange(classic, { reported: { text: "x".repeat(60_000) } }, { byDevice: true });
    let document = emptyDocument;
    const told = Array.from({ length: 20 }, () => {
      const accepted = applyChange(document, change, { atMs: 1, bytesMax: 100_000 });
      document = accepted.after;
      return lanes.announce(change, accepted);
    });
    await Promise.all(told);
    expect(gateways.story).toEqual(Array.from({ length: 20 }, (_, i) => [`shadowAccepted ${i + 1}`, `shadowDocuments ${i + 1}`]).flat());
    const requests = new Map<number, number>();
    for (const { request, message } of gateways.sent) requests.set(request, (requests.get(request) ?? 0) + JSON.stringify(message).length);
    expect(Math.max(...requests.values())).toBeLessThanOrEqual(1024 * 1024);
    expect(requests.size).toBe(4);
  });

  test("takes so many requests for open deltas at a time, and refuses more", async () => {
    const { gateways, lanes, classic } = createWorld();
    const gate = Promise.withResolvers<void>();
    let isUnderWay = false;
    gateways.find = () => {
      isUnderWay = true;
      return gate.promise.then(() => []);
    };
    const first = lanes.ready(classic);
    await until("the first to be under way", () => isUnderWay);
    const asked = Array.from({ length: 100 }, (_, i) => lanes.ready({ ...classic, name: `n${i}` }));
    await expect(lanes.ready({ ...classic, name: "more" })).rejects.toMatchObject({ code: "unavailable" });
    gate.resolve();
    await Promise.all([first, ...asked]);
  });
});
