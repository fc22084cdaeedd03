import { createAddressRules, createResolve, type Resolve } from "@mooring/kit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PostFailure, post } from "./post.ts";
import { startReceiver } from "./receiver.test-support.ts";

let receiver: Awaited<ReturnType<typeof startReceiver>>;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.stop());

interface Options {
  readonly networks?: readonly string[];
  readonly resolve?: Resolve;
  readonly timeoutMs?: number;
}

const inside = ["127.0.0.0/8"];
async function send(url: string, { networks = inside, resolve, timeoutMs = 5_000 }: Options = {}): Promise<string> {
  const rules = createAddressRules(networks, [receiver.port]);
  const deps = { rules, resolve: resolve ?? createResolve(rules.knowsInside), timeoutMs, answerBytesMax: 65_536 };
  const request = { url, headers: {}, body: Buffer.from("{}"), signal: new AbortController().signal };
  return post(deps, request).then(
    () => "delivered",
    (error: unknown) => (error instanceof PostFailure ? textOf(error) : String(error)),
  );
}

function textOf({ kind, message, retryAfterMs }: PostFailure): string {
  return `${kind}: ${message}${retryAfterMs === undefined ? "" : `, wait ${Math.round(retryAfterMs / 1_000)} s`}`;
}

test("a POST reaches the address, with its path, query, host and type", async () => {
  expect(await send(receiver.url)).toBe("delivered");
  expect(receiver.received[0]?.headers).toMatchObject({ host: `127.0.0.1:${receiver.port}`, "content-type": "application/json" });
});

test("a name is looked up, also in the machine's files when the operator has networks inside", async () => {
  expect(await send(`http://localhost:${receiver.port}/`)).toBe("delivered");
});

test.each(["127.0.0.1", "localhost", "0x7f.1", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]"])(
  "the own machine is not reached as %s",
  async (host) => {
    expect(await send(`http://${host}:${receiver.port}/`, { networks: [] })).toMatch(/not public|no address|could not be looked up/);
    expect(receiver.received).toEqual([]);
  },
);

test("a name that means a public address when it is looked up and an inside one afterwards (DNS rebinding) is not followed inside", async () => {
  const answers = [["203.0.113.1", "127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]];
  let asked = 0;
  const resolve: Resolve = async () => answers[asked++] ?? [];
  const only = { networks: ["127.0.0.2/32"], resolve };
  // The check and the connection use the same answer: nobody asks again between them.
  expect(await send(`http://rebind.test:${receiver.port}/`, only)).toBe("outage: the address is not public");
  expect(await send(`http://rebind.test:${receiver.port}/`, only)).toBe("outage: the address is not public");
  expect(asked).toBe(2);
  expect(receiver.received).toEqual([]);
  expect(await send(`http://rebind.test:${receiver.port}/`, only)).toMatch(/could not be reached/);
  expect(asked).toBe(3);
});

test("of a name with several addresses only those that are allowed are tried", async () => {
  const resolve: Resolve = async () => ["10.0.0.1", "::1", "127.0.0.1"];
  expect(await send(`http://many.test:${receiver.port}/`, { resolve })).toBe("delivered");
});

test("a redirect is not followed", async () => {
  const other = await startReceiver();
  receiver.answer = (_, response) => response.writeHead(307, { location: other.url }).end();
  expect(await send(receiver.url)).toBe("outage: the endpoint answered 307");
  expect(other.received).toEqual([]);
  await other.stop();
});

test.each([
  [200, "delivered"],
  [299, "delivered"],
  [301, "outage: the endpoint answered 301"],
  [400, "refused: the endpoint answered 400"],
  [408, "outage: the endpoint answered 408"],
  [410, "refused: the endpoint answered 410"],
  [425, "outage: the endpoint answered 425"],
  [429, "outage: the endpoint answered 429"],
  [500, "failed: the endpoint answered 500"],
  [502, "failed: the endpoint answered 502"],
  [503, "outage: the endpoint answered 503"],
])("an answer of %i is %s", async (status, outcome) => {
  receiver.answer = (_, response) => response.writeHead(status).end("body");
  expect(await send(receiver.url)).toBe(outcome);
});

test("an endpoint that does not answer in time, one that ends the connection, and one that nobody listens on", async () => {
  receiver.answer = () => undefined;
  expect(await send(receiver.url, { timeoutMs: 50 })).toBe("failed: no answer within 50 ms");
  receiver.answer = (_, response) => response.socket?.destroy();
  expect(await send(receiver.url)).toBe("failed: could not be reached (ECONNRESET)");
  const { url } = receiver;
  await receiver.stop();
  expect(await send(url)).toBe("outage: could not be reached (ECONNREFUSED)");
});

test.each([
  ["120", ", wait 120 s"],
  [new Date(Date.now() + 60_500).toUTCString(), ", wait 60 s"],
  ["Fri, 31 Dec 1999 23:59:59 GMT", ""],
  ["-5", ""],
  ["soon", ""],
])("of Retry-After: %s it is told%s [RFC 9110 10.2.3]", async (header, told) => {
  receiver.answer = (_, response) => response.writeHead(503, { "retry-after": header }).end();
  expect((await send(receiver.url)).replace("wait 59 s", "wait 60 s")).toBe(`outage: the endpoint answered 503${told}`);
});

test("a name server that does not answer costs no more than the time of a request", async () => {
  const resolve: Resolve = () => new Promise(() => undefined);
  expect(await send(`http://slow.test:${receiver.port}/`, { resolve, timeoutMs: 50 })).toBe(
    "outage: the name could not be looked up in time",
  );
});

test("an answer without end is cut off", async () => {
  const closed = Promise.withResolvers<void>();
  receiver.answer = (_, response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(200);
    const more = (): void => {
      if (!response.destroyed) response.write(Buffer.alloc(16_384), more);
    };
    more();
  };
  expect(await send(receiver.url)).toBe("delivered");
  await closed.promise;
});
