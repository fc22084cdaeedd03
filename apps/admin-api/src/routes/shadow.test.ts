import { beforeEach, expect, test } from "vitest";
import { createSend, devicePath, type Send } from "../http.test-support.ts";
import { createMemoryServices, createTestDeps } from "../memory-services.test-support.ts";
import { createAdminServer } from "../server.ts";

const shadow = `${devicePath}/shadow`;
let send: Send;

beforeEach(() => {
  send = createSend(createAdminServer(createTestDeps(createMemoryServices().services)));
});

test("an answer carries its version as ETag, and times as RFC 3339", async () => {
  const answer = await send("PATCH", shadow, { desired: { target: 21 } });
  expect(answer.headers["etag"]).toBe('"1"');
  expect(answer.json()).toEqual({
    version: 1,
    desired: { target: 21 },
    reported: {},
    delta: { target: 21 },
    metadata: { desired: { target: { timestamp: "2026-01-31T12:00:00.000Z" } }, reported: {} },
    desiredVersions: { target: 1 },
    timestamp: "2026-01-31T12:00:00.000Z",
  });
});

test("a stale version in the body is 409, a stale If-Match 412, and both carry the current document (RFC 9110 §15.5.13)", async () => {
  await send("PATCH", shadow, { desired: { a: 1 } });
  const current = (await send("GET", shadow)).json();
  const inBody = await send("PATCH", shadow, { desired: { a: 2 }, version: 0 });
  expect(inBody.json()).toMatchObject({ status: 409, code: "versionConflict", current });
  const stale = { "if-match": '"0"' };
  for (const answer of [await send("PATCH", shadow, { desired: { a: 2 } }, stale), await send("DELETE", shadow, undefined, stale)]) {
    expect([answer.statusCode, answer.json()]).toEqual([
      412,
      expect.objectContaining({ status: 412, code: "preconditionFailed", current }),
    ]);
  }
  expect((await send("PATCH", shadow, { desired: { a: 2 } }, { "if-match": '"1"' })).statusCode).toBe(200);
});

test("under an Idempotency-Key a change is made once; one that is none is 400", async () => {
  const key = { "idempotency-key": "order 1" };
  const first = await send("PATCH", shadow, { desired: { a: 1 } }, key);
  await send("PATCH", shadow, { desired: { a: 2 } });
  const again = await send("PATCH", shadow, { desired: { a: 1 } }, key);
  expect([again.headers["etag"], again.json()]).toEqual(['"1"', first.json()]);
  expect((await send("DELETE", shadow, undefined, { "idempotency-key": "order 2" })).json()).toMatchObject({ version: 3 });
  expect((await send("DELETE", shadow, undefined, { "idempotency-key": "order 2" })).json()).toMatchObject({ version: 3 });
  expect((await send("PATCH", shadow, { desired: {} }, { "idempotency-key": "x".repeat(129) })).json()).toMatchObject({
    status: 400,
    issues: [{ pointer: "/idempotency-key" }],
  });
});

test("what has not changed is 304 without a body, and keeps its ETag (RFC 9110 §15.4.5)", async () => {
  await send("PATCH", shadow, { desired: { a: 1 } });
  for (const tag of ['"1"', 'W/"1"', '"0", "1"', "*"]) {
    const answer = await send("GET", shadow, undefined, { "if-none-match": tag });
    expect([answer.statusCode, answer.body, answer.headers["etag"]], tag).toEqual([304, "", '"1"']);
  }
  for (const tag of ['"0"', "1", '"11"'])
    expect((await send("GET", shadow, undefined, { "if-none-match": tag })).statusCode, tag).toBe(200);
});

test("each named shadow is a document of its own; their names are listed, the classic one's is not", async () => {
  await send("PATCH", `${shadow}?name=config`, { desired: { mode: "eco" }, clientToken: "t-1" });
  await send("PATCH", shadow, { desired: { target: 21 } });
  expect((await send("GET", `${shadow}?name=config`)).json()).toMatchObject({ version: 1, desired: { mode: "eco" } });
  expect((await send("GET", shadow)).json()).toMatchObject({ version: 1, desired: { target: 21 } });
  expect((await send("GET", `${devicePath}/shadows`)).json()).toEqual({ names: ["config"] });
  expect((await send("DELETE", `${shadow}?name=config`)).json()).toMatchObject({ version: 2, desired: {} });
  expect((await send("GET", shadow)).json()).toMatchObject({ desired: { target: 21 } });
});

test("changes are listed newest first, with who made them, page by page", async () => {
  await send("PATCH", shadow, { desired: { a: 1 } });
  await send("PATCH", shadow, { desired: { a: 2 }, clientToken: "t-2" });
  const at = "2026-01-31T12:00:00.000Z";
  expect((await send("GET", `${shadow}/history?pageSize=1`)).json()).toEqual({
    changes: [{ version: 2, at, principal: "key:owner", desired: { a: 2 }, clientToken: "t-2" }],
    nextPageToken: "more",
  });
  expect((await send("GET", `${shadow}/history?name=other`)).json()).toEqual({ changes: [] });
});

test("the document as it was at a version or a time; one that is not kept is 404; both at once is 400", async () => {
  await send("PATCH", shadow, { desired: { a: 1 } });
  await send("PATCH", shadow, { desired: { a: 2 } });
  const past = await send("GET", `${shadow}?version=1`);
  expect([past.headers["etag"], past.json().desired]).toEqual(['"1"', { a: 1 }]);
  expect((await send("GET", `${shadow}?time=2026-01-31T12:00:00Z`)).json()).toMatchObject({ version: 2 });
  expect((await send("GET", `${shadow}?version=9`)).json()).toMatchObject({ status: 404, code: "notFound" });
  expect((await send("GET", `${shadow}?version=1&time=2026-01-31T12:00:00Z`)).statusCode).toBe(400);
  expect((await send("GET", `${shadow}?version=-1`)).json()).toMatchObject({ issues: [{ pointer: "/version" }] });
});

test.each([
  ["GET", "/shadow?name=a%2Fb", undefined, "/name"],
  ["GET", "/shadow?Name=a", undefined, "/Name"],
  ["PATCH", "/shadow", { desired: {}, clientToken: "é".repeat(33) }, "/clientToken"],
  ["PATCH", "/shadow", { desired: {}, desiredVersions: { a: -1 } }, "/desiredVersions/a"],
  ["GET", "/shadows?pageSize=0", undefined, "/pageSize"],
])("%s %s %j is 400 and names the field", async (method, path, body, pointer) => {
  expect((await send(method, `${devicePath}${path}`, body)).json()).toMatchObject({ status: 400, issues: [{ pointer }] });
});

test("a device that is not there is 404 on every one of them", async () => {
  const gone = "/v1/products/pk01/devices/gone";
  for (const path of ["/shadow", "/shadow?version=1", "/shadow/history", "/shadows"]) {
    expect((await send("GET", gone + path)).json(), path).toMatchObject({ status: 404, code: "notFound" });
  }
});

test("a named shadow that never was is 404 when it is deleted, also under If-Match: *", async () => {
  for (const headers of [{}, { "if-match": "*" }]) {
    expect((await send("DELETE", `${shadow}?name=never`, undefined, headers)).json()).toMatchObject({ status: 404, code: "notFound" });
  }
});

test("every version there can be is taken in If-Match and in the query, and no number above", async () => {
  const [highest, above] = [String(Number.MAX_SAFE_INTEGER), "9007199254740993"];
  expect((await send("PATCH", shadow, { desired: {} }, { "if-match": `"${highest}"` })).json()).toMatchObject({ status: 412 });
  expect((await send("PATCH", shadow, { desired: {} }, { "if-match": `"${above}"` })).json()).toMatchObject({
    issues: [{ pointer: "/if-match" }],
  });
  expect((await send("GET", `${shadow}?version=${highest}`)).json()).toMatchObject({ status: 404 });
  expect((await send("GET", `${shadow}?version=${above}`)).json()).toMatchObject({ issues: [{ pointer: "/version" }] });
});

test("an If-Match that is no strong ETag of ours, or says otherwise than the body, is 400", async () => {
  for (const tag of ['W/"1"', '"1", "2"', "1", '"x"']) {
    expect((await send("PATCH", shadow, { desired: {} }, { "if-match": tag })).json()).toMatchObject({
      issues: [{ pointer: "/if-match" }],
    });
  }
  const both = await send("PATCH", shadow, { desired: {}, version: 1 }, { "if-match": '"2"' });
  expect(both.json()).toMatchObject({ status: 400, issues: [{ pointer: "/version" }] });
});

test("reported is the device's alone", async () => {
  expect((await send("PATCH", shadow, { desired: {}, reported: {} })).json()).toMatchObject({
    status: 400,
    issues: [{ pointer: "/reported", message: "unknown field" }],
  });
});
