import type { AddressInfo } from "node:net";
import { type HistoryPoint, PlatformError } from "@mooring/contracts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSend, devicePath, type Send } from "../http.test-support.ts";
import { limits } from "../limits.ts";
import type { MemoryLog } from "../memory-events.test-support.ts";
import { createMemoryServices, createTestDeps, keyOf } from "../memory-services.test-support.ts";
import { createAdminServer } from "../server.ts";

const history = `${devicePath}/properties/temp/history`;
const t0 = Date.UTC(2026, 0, 31, 12);
const revoked = new Set<string>();
let nowMs = t0;
let memory: ReturnType<typeof createMemoryServices>;
let app: ReturnType<typeof createAdminServer>;
let log: MemoryLog;
let send: Send;

function start(change: (events: typeof memory.services.events) => Partial<typeof memory.services.events> = () => ({})): void {
  memory = createMemoryServices({ revoked });
  log = memory.log;
  const events = { ...memory.services.events, ...change(memory.services.events) };
  app = createAdminServer(createTestDeps({ ...memory.services, events }, () => nowMs));
  send = createSend(app);
}

beforeEach(() => {
  revoked.clear();
  start();
});
afterEach(() => {
  // fetch opens connections ahead of need, on which nothing ever comes.
  app.server.closeAllConnections();
  return app.close();
});

/** What there is instead of the one point at the beginning. */
function keep(points: readonly HistoryPoint[]): void {
  log.points.length = 0;
  for (const point of points) log.points.push(point);
}

const points = (count: number, value: (i: number) => HistoryPoint["value"] = (i) => i): HistoryPoint[] =>
  Array.from({ length: count }, (_, i) => ({ property: "temp", timeMs: t0 - i, value: value(i), messageId: `m${i}` }));

describe("aggregates", () => {
  test.each([
    ["60s", 60_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    ["1500ms", 1_500],
    ["1000", 1_000],
  ])("an interval of %s is %i ms", async (interval, intervalMs) => {
    const answer = await send("GET", `${history}/aggregate?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&interval=${interval}`);
    expect(answer.json()).toEqual({ intervals: [{ start: "2026-01-01T00:00:00.000Z", count: 2, min: 1, max: 3, avg: 2, last: 3 }] });
    expect(memory.calls).toMatchObject([{ property: "temp", fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2026, 0, 2), intervalMs }]);
  });

  test.each([
    ["from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", "/interval"],
    ["from=2026-01-01T00:00:00Z&interval=1h", "/to"],
    ["to=2026-01-01T00:00:00Z&interval=1h", "/from"],
    ["from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&interval=1w", "/interval"],
    ["from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&interval=999ms", "/interval"],
    ["from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&interval=999999999999d", "/interval"],
    ["from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z&interval=1h", "/to"],
  ])("%s is 400 and names %s", async (query, pointer) => {
    expect((await send("GET", `${history}/aggregate?${query}`)).json()).toMatchObject({ status: 400, issues: [{ pointer }] });
  });

  test("a device that is not there is 404", async () => {
    const url = history.replace("dev-1", "gone");
    const range = "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z";
    expect((await send("GET", `${url}/aggregate?${range}&interval=1h`)).statusCode).toBe(404);
    expect((await send("GET", `${url}/export`)).json()).toMatchObject({ status: 404, code: "notFound" });
  });
});

describe("several properties", () => {
  const many = `${devicePath}/history`;
  const range = "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&interval=1h";

  test("each is a parameter of its own, commas and all; none is all", async () => {
    const answer = await send("GET", `${many}?property=a,b&property=temp&pageSize=5`);
    expect(answer.json()).toEqual({ points: [{ property: "temp", time: expect.any(String), value: { a: [1] }, messageId: "m1" }] });
    expect((await send("GET", `${many}?property=temp`)).statusCode).toBe(200);
    expect((await send("GET", many)).statusCode).toBe(200);
    expect(memory.calls).toMatchObject([{ properties: ["a,b", "temp"], pageSize: 5 }, { properties: ["temp"] }, {}]);
    expect(memory.calls[2]).not.toHaveProperty("properties");
  });

  test("intervals and lines of a file say of which property they are", async () => {
    const aggregate = await send("GET", `${many}/aggregate?${range}`);
    expect(aggregate.json().intervals).toMatchObject([{ property: "temp", start: "2026-01-01T00:00:00.000Z", count: 2 }]);
    keep([{ property: 'a,"b"', timeMs: t0, value: 1, messageId: "m1" }]);
    const csv = await send("GET", `${many}/export?property=x`);
    expect(csv.headers["content-disposition"]).toContain('filename="pk01_dev-1.csv"');
    expect(csv.body).toBe('time,property,value,messageId\r\n2026-01-31T12:00:00.000Z,"""a,\\""b\\""""",1,m1\r\n');
    const ndjson = await send("GET", `${many}/export?format=ndjson`);
    expect(JSON.parse(ndjson.body)).toEqual({ time: "2026-01-31T12:00:00.000Z", property: 'a,"b"', value: 1, messageId: "m1" });
  });

  test("what cannot be is 400 and names the parameter; a device that is not there is 404", async () => {
    expect((await send("GET", `${many}?property=`)).json()).toMatchObject({ status: 400, issues: [{ pointer: "/property/0" }] });
    expect((await send("GET", `${many}/export?format=xlsx`)).statusCode).toBe(400);
    expect((await send("GET", `${many}/aggregate?property=a`)).statusCode).toBe(400);
    for (const path of ["", `/aggregate?${range}`, "/export"]) {
      expect((await send("GET", many.replace("dev-1", "gone") + path)).statusCode, path).toBe(404);
    }
  });
});

describe("export", () => {
  test("CSV has a header, the value as JSON in one column, quoted as RFC 4180 says", async () => {
    const values = [21.5, "a,b", 'say "x"\r\n', null, { a: [1, "="] }, "=1+1", -3, true];
    keep(points(values.length, (i) => values[i] as HistoryPoint["value"]));
    const answer = await send("GET", `${history}/export`);
    expect(answer.headers["content-type"]).toBe("text/csv; charset=utf-8; header=present");
    expect(answer.headers["content-disposition"]).toBe(`attachment; filename="pk01_dev-1_temp.csv"; filename*=UTF-8''pk01_dev-1_temp.csv`);
    expect(answer.body).toBe(
      [
        "time,value,messageId",
        "2026-01-31T12:00:00.000Z,21.5,m0",
        '2026-01-31T11:59:59.999Z,"""a,b""",m1',
        '2026-01-31T11:59:59.998Z,"""say \\""x\\""\\r\\n""",m2',
        "2026-01-31T11:59:59.997Z,null,m3",
        '2026-01-31T11:59:59.996Z,"{""a"":[1,""=""]}",m4',
        '2026-01-31T11:59:59.995Z,"""=1+1""",m5',
        "2026-01-31T11:59:59.994Z,-3,m6",
        "2026-01-31T11:59:59.993Z,true,m7",
        "",
      ].join("\r\n"),
    );
  });

  test("no cell of a value can begin like a formula, unless it is a number", async () => {
    const values = ["=cmd", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|x", "%0"];
    keep(points(values.length, (i) => values[i] as string));
    const lines = (await send("GET", `${history}/export`)).body.split("\r\n").slice(1, -1);
    expect(lines).toHaveLength(values.length);
    for (const line of lines) expect(line.split(",")[1]).toMatch(/^"""/);
  });

  test("NDJSON is one object per line, over as many pages as it takes, without a point missing or twice", async () => {
    const count = 3 * limits.exportPageSize + 7;
    keep(points(count));
    const answer = await send("GET", `${history}/export?format=ndjson&to=2026-02-01T00:00:00Z`);
    expect(answer.headers["content-type"]).toBe("application/x-ndjson");
    const found = answer.body
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    expect(found.map(({ value }) => value)).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(found[1]).toEqual({ time: "2026-01-31T11:59:59.999Z", value: 1, messageId: "m1" });
    expect(memory.calls).toHaveLength(4);
    expect(memory.calls[3]).toMatchObject({ toMs: Date.UTC(2026, 1, 1), pageToken: "3000" });
  });

  test("without points there is a header in CSV and nothing in NDJSON", async () => {
    log.points.length = 0;
    expect((await send("GET", `${history}/export?format=csv`)).body).toBe("time,value,messageId\r\n");
    const ndjson = await send("GET", `${history}/export?format=ndjson`);
    expect([ndjson.statusCode, ndjson.body]).toEqual([200, ""]);
  });

  test("names a file safely, whatever the property is called", async () => {
    const url = `${devicePath}/properties/${encodeURIComponent('é/"x"')}/history/export?format=ndjson`;
    expect((await send("GET", url)).headers["content-disposition"]).toBe(
      `attachment; filename="pk01_dev-1____x_.ndjson"; filename*=UTF-8''pk01_dev-1_%C3%A9%2F%22x%22.ndjson`,
    );
  });

  test("a failure on a later page cuts the connection: nobody takes the part for the whole", async () => {
    start((events) => ({
      history: async (caller, query) => {
        if (query.pageToken !== undefined) throw new PlatformError("unavailable", "the store is out of reach");
        return events.history(caller, query);
      },
    }));
    keep(points(limits.exportPageSize + 1));
    const answer = await fetchExport();
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow("terminated");
  });

  test("a key that is revoked meanwhile gets no other page", async () => {
    start((events) => ({
      history: async (caller, query) => {
        revoked.add(keyOf("owner"));
        nowMs += limits.keyTrustMs;
        return events.history(caller, query);
      },
    }));
    keep(points(limits.exportPageSize + 1));
    const answer = await fetchExport();
    await expect(answer.text()).rejects.toThrow("terminated");
    expect(memory.calls).toHaveLength(1);
  });

  test("a reader that does not read holds the export back: no more than a few pages are fetched ahead", async () => {
    keep(points(200 * limits.exportPageSize, () => "x".repeat(200)));
    const answer = await fetchExport();
    const reader = answer.body?.getReader();
    await reader?.read();
    let seen = -1;
    // Until nothing moves any more.
    await expect
      .poll(() => {
        const before = seen;
        seen = memory.calls.length;
        return seen === before;
      })
      .toBe(true);
    expect(seen).toBeLessThan(60);
    await reader?.cancel();
  });

  test("pages that do not fit into a message between services are fetched in smaller ones", async () => {
    start((events) => ({
      history: async (caller, query) => {
        if ((query.pageSize ?? 0) > 200) throw new PlatformError("payloadTooLarge", "the message is too large");
        return events.history(caller, query);
      },
    }));
    keep(points(500));
    const body = (await send("GET", `${history}/export?format=ndjson`)).body;
    expect(body.split("\n")).toHaveLength(501);
  });

  test("a key may have so many exports at a time; the next one is 429 until one ends", async () => {
    keep(points(200 * limits.exportPageSize, () => "x".repeat(200)));
    const held: Response[] = [];
    for (let i = 0; i < limits.exports.perKeyMax; i++) held.push(await fetchExport());
    const refused = await fetchExport();
    expect([refused.status, await refused.json()]).toEqual([429, expect.objectContaining({ code: "quotaExceeded" })]);
    await held.pop()?.body?.cancel();
    const again = async (): Promise<number> => {
      const answer = await fetchExport();
      held.push(answer);
      return answer.status;
    };
    await expect.poll(again).toBe(200);
    for (const answer of held) await answer.body?.cancel();
  });

  test.each(["format=xlsx", "from=yesterday", "pageSize=5"])("%s is 400", async (query) => {
    expect((await send("GET", `${history}/export?${query}`)).statusCode).toBe(400);
  });
});

async function fetchExport(): Promise<Response> {
  if (!app.server.listening) await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return fetch(`http://127.0.0.1:${port}${history}/export`, { headers: { authorization: `Bearer ${keyOf("owner")}` } });
}
