import { once } from "node:events";
import { PlatformError } from "@mooring/contracts";
import type { EventContext } from "rhea";
import { afterEach, describe, expect, test } from "vitest";
import { createHarness, type Harness } from "./harness.test-support.ts";

let harness: Harness;
afterEach(() => harness.stop());

/** The body and the properties of what came. */
const seen = ({ message }: EventContext): string => String((message as unknown as { body: { content: Buffer } }).body.content);

test("a record arrives with a binary body, the properties of Alibaba's form, a message id, and durable [Wire formats 2.12]", async () => {
  harness = await createHarness();
  harness.subscription.say();
  const receiver = harness.connect().open_receiver({ source: "default" });
  const [context] = (await once(receiver, "message")) as [EventContext];
  expect(seen(context)).toBe("message 1");
  expect(context.message).toMatchObject({
    durable: true,
    message_id: "00000000-0000-7000-8000-000000000001",
    application_properties: {
      topic: "/pk01/dev-1/user/t",
      messageId: "00000000-0000-7000-8000-000000000001",
      generateTime: 1_700_000_000_001,
      qos: 1,
    },
  });
  await expect.poll(() => harness.subscription.acknowledged).toEqual([1]);
  expect(await harness.metrics()).toMatch(/mooring_amqp_sent_total 1\n/);
});

test("accepted is acknowledged; rejected, released, modified and settled without an outcome come again", async () => {
  harness = await createHarness();
  for (let i = 0; i < 5; i++) harness.subscription.say();
  const receiver = harness.connect().open_receiver({ source: "default", autoaccept: false, autosettle: false, credit_window: 0 });
  // One at a time: this client would say the outcome of the first for two that it settles in one turn.
  receiver.on("message", () => receiver.add_credit(1));
  receiver.add_credit(1);
  const times = new Map<string, number>();
  const counts: number[] = [];
  receiver.on("message", (context: EventContext) => {
    const text = seen(context);
    const time = (times.get(text) ?? 0) + 1;
    times.set(text, time);
    counts.push(context.message?.delivery_count ?? 0);
    const { delivery } = context;
    if (time > 1 || text === "message 1") return delivery?.accept();
    if (text === "message 2") return delivery?.reject({ condition: "app:no", description: "no" });
    if (text === "message 3") return delivery?.release();
    if (text === "message 4") return delivery?.modified({ delivery_failed: true });
    return delivery?.update(true);
  });
  await expect.poll(() => [...harness.subscription.acknowledged].sort()).toEqual([1, 2, 3, 4, 5]);
  expect([...harness.subscription.rejected].sort()).toEqual([2, 3, 4, 5]);
  expect([...times]).toEqual([1, 2, 3, 4, 5].map((n) => [`message ${n}`, n === 1 ? 1 : 2]));
  // How often each was sent before.
  expect(counts.sort()).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1]);
});

test("what is sent pre-settled is done when it is sent", async () => {
  harness = await createHarness();
  harness.subscription.say();
  const receiver = harness.connect().open_receiver({ source: "default", snd_settle_mode: 1, autoaccept: false });
  const [{ delivery }] = (await once(receiver, "message")) as [EventContext];
  expect(delivery?.remote_settled).toBe(true);
  await expect.poll(() => harness.subscription.acknowledged).toEqual([1]);
});

test("a client that settles second (rcv-settle-mode second) is told that its acceptance counts", async () => {
  harness = await createHarness();
  harness.subscription.say();
  const receiver = harness.connect().open_receiver({ source: "default", rcv_settle_mode: 1, autoaccept: true });
  const settled = once(receiver, "settled");
  await settled;
  expect(harness.subscription.acknowledged).toEqual([1]);
});

test("a client gets as many messages as it gives credit for, and the records behind them stay with others", async () => {
  harness = await createHarness();
  for (let i = 0; i < 20; i++) harness.subscription.say();
  const receiver = harness.connect().open_receiver({ source: "default", credit_window: 0 });
  const got: string[] = [];
  receiver.on("message", (context: EventContext) => got.push(seen(context)));
  await once(receiver, "receiver_open");
  receiver.add_credit(3);
  await expect.poll(() => harness.subscription.acknowledged).toEqual([1, 2, 3]);
  const other = harness.connect().open_receiver({ source: "default", credit_window: 0 });
  other.on("message", (context: EventContext) => got.push(seen(context)));
  other.add_credit(17);
  await expect.poll(() => got).toEqual(Array.from({ length: 20 }, (_, i) => `message ${i + 1}`));
});

test("a link that holds on to a message does not stop another one of its session, however many pass", async () => {
  harness = await createHarness();
  // The client's own ring of deliveries is as short-sighted as the one that is not used on this side.
  const connection = harness.connect({ session_buffer_size: 8_192 } as object);
  const holder = connection.open_receiver({ source: "default", autoaccept: false, credit_window: 0 });
  harness.subscription.say();
  holder.add_credit(1);
  await once(holder, "message");
  const total = 5_000;
  for (let i = 0; i < total; i++) harness.subscription.say();
  connection.open_receiver({ source: "default", credit_window: 500 });
  await expect.poll(() => harness.subscription.acknowledged.length).toBe(total);
  expect(harness.subscription.underWay).toBe(1);
});

test("a message larger than the client's frames arrives whole", async () => {
  harness = await createHarness();
  const bytes = Buffer.alloc(200_000, "x");
  harness.subscription.say({ body: JSON.stringify({ topic: "t", payloadBase64: bytes.toString("base64") }) });
  const receiver = harness.connect({ max_frame_size: 512 }).open_receiver({ source: "default" });
  const [context] = (await once(receiver, "message")) as [EventContext];
  expect(seen(context) === bytes.toString()).toBe(true);
  await expect.poll(() => harness.subscription.acknowledged).toEqual([1]);
});

test("what a client that goes away has not settled comes again to the next one", async () => {
  harness = await createHarness();
  for (let i = 0; i < 3; i++) harness.subscription.say();
  const first = harness.connect();
  const holder = first.open_receiver({ source: "default", autoaccept: false });
  let held = 0;
  holder.on("message", () => held++);
  await expect.poll(() => held).toBe(3);
  first.close();
  harness.connect().open_receiver({ source: "default" });
  await expect.poll(() => harness.subscription.acknowledged).toEqual([1, 2, 3]);
});

test("a client that drains its credit hears that it is used up, and what comes then waits for its next credit", async () => {
  harness = await createHarness({ limits: { restAfterMs: 60_000 } });
  const receiver = harness.connect().open_receiver({ source: "default", credit_window: 0 });
  await once(receiver, "receiver_open");
  for (const credit of [1, 4_000_000_000]) {
    receiver.add_credit(credit);
    receiver.drain_credit();
    await once(receiver, "receiver_drained");
    receiver.drain = false;
  }
  harness.subscription.say();
  receiver.add_credit(1);
  const [context] = (await once(receiver, "message")) as [EventContext];
  expect(seen(context)).toBe("message 1");
});

test("only what was sent to the client is said to have reached it when it goes, whatever waits for its credit", async () => {
  harness = await createHarness({ limits: { restAfterMs: 60_000 } });
  const receiver = harness.connect().open_receiver({ source: "default", credit_window: 0, autoaccept: false });
  await once(receiver, "receiver_open");
  receiver.add_credit(5);
  harness.subscription.say();
  const [context] = (await once(receiver, "message")) as [EventContext];
  receiver.drain_credit();
  await once(receiver, "receiver_drained");
  // The link has taken credit for more; what comes for it waits here, and is not the client's.
  for (let i = 0; i < 3; i++) harness.subscription.say();
  await expect.poll(() => harness.subscription.underWay).toBe(4);
  context.connection.close();
  await expect.poll(() => harness.subscription.handed).toEqual([[1]]);
});

test("what waits for a client's credit, while it is at what it has, does not run out of time", async () => {
  harness = await createHarness({ limits: { restAfterMs: 60_000 } });
  harness.subscription.settings = { acknowledgeWithinMs: 1_000 };
  const receiver = harness.connect().open_receiver({ source: "default", credit_window: 0, autoaccept: false });
  await once(receiver, "receiver_open");
  receiver.add_credit(2);
  harness.subscription.say();
  await once(receiver, "message");
  receiver.drain_credit();
  await once(receiver, "receiver_drained");
  harness.subscription.say();
  await expect.poll(() => [...harness.subscription.extended]).toEqual([2]);
});

test("a link that rests without credit lets go of its stream, so that it keeps no record from others", async () => {
  harness = await createHarness({ limits: { restAfterMs: 1 } });
  const receiver = harness.connect().open_receiver({ source: "default", credit_window: 0 });
  await once(receiver, "receiver_open");
  receiver.add_credit(2);
  receiver.drain_credit();
  await once(receiver, "receiver_drained");
  harness.subscription.say();
  await expect.poll(() => harness.subscription).toMatchObject({ openStreams: 0, underWay: 0 });
});

test("a record that the client did not settle in time is taken back from it", async () => {
  harness = await createHarness({ limits: { settleGraceMs: 1 } });
  harness.subscription.settings = { acknowledgeWithinMs: 1 };
  harness.subscription.say();
  const receiver = harness.connect().open_receiver({ source: "default", autoaccept: false, autosettle: false });
  const settled = once(receiver, "settled");
  await once(receiver, "message");
  const [{ delivery }] = (await settled) as [EventContext];
  expect(delivery?.remote_settled).toBe(true);
});

test("an outage behind it is waited for; then the link goes on", async () => {
  harness = await createHarness();
  const receiver = harness.connect().open_receiver({ source: "default" });
  await once(receiver, "receiver_open");
  await expect.poll(() => harness.subscription.openStreams).toBe(1);
  harness.subscription.fail(new PlatformError("unavailable", "events is down"));
  await expect.poll(() => harness.subscription.openStreams).toBe(0);
  harness.subscription.failure = undefined;
  harness.subscription.say();
  await once(receiver, "message");
});

describe("links that are refused, with AMQP's word for it", () => {
  const refused = async (connection: ReturnType<Harness["connect"]>, options: object): Promise<unknown> => {
    const receiver = connection.open_receiver({ source: "default", ...options });
    await once(receiver, "receiver_error");
    return (receiver.error as { condition?: string } | undefined)?.condition;
  };
  test("a subscription that does not exist: amqp:not-found", async () => {
    harness = await createHarness();
    expect(await refused(harness.connect({ username: "nobody" }), {})).toBe("amqp:not-found");
  });
  test("the name of another subscription as source: amqp:not-found", async () => {
    harness = await createHarness();
    expect(await refused(harness.connect(), { source: "other" })).toBe("amqp:not-found");
  });
  test("a role that may not subscribe: amqp:unauthorized-access", async () => {
    harness = await createHarness();
    expect(await refused(harness.connect({ password: "mk_viewer" }), {})).toBe("amqp:unauthorized-access");
  });
  test("a subscription with a webhook: amqp:precondition-failed", async () => {
    harness = await createHarness();
    harness.subscription.settings = { webhook: { url: "https://example.com" } };
    expect(await refused(harness.connect(), {})).toBe("amqp:precondition-failed");
  });
  test("an outage that does not end: amqp:internal-error", async () => {
    harness = await createHarness({ limits: { outageMsMax: 0 } });
    harness.subscription.failure = new PlatformError("unavailable", "events is down");
    expect(await refused(harness.connect(), {})).toBe("amqp:internal-error");
  });
  test("the ninth link of a connection: amqp:resource-limit-exceeded", async () => {
    harness = await createHarness();
    const connection = harness.connect();
    for (let i = 0; i < 8; i++) await once(connection.open_receiver({ source: "default" }), "receiver_open");
    expect(await refused(connection, {})).toBe("amqp:resource-limit-exceeded");
  });
  test("a sender: amqp:not-allowed", async () => {
    harness = await createHarness();
    const sender = harness.connect().open_sender("group");
    await once(sender, "sender_error");
    expect(sender.error).toMatchObject({ condition: "amqp:not-allowed" });
  });
});
