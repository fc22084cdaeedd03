import { beforeEach, describe, expect, test } from "vitest";
import { createSend, type Send } from "../http.test-support.ts";
import { createMemoryServices, createTestDeps } from "../memory-services.test-support.ts";
import { createAdminServer } from "../server.ts";

const url = "/v1/thing-models/heater/versions/1.0.0";
const missing = "/v1/thing-models/heater/versions/9.0.0";
const sdf = { "content-type": "application/sdf+json" };
let send: Send;

beforeEach(async () => {
  send = createSend(createAdminServer(createTestDeps(createMemoryServices().services)));
  await send("PUT", url, "{}", sdf);
});

describe("a version's states", () => {
  test("publishing answers with the changes against the version before", async () => {
    const answer = await send("PUT", "/v1/thing-models/heater/versions/1.1.0", "{}", sdf);
    expect([answer.statusCode, answer.json()]).toMatchObject([201, { model: { state: "published" }, changes: [] }]);
  });

  test("a draft is kept with its findings; 409 once the version is published", async () => {
    const draft = await send("PUT", `${missing}/draft`, "[]", sdf);
    expect([draft.statusCode, draft.json()]).toMatchObject([200, { model: { state: "draft" }, findings: [{ severity: "error" }] }]);
    expect((await send("PUT", `${url}/draft`, "{}", sdf)).json()).toMatchObject({ status: 409, code: "failedPrecondition" });
  });

  test("a draft in another format than SDF is 415, as it would be kept for SDF", async () => {
    expect((await send("PUT", `${missing}/draft`, "{}", { "content-type": "application/tsl+json" })).statusCode).toBe(415);
  });

  test("deprecating takes a replacement and a time, and gives both back", async () => {
    const answer = await send("POST", `${url}/deprecate`, { replacement: "2.0.0", retireAt: "2099-01-01T00:00:00+01:00" });
    expect(answer.json()).toMatchObject({ state: "deprecated", replacement: "2.0.0", retireAt: "2098-12-31T23:00:00.000Z" });
    expect((await send("POST", `${missing}/deprecate`, {})).statusCode).toBe(404);
    expect((await send("POST", `${url}/retire`)).statusCode).toBe(409);
  });

  test.each([
    [{ retireAt: "tomorrow" }, "/retireAt"],
    [{ replacement: "^1" }, "/replacement"],
    [{ reason: "old" }, "/reason"],
  ])("deprecating with %j is 400 and names the field", async (body, pointer) => {
    expect((await send("POST", `${url}/deprecate`, body)).json()).toMatchObject({ status: 400, issues: [{ pointer }] });
  });
});

describe("what is asked about a version", () => {
  test("findings, of what is not there 404", async () => {
    expect((await send("GET", `${url}/findings`)).json()).toMatchObject({ findings: [{ severity: "error", pointer: "" }] });
    expect((await send("GET", `${missing}/findings`)).statusCode).toBe(404);
  });

  test("the difference to another version, which must be named", async () => {
    expect((await send("GET", `${url}/diff?against=1.0.0`)).json()).toEqual({ isCompatible: true, changes: [] });
    expect((await send("GET", `${url}/diff`)).json()).toMatchObject({ status: 400, issues: [{ pointer: "/against" }] });
    expect((await send("GET", `${url}/diff?against=9.0.0`)).statusCode).toBe(404);
  });

  test("a payload is tried, and each error has its place, what was expected and what was found", async () => {
    const answer = await send("POST", `${url}/validate`, { kind: "event", member: "hot", payload: { t: 1 } });
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { isValid: false, errors: [{ pointer: "/t", expected: "number", got: '{"t":1}', message: "event hot" }] },
    ]);
    expect((await send("POST", `${url}/validate`, { kind: "shape", payload: 1 })).json()).toMatchObject({
      status: 400,
      issues: [{ pointer: "/kind" }],
    });
    expect((await send("POST", `${missing}/validate`, { kind: "desired", payload: 1 })).statusCode).toBe(404);
  });
});

test("a product may be pinned to a version or a range, and to nothing else", async () => {
  const pin = (version: string) => send("PATCH", "/v1/products/pk01", { thingModel: { name: "heater", version } });
  for (const version of ["1.0.0", "^1", "~1.4", "^0.3.1"])
    expect((await pin(version)).json(), version).not.toMatchObject({ issues: [{ pointer: "/thingModel/version" }] });
  for (const version of ["^1.x", "*", ">=1", ""])
    expect((await pin(version)).json(), version).toMatchObject({ status: 400, issues: [{ pointer: "/thingModel/version" }] });
});
