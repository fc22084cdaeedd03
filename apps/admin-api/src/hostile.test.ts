import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseProblem, sendRaw } from "./http.test-support.ts";
import { limits } from "./limits.ts";
import { createMemoryServices, createTestDeps, keyOf } from "./memory-services.test-support.ts";
import { startAdminApi } from "./start.ts";

/** Text, or pieces of it; a piece may be given with how often it is repeated. */
type Text = string | readonly (string | readonly [string, number])[];

interface Hostile {
  readonly name: string;
  readonly method?: string;
  readonly path?: Text;
  /** null leaves a header away that would be sent otherwise. */
  readonly headers?: Readonly<Record<string, Text | null>>;
  readonly body?: Text;
  readonly bodyHex?: string;
  readonly raw?: string;
  readonly rawHex?: string;
  readonly status: number;
}

const list = JSON.parse(readFileSync(new URL("hostile.json", import.meta.url), "utf8")) as readonly Hostile[];
let api: Awaited<ReturnType<typeof startAdminApi>>;

beforeAll(async () => {
  const deps = createTestDeps(createMemoryServices().services);
  api = await startAdminApi(deps, { restListen: "127.0.0.1:0", grpcListen: "127.0.0.1:0" });
});
afterAll(() => api.stop());

describe("hostile requests", () => {
  test.each(list)("$name: $status, a problem document, and nothing of the inside", async (hostile) => {
    const answer = await sendRaw(api.restAddress, toBytes(hostile));
    expect(answer.status, answer.body).toBe(hostile.status);
    expect(answer.head).toMatch(/^content-type: application\/problem\+json/im);
    expect(parseProblem(answer.body)).toMatchObject({ status: hostile.status, detail: expect.any(String) });
    expect(answer.body.length).toBeLessThan(64 * 1024);
    expect(answer.body).not.toMatch(/node:internal|node_modules|\.ts:\d|FST_ERR|HPE_/);
  });

  test("the server goes on answering afterwards", async () => {
    const answer = await sendRaw(api.restAddress, toBytes({ name: "", method: "GET", path: "/v1/tenant", status: 200 }));
    expect(answer.status).toBe(200);
  });

  test("every deadline and bound of a connection is set, and a waiting call fits in", async () => {
    const { createHttpServer } = await import("./http-server.ts");
    const server = createHttpServer(() => undefined, undefined);
    expect(server.headersTimeout).toBe(limits.headersTimeoutMs);
    expect(server.requestTimeout).toBe(limits.requestTimeoutMs);
    expect(server.maxConnections).toBe(limits.connectionsMax);
    expect(server.timeout).toBeGreaterThan(limits.callHandlerTimeoutMs);
  });
});

function toBytes(hostile: Hostile): Buffer {
  if (hostile.rawHex !== undefined) return Buffer.from(hostile.rawHex, "hex");
  if (hostile.raw !== undefined) return Buffer.from(hostile.raw);
  const body = hostile.bodyHex === undefined ? Buffer.from(expand(hostile.body ?? "")) : Buffer.from(hostile.bodyHex, "hex");
  const hasBody = hostile.body !== undefined || hostile.bodyHex !== undefined;
  const headers: Record<string, Text | null> = {
    host: "localhost",
    connection: "close",
    authorization: `Bearer ${keyOf("owner")}`,
    ...(hasBody ? { "content-type": "application/json", "content-length": String(body.length) } : {}),
    ...hostile.headers,
  };
  const path = expand(hostile.path ?? "/").replace("{device}", "/v1/products/pk01/devices/dev-1");
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${expand(value)}`]));
  return Buffer.concat([Buffer.from(`${hostile.method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]);
}

function expand(text: Text): string {
  if (typeof text === "string") return text;
  return text.map((piece) => (typeof piece === "string" ? piece : piece[0].repeat(piece[1]))).join("");
}
