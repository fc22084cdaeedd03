// Connections that die without a word, as the platform's clients of gRPC and Postgres meet them. Redis has its own beside its clients.
import { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import { type EventApi, serviceCaller } from "@mooring/contracts";
import { openDatabase } from "@mooring/db";
import { type Running, silentLog } from "@mooring/kit";
import { authenticateInternal, connectGrpc, startGrpcServer } from "@mooring/rpc";
import { createTestDatabase, type FaultProxy, startFaultProxy, until } from "@mooring/testkit";
import { afterEach, describe, expect, test } from "vitest";

const caller = serviceCaller("test");
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function before(address: string): Promise<FaultProxy> {
  const proxy = await startFaultProxy({ target: () => address, random: Math.random });
  stops.push(proxy.stop);
  return proxy;
}

describe("a gRPC connection that died without a word", () => {
  async function setUp(): Promise<{ readonly proxy: FaultProxy; readonly client: EventApi & Running; readonly streams: () => number }> {
    let streams = 0;
    const events = {
      async *append(_who, frames) {
        streams++;
        try {
          for await (const { sequence } of frames) yield { sequence };
        } finally {
          streams--;
        }
      },
      async replayDeadLetters() {
        return { count: 7 };
      },
    } satisfies Partial<EventApi> as unknown as EventApi;
    const listening = { listen: "127.0.0.1:0", credentials: ServerCredentials.createInsecure(), log: silentLog };
    const server = await startGrpcServer({ ...listening, apis: { events }, authenticate: authenticateInternal });
    stops.push(server.stop);
    const proxy = await before(server.address);
    const client = connectGrpc("events", proxy.address, ChannelCredentials.createInsecure());
    stops.push(client.stop);
    return { proxy, client, streams: () => streams };
  }

  async function* oneFrame() {
    yield { sequence: 1, records: [] };
    await new Promise(() => undefined);
  }

  test("ends its streams at both ends, and what is opened after it lives", async () => {
    const { proxy, client, streams } = await setUp();
    const open = () => client.append(caller, oneFrame())[Symbol.asyncIterator]();
    const first = open();
    expect((await first.next()).value).toMatchObject({ sequence: 1 });
    proxy.set({ kind: "halfOpen" });
    await expect(first.next()).rejects.toMatchObject({ code: "unavailable" });
    await until("the server to let go", () => streams() === 0);
    proxy.set({ kind: "clear" });
    const second = await until(
      "a stream that lives",
      () => {
        const stream = open();
        return stream.next().then(
          () => stream,
          () => undefined,
        );
      },
      30_000,
    );
    expect(streams()).toBe(1);
    await second.return?.();
  });

  test("is given up also while it is being made", async () => {
    const { proxy, client } = await setUp();
    proxy.set({ kind: "halfOpen" });
    const stream = client.append(caller, oneFrame())[Symbol.asyncIterator]();
    await expect(stream.next()).rejects.toMatchObject({ code: "unavailable" });
    proxy.set({ kind: "clear" });
    const alive = await until(
      "a call that is answered",
      () =>
        client.replayDeadLetters(caller, { name: "s" }).then(
          ({ count }) => count,
          () => undefined,
        ),
      15_000,
    );
    expect(alive).toBe(7);
  });

  test("is noticed also while nobody calls, so that the next call does not wait on it", async () => {
    const { proxy, client } = await setUp();
    expect(await client.replayDeadLetters(caller, { name: "s" })).toEqual({ count: 7 });
    proxy.set({ kind: "halfOpen" });
    proxy.set({ kind: "clear" });
    // What was swallowed stays dead; it goes when one of its ends has noticed.
    await until("an end to notice", () => proxy.connections === 0);
    expect(await client.replayDeadLetters(caller, { name: "s" })).toEqual({ count: 7 });
  });
});

test("a connection to Postgres that died without a word fails its statement and is used no more", async () => {
  const { connectionString, drop } = await createTestDatabase();
  stops.push(drop);
  const url = new URL(connectionString);
  const proxy = await before(url.host);
  url.host = proxy.address;
  const database = openDatabase({
    ...{ connectionString: url.href, poolSize: 2, applicationName: "dead connections", log: silentLog },
    statementTimeoutMs: 1_000,
  });
  stops.push(database.close);
  await database.pool.query("SELECT 1");
  proxy.set({ kind: "halfOpen" });
  const startMs = performance.now();
  await expect(database.pool.query("SELECT 1")).rejects.toThrow();
  expect(performance.now() - startMs).toBeLessThan(8_000);
  proxy.set({ kind: "clear" });
  expect((await database.pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
});
