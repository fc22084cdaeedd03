// What a product's options change for its devices, and what becomes of what is refused: over real sockets.
import type { ProductOptions } from "@mooring/contracts";
import { deriveMessageId } from "@mooring/kit";
import { describe, expect, test, vi } from "vitest";
import { post, report, sys, useGateway } from "./fixture.test-support.ts";
import { productKey } from "./harness.test-support.ts";
import { ask } from "./http-client.test-support.ts";

const fixture = useGateway();

/** Before the first message of the product: its options are kept from then on. */
function choose(options: ProductOptions): void {
  fixture.harness.devices.options = { ...fixture.harness.devices.options, ...(options as Required<ProductOptions>) };
}

const messageIds = () => fixture.harness.events.ofKind("properties").map(({ messageId }) => messageId);

describe("a message said twice", () => {
  test("under one message-id (MQTT 5) is one message, and both are acknowledged", async () => {
    const client = await fixture.signOn();
    const say = async (id: string, Temperature: number): Promise<number> =>
      client.acknowledged(
        client.publish(post("dev-1"), report({ Temperature }), 1, { properties: { userProperties: [["message-id", id]] } }),
      );
    expect([await say("a", 1), await say("a", 1), await say("b", 2)]).toEqual([0, 0, 0]);
    const { device } = await fixture.harness.credential("dev-1");
    expect(messageIds()).toEqual(["a", "b"].map((id) => deriveMessageId(device.deviceId, "message-id", id)));
  });

  test("again under one Alink id is one message for products with deduplicateIds; something else under it, and for others, is another", async () => {
    choose({ deduplicateIds: true });
    const client = await fixture.signOn();
    await client.subscribe(`${post("dev-1")}_reply`);
    for (let i = 0; i < 2; i++) expect(await client.acknowledged(client.publish(post("dev-1"), report({ Temperature: 1 })))).toBe(0);
    expect(messageIds()).toEqual([expect.stringMatching(/^.{14}8/)]);
    expect(client.messages.map(({ payload }) => (JSON.parse(payload) as { code: number }).code)).toEqual([200, 200]);
    // A device that starts anew counts from one again: what it says then is not what it said before.
    expect(await client.acknowledged(client.publish(post("dev-1"), report({ Temperature: 3 })))).toBe(0);
    expect(messageIds()).toHaveLength(2);
    choose({ deduplicateIds: false });
    fixture.harness.devices.changes.push({ offset: 1, productKey });
    await expect
      .poll(async () => {
        await client.acknowledged(client.publish(post("dev-1"), report({ Temperature: 2 })));
        return messageIds().length;
      })
      .toBeGreaterThan(3);
  });

  test("by the gateway itself is found again whatever its wall clock says: the ids that it makes are of a time that nobody can set", async () => {
    const client = await fixture.signOn();
    const startMs = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: startMs + 3_600_000 });
    try {
      await client.acknowledged(client.publish(post("dev-1"), report({ Temperature: 1 })));
      const other = await fixture.signOn("dev-2");
      await other.acknowledged(other.publish(post("dev-2"), report({ Temperature: 1 })));
    } finally {
      vi.useRealTimers();
    }
    const made = [...fixture.harness.events.ofKind("properties"), ...fixture.harness.events.ofKind("online")].slice(-3);
    expect(made).toHaveLength(3);
    for (const { messageId } of made) {
      const madeMs = Number.parseInt(messageId.slice(0, 8) + messageId.slice(9, 13), 16);
      expect(Math.abs(madeMs - startMs)).toBeLessThan(30_000);
    }
  });

  test("by two devices under one id is two messages", async () => {
    choose({ deduplicateIds: true });
    for (const name of ["dev-1", "dev-2"]) {
      const client = await fixture.signOn(name);
      await client.acknowledged(client.publish(post(name), report({ Temperature: 1 })));
    }
    expect(new Set(messageIds()).size).toBe(2);
  });
});

describe("acknowledgement: processed", () => {
  test("PUBACK, post_reply and HTTP 200 leave once the shadow is as far as the log, in the order of the messages", async () => {
    choose({ acknowledgement: "processed" });
    const { harness } = fixture;
    harness.shadow.applied = 0;
    const client = await fixture.signOn();
    await client.subscribe(`${sys("dev-1")}/#`);
    const ids = [1, 2, 3].map((Temperature) => client.publish(post("dev-1"), report({ Temperature })));
    const credential = await harness.credential("dev-1");
    let status = 0;
    const body = report({ Temperature: 4 });
    const asked = ask(harness.gateway.addresses.https, credential, { path: post("dev-1"), body }).then((answer) => {
      status = answer.status;
    });
    await expect.poll(() => messageIds().length).toBe(4);
    // Asked at least twice: what is stored has not been acknowledged for a while.
    await expect.poll(() => harness.shadow.waits.length).toBeGreaterThan(1);
    expect([client.pubacks, client.messages, status]).toEqual([[], [], 0]);
    harness.shadow.applied = 100;
    await client.acknowledged(ids[2] as number);
    await asked;
    expect(status).toBe(200);
    expect(client.pubacks.map(({ packetId, reasonCode }) => [packetId, reasonCode])).toEqual(ids.map((id) => [id, 0]));
    expect(client.messages.map(({ topic }) => topic)).toEqual(Array(3).fill(`${post("dev-1")}_reply`));
  });

  test("a report that the shadow refused is not acknowledged as processed: PUBACK, reply and HTTP status say why, of batches too", async () => {
    choose({ acknowledgement: "processed" });
    const { harness } = fixture;
    harness.shadow.unfit = "the shadow would have 80000 bytes";
    const client = await fixture.signOn();
    await client.subscribe(`${sys("dev-1")}/#`);
    const batch = { id: "2", params: { properties: { Temperature: [{ value: 1 }, { value: 2 }] } } };
    for (const [topic, body] of [
      [post("dev-1"), report({ Temperature: 1 })],
      [`${sys("dev-1")}/thing/event/property/batch/post`, batch],
    ] as const) {
      expect(await client.acknowledged(client.publish(topic, body))).toBeGreaterThanOrEqual(0x80);
      const reply = client.messages.at(-1);
      expect([reply?.topic, JSON.parse(reply?.payload ?? "{}").code]).not.toContain(200);
      expect(reply?.payload).toContain("the message is stored, but does not fit the shadow: the shadow would have 80000 bytes");
    }
    const credential = await harness.credential("dev-1");
    const { status } = await ask(harness.gateway.addresses.https, credential, { path: post("dev-1"), body: report({ Temperature: 4 }) });
    expect(status).toBeGreaterThanOrEqual(400);
  });

  test("other products do not wait, and nobody is asked for them", async () => {
    fixture.harness.shadow.applied = 0;
    const client = await fixture.signOn();
    expect(await client.acknowledged(client.publish(post("dev-1"), report({ Temperature: 1 })))).toBe(0);
    expect(fixture.harness.shadow.waits).toEqual([]);
  });
});

describe("what is not accepted is reported with its reason", () => {
  test("by topic, by content and by size, over MQTT and HTTPS; what is accepted is not", async () => {
    const { harness } = fixture;
    const client = await fixture.signOn();
    const accepted = client.publish(post("dev-1"), report({ Temperature: 1 }));
    const said: readonly [string, object | string][] = [
      [post("dev-1"), report({ Temperature: 500 })],
      [post("dev-2"), report({ Temperature: 1 })],
      [`${sys("dev-1")}/nothing`, "x"],
      [`${sys("dev-1")}/shadow/update`, { state: 1 }],
      [`${sys("dev-1")}/rrpc/response/42`, "late"],
    ];
    const ids = said.map(([topic, payload]) => client.publish(topic, payload));
    for (const id of [accepted, ...ids]) await client.acknowledged(id);
    const credential = await harness.credential("dev-1");
    const ask1 = (path: string, body: string | object) => ask(harness.gateway.addresses.https, credential, { path, body });
    await ask1(post("dev-1"), { id: "1", params: { Nope: 1 } });
    await ask1(post("dev-1"), "x".repeat(300_000));
    await ask1(post("dev-2"), "{}");
    await ask1(`${sys("dev-1")}/nothing`, "{}");
    await expect.poll(() => harness.events.refusals.length).toBe(9);
    expect(harness.events.refusals.map(({ protocol, topic, code }) => [protocol, topic, code])).toEqual([
      ["mqtt-5.0", post("dev-1"), "invalidArgument"],
      ["mqtt-5.0", post("dev-2"), "permissionDenied"],
      ["mqtt-5.0", `${sys("dev-1")}/nothing`, "notFound"],
      ["mqtt-5.0", `${sys("dev-1")}/shadow/update`, "invalidArgument"],
      ["mqtt-5.0", `${sys("dev-1")}/rrpc/response/42`, "notFound"],
      ["https", post("dev-1"), "invalidArgument"],
      ["https", post("dev-1"), "payloadTooLarge"],
      ["https", post("dev-2"), "permissionDenied"],
      ["https", `${sys("dev-1")}/nothing`, "notFound"],
    ]);
    expect(harness.events.refusals[0]).toMatchObject({ device: credential.device, reason: expect.stringContaining("Temperature") });
  });

  test("a packet larger than is taken ends its connection, and is reported too", async () => {
    const client = await fixture.signOn();
    client.publish(post("dev-1"), "x".repeat(300_000));
    expect(await client.closed()).toBe(0x95);
    await expect.poll(() => fixture.harness.events.refusals).toMatchObject([{ code: "payloadTooLarge", topic: "" }]);
  });
});
