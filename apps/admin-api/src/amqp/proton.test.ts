import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findClient, type RunResult, run } from "@mooring/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { createTestTls } from "../tls.test-support.ts";
import { accessKey, createHarness, type Harness } from "./harness.test-support.ts";

const proton = await findClient("proton");
const script = new URL("proton-client.test-support.py", import.meta.url).pathname;

let harness: Harness;
let folder: string | undefined;
afterEach(async () => {
  await harness.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true });
  folder = undefined;
});

interface Options {
  readonly want: number;
  readonly outcomes?: readonly string[];
  readonly [name: string]: unknown;
}

async function receive(options: Options): Promise<{ readonly lines: Record<string, unknown>[]; readonly result: RunResult }> {
  if (proton === undefined) throw new Error("there is no Proton client");
  const all = { url: `amqp://127.0.0.1:${harness.port}`, user: "group", password: "mk_backend", ...options };
  const result = await run(proton, [script, JSON.stringify(all)], { timeoutMs: 20_000 });
  expect(result, result.stderr).toMatchObject({ code: 0 });
  const lines = result.stdout.split("\n").filter((line) => line !== "");
  return { lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>), result };
}

const bodies = (lines: readonly Record<string, unknown>[]): unknown[] => lines.map(({ body }) => body);

describe.skipIf(proton === undefined)("Qpid Proton, a client nobody here wrote,", () => {
  test("receives over TLS with Alibaba's user name, verifies the certificate, and acknowledges [Wire formats 2.12]", async () => {
    const tls = await createTestTls();
    folder = mkdtempSync(join(tmpdir(), "mooring-amqp-"));
    writeFileSync(join(folder, "ca.pem"), tls.ca);
    harness = await createHarness({ tls });
    for (let i = 0; i < 3; i++) harness.subscription.say();
    const user = "client-1|authMode=aksign,signMethod=hmacsha1,timestamp=1573489088171,authId=x,consumerGroupId=group|";
    const { lines } = await receive({ url: `amqps://localhost:${harness.port}`, user, ca: join(folder, "ca.pem"), want: 3 });
    expect(lines[0]).toEqual({
      body: "message 1",
      binary: true,
      id: "00000000-0000-7000-8000-000000000001",
      durable: true,
      properties: {
        topic: "/pk01/dev-1/user/t",
        messageId: "00000000-0000-7000-8000-000000000001",
        generateTime: 1_700_000_000_001,
        qos: 1,
      },
    });
    await expect.poll(() => harness.subscription.acknowledged).toEqual([1, 2, 3]);
  });

  test.each(["hmacsha1", "hmacsha256", "hmacmd5"])(
    "signs on with its access key as Alibaba's clients do, by %s [Wire formats 2.12]",
    async (method) => {
      harness = await createHarness();
      harness.subscription.say();
      const user = `client-1|authMode=aksign,signMethod=${method},timestamp={timestamp},authId=${accessKey.id},iotInstanceId=i,consumerGroupId=group|`;
      const { lines } = await receive({ user, sign: { method, authId: accessKey.id, secret: accessKey.secret }, want: 1 });
      expect(bodies(lines)).toEqual(["message 1"]);
      const wrong = await receive({ user, sign: { method, authId: accessKey.id, secret: "another" }, want: 1 });
      expect(wrong.lines).toMatchObject([{ transport: expect.stringContaining("Authentication failed") }]);
    },
  );

  test("gets again what it rejects, releases or modifies", async () => {
    harness = await createHarness();
    for (let i = 0; i < 3; i++) harness.subscription.say();
    const { lines } = await receive({ want: 6, prefetch: 3, outcomes: ["reject", "release", "modify", "accept"] });
    expect(bodies(lines).slice(0, 3)).toEqual(["message 1", "message 2", "message 3"]);
    expect(bodies(lines).slice(3).sort()).toEqual(["message 1", "message 2", "message 3"]);
    expect([...harness.subscription.rejected].sort()).toEqual([1, 2, 3]);
    await expect.poll(() => [...harness.subscription.acknowledged].sort()).toEqual([1, 2, 3]);
  });

  test("goes on after a reconnect with what it had not settled, and with nothing that it had", async () => {
    harness = await createHarness();
    for (let i = 0; i < 6; i++) harness.subscription.say();
    await receive({ want: 5, prefetch: 5, outcomes: ["accept", "accept", "keep"] });
    await expect.poll(() => harness.subscription).toMatchObject({ acknowledged: [1, 2], openStreams: 0 });
    const { lines } = await receive({ want: 4 });
    expect(bodies(lines)).toEqual(["message 3", "message 4", "message 5", "message 6"]);
  });

  test("takes pre-settled messages, which are done when they are sent", async () => {
    harness = await createHarness();
    for (let i = 0; i < 3; i++) harness.subscription.say();
    const { lines } = await receive({ want: 3, presettled: true });
    expect(bodies(lines)).toEqual(["message 1", "message 2", "message 3"]);
    expect(harness.subscription.acknowledged).toEqual([1, 2, 3]);
  });

  test("polls with Proton's blocking receiver: drains, takes what is there and goes; nothing else was its own", async () => {
    harness = await createHarness({ limits: { restAfterMs: 60_000 } });
    for (let i = 0; i < 2; i++) harness.subscription.say();
    const { lines } = await receive({ want: 5, drain: true });
    expect(bodies(lines)).toEqual(["message 1", "message 2"]);
    await expect.poll(() => harness.subscription).toMatchObject({ acknowledged: [1, 2], openStreams: 0, handed: [[]] });
    for (let i = 0; i < 3; i++) harness.subscription.say();
    expect(bodies((await receive({ want: 2, drain: true, settle: false })).lines)).toEqual(["message 3", "message 4"]);
    await expect.poll(() => harness.subscription.handed.slice(1)).toEqual([[3, 4]]);
    expect(bodies((await receive({ want: 5, drain: true })).lines)).toEqual(["message 3", "message 4", "message 5"]);
  });

  test("shares the records among its links, each once", async () => {
    harness = await createHarness();
    for (let i = 0; i < 200; i++) harness.subscription.say();
    const { lines } = await receive({ want: 200, links: 4 });
    expect(new Set(bodies(lines)).size).toBe(200);
  });

  test("is told why when it is not let in", async () => {
    harness = await createHarness();
    expect((await receive({ want: 1, password: "nobody" })).lines).toMatchObject([
      { transport: expect.stringContaining("Authentication failed") },
    ]);
    expect((await receive({ want: 1, user: "other" })).lines).toEqual([{ link: "amqp:not-found" }]);
  });
});
