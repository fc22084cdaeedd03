import { beforeEach, describe, expect, test } from "vitest";
import { createSend, type Send } from "../http.test-support.ts";
import type { MemoryLog } from "../memory-events.test-support.ts";
import { createMemoryServices, createTestDeps } from "../memory-services.test-support.ts";
import { createAdminServer } from "../server.ts";

const all = "/v1/subscriptions";
const one = `${all}/billing`;
const letters = `${one}/dead-letters`;
let send: Send;
let log: MemoryLog;

beforeEach(() => {
  const memory = createMemoryServices();
  log = memory.log;
  send = createSend(createAdminServer(createTestDeps(memory.services)));
});

describe("subscriptions", () => {
  test("one is made once: 201 with its place, then 409", async () => {
    const filter = { productKey: "pk01", tags: { site: "north" }, kinds: ["properties"] };
    const first = await send("POST", all, { name: "billing", filter, acknowledgeWithinMs: 5_000, deliveriesMax: 3 });
    expect([first.statusCode, first.headers["location"]]).toEqual([201, one]);
    expect(first.json()).toEqual({
      name: "billing",
      filter,
      acknowledgeWithinMs: 5_000,
      deliveriesMax: 3,
      createdAt: "2026-01-31T12:00:00.000Z",
      cursor: 0,
      backlog: 0,
      lagMs: 0,
      inFlight: 0,
      members: 0,
      deadLetters: 0,
      lost: 0,
    });
    expect((await send("POST", all, { name: "billing" })).json()).toMatchObject({ status: 409, code: "alreadyExists" });
    expect((await send("GET", one)).json()).toMatchObject({ name: "billing", filter });
    expect((await send("GET", all)).json()).toMatchObject({ subscriptions: [{ name: "billing" }] });
  });

  test("a webhook's secret stands in the answers to the requests that set it and nowhere else", async () => {
    const webhook = { url: "https://example.org/hook" };
    expect((await send("POST", all, { name: "billing", webhook })).json()).toMatchObject({ webhook: { secret: "made-up" } });
    for (const url of [one, all]) expect((await send("GET", url)).body).not.toContain("secret");
    const secret = "0123456789abcdef";
    expect((await send("PATCH", one, { webhook: { ...webhook, secret } })).json()).toMatchObject({ webhook: { secret } });
    expect((await send("GET", one)).json().webhook).toEqual(webhook);
  });

  test("a webhook's endpoint that is out is shown with its last error and when it is asked again", async () => {
    const webhook = { url: "https://example.org/hook" };
    await send("POST", all, { name: "billing", webhook });
    const made = log.subscriptions.get("billing");
    const [sinceMs, lastErrorAtMs, nextTryAtMs] = [1_000, 2_000, 3_000];
    const endpoint = { state: "outage", sinceMs, lastError: "the address is not public", lastErrorAtMs, nextTryAtMs };
    if (made !== undefined) log.subscriptions.set("billing", { ...made, endpoint });
    const shown = {
      state: "outage",
      since: "1970-01-01T00:00:01.000Z",
      lastError: "the address is not public",
      lastErrorAt: "1970-01-01T00:00:02.000Z",
      nextTryAt: "1970-01-01T00:00:03.000Z",
    };
    expect((await send("GET", one)).json().endpoint).toEqual(shown);
    expect((await send("GET", all)).json().subscriptions[0].endpoint).toEqual(shown);
  });

  test("a change leaves alone what it does not name", async () => {
    await send("POST", all, { name: "billing", acknowledgeWithinMs: 5_000, filter: { property: "temp" } });
    expect((await send("PATCH", one, { deliveriesMax: 2 })).json()).toMatchObject({
      acknowledgeWithinMs: 5_000,
      deliveriesMax: 2,
      filter: { property: "temp" },
    });
  });

  test("it begins, and is set, to the beginning, the end, an offset or a time", async () => {
    for (let i = 0; i < 5; i++) log.say({ receivedAtMs: Date.UTC(2026, 0, 1 + i) });
    expect((await send("POST", all, { name: "billing", start: { time: "2026-01-03T00:00:00Z" } })).json()).toMatchObject({ cursor: 2 });
    const seek = async (body: object) => (await send("POST", `${one}/seek`, body)).json();
    expect(await seek({ from: "now" })).toMatchObject({ cursor: 5 });
    expect(await seek({ from: "earliest" })).toMatchObject({ cursor: 0 });
    expect(await seek({ offset: 3 })).toMatchObject({ cursor: 3 });
    expect(await seek({ time: "2026-01-02T00:00:00Z" })).toMatchObject({ cursor: 1 });
    for (const body of [{}, { from: "now", offset: 1 }, { from: "later" }, { offset: -1 }, { time: "today" }]) {
      expect(await seek(body), JSON.stringify(body)).toMatchObject({ status: 400 });
    }
  });

  test("one that is deleted is 204, then 404 whatever is asked of it", async () => {
    await send("POST", all, { name: "billing" });
    const gone = await send("DELETE", one);
    expect([gone.statusCode, gone.body]).toEqual([204, ""]);
    const answers = [
      await send("GET", one),
      await send("PATCH", one, { deliveriesMax: 1 }),
      await send("DELETE", one),
      await send("POST", `${one}/seek`, { from: "now" }),
      await send("GET", letters),
      await send("POST", `${letters}/replay`),
      await send("DELETE", letters),
    ];
    for (const answer of answers) expect(answer.json()).toMatchObject({ status: 404, code: "notFound" });
  });

  test.each([
    [{}, "/name"],
    [{ name: "a b" }, "/name"],
    [{ name: "x".repeat(65) }, "/name"],
    [{ name: "a", acknowledgeWithinMs: 999 }, "/acknowledgeWithinMs"],
    [{ name: "a", acknowledgeWithinMs: "5000" }, "/acknowledgeWithinMs"],
    [{ name: "a", deliveriesMax: 0 }, "/deliveriesMax"],
    [{ name: "a", filter: { kinds: ["telemetry"] } }, "/filter/kinds/0"],
    [{ name: "a", filter: { tags: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`t${i}`, ""])) } }, "/filter/tags"],
    [{ name: "a", filter: { tags: { "a b": "" } } }, "/filter/tags/a b"],
    [{ name: "a", filter: { color: "red" } }, "/filter/color"],
    [{ name: "a", webhook: {} }, "/webhook/url"],
    [{ name: "a", webhook: { url: "https://x", secret: "short" } }, "/webhook/secret"],
    [{ name: "a", start: { from: "now", offset: 1 } }, "/start"],
    [{ name: "a", cursor: 5 }, "/cursor"],
  ])("%j is 400 and names the field", async (body, pointer) => {
    expect((await send("POST", all, body)).json()).toMatchObject({ status: 400, issues: [{ pointer }] });
    expect(log.subscriptions.size).toBe(0);
  });

  test("a change that names nothing is 400", async () => {
    await send("POST", all, { name: "billing" });
    expect((await send("PATCH", one, {})).statusCode).toBe(400);
  });

  test("subscriptions behind event streams are not there, and their names cannot be taken", async () => {
    log.subscriptions.set("sse-1", { name: "sse-1", createdAtMs: 0, cursor: 0, ...counts });
    await send("POST", all, { name: "billing" });
    expect((await send("GET", all)).json().subscriptions).toHaveLength(1);
    for (const method of ["GET", "DELETE"]) expect((await send(method, `${all}/sse-1`)).statusCode).toBe(404);
    expect((await send("POST", `${all}/sse-1/seek`, { from: "now" })).statusCode).toBe(404);
    expect((await send("POST", all, { name: "sse-2" })).json()).toMatchObject({ status: 400, issues: [{ pointer: "/name" }] });
    expect((await send("GET", "/v1/products/pk01/devices/dev-1/trace")).body).not.toContain("sse-1");
    expect(log.subscriptions.has("sse-1")).toBe(true);
  });
});

const counts = { backlog: 0, lagMs: 0, inFlight: 0, members: 0, deadLetters: 0, lost: 0 };

describe("dead letters", () => {
  beforeEach(async () => {
    await send("POST", all, { name: "billing" });
    for (const body of ['{"a":1}', '{"b":[2]}', "{}"]) {
      log.deadLetters.push({ record: log.say({ body }), deliveries: 10, reason: "not acknowledged in time", failedAtMs: 0 });
    }
  });

  test("each shows its record, how often it was tried and why it failed", async () => {
    const page = (await send("GET", letters)).json();
    expect(page.deadLetters).toHaveLength(3);
    expect(page.deadLetters[1]).toEqual({
      offset: 2,
      messageId: "m2",
      productKey: "pk01",
      deviceName: "dev-1",
      deviceId: "d1",
      kind: "online",
      receivedAt: "2026-01-31T12:00:00.002Z",
      body: { b: [2] },
      deliveries: 10,
      reason: "not acknowledged in time",
      failedAt: "1970-01-01T00:00:00.000Z",
    });
  });

  test("all are replayed, or those that are named", async () => {
    expect((await send("POST", `${letters}/replay`, { offsets: [2] })).json()).toEqual({ count: 1 });
    const { deadLetters } = (await send("GET", letters)).json();
    expect(deadLetters.map((letter: { replayedAt?: string }) => letter.replayedAt !== undefined)).toEqual([false, true, false]);
    expect((await send("POST", `${letters}/replay`)).json()).toEqual({ count: 3 });
  });

  test("all are deleted, or those that are named", async () => {
    expect((await send("DELETE", `${letters}?offsets=1,3`)).json()).toEqual({ count: 2 });
    expect(log.deadLetters.map(({ record }) => record.offset)).toEqual([2]);
    expect((await send("DELETE", letters)).json()).toEqual({ count: 1 });
  });

  test("a list that is empty or no list of offsets is refused rather than taken for all of them", async () => {
    expect((await send("POST", `${letters}/replay`, { offsets: [] })).json()).toMatchObject({ issues: [{ pointer: "/offsets" }] });
    expect((await send("POST", `${letters}/replay`, { offsets: ["1"] })).json()).toMatchObject({ issues: [{ pointer: "/offsets/0" }] });
    for (const offsets of ["", "1,", "a", "1.5", "-1", "1 2"]) {
      expect((await send("DELETE", `${letters}?offsets=${encodeURIComponent(offsets)}`)).statusCode, offsets).toBe(400);
    }
    expect((await send("DELETE", `${letters}?offset=1`)).statusCode).toBe(400);
    expect(log.deadLetters).toHaveLength(3);
    expect(log.deadLetters.every((letter) => letter.replayedAtMs === undefined)).toBe(true);
  });
});
