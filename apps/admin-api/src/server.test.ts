import { type Operation, operations } from "@mooring/contracts";
import type { FastifyInstance } from "fastify";
import { beforeEach, describe, expect, test } from "vitest";
import { createSend, devicePath, type Send } from "./http.test-support.ts";
import { createMemoryServices, createTestDeps, keyOf, keyRoles } from "./memory-services.test-support.ts";
import { createAdminServer } from "./server.ts";

let app: FastifyInstance;
let calls: unknown[];
let send: Send;

beforeEach(() => {
  const memory = createMemoryServices();
  calls = memory.calls;
  app = createAdminServer(createTestDeps(memory.services));
  send = createSend(app);
});

describe("problem documents", () => {
  test("an error carries type, title, status, detail and code (RFC 9457 §3.1)", async () => {
    const answer = await send("GET", "/v1/products/nope");
    expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
    expect(answer.json()).toEqual({
      type: "https://mooring.dev/problems/notFound",
      title: "Not found",
      status: 404,
      detail: "there is no such product",
      code: "notFound",
    });
  });

  test("every field that is wrong is named with what was expected and what came", async () => {
    const answer = await send("POST", "/v1/products", { name: 12, validation: "strict", color: "red", thingModel: { version: "1.0.0" } });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().issues).toEqual([
      { pointer: "/name", message: "must be of type string", expected: "string", got: "12" },
      { pointer: "/validation", message: "must be one of enforce, flag, off", expected: "enforce, flag, off", got: '"strict"' },
      { pointer: "/thingModel/name", message: "is required", expected: "string" },
      { pointer: "/color", message: "unknown field" },
    ]);
  });

  test("what is wrong in a list that came as text is named like what is wrong in any other", async () => {
    expect((await send("GET", "/v1/events?kinds=properties,nope")).json()).toMatchObject({
      status: 400,
      issues: [{ pointer: "/kinds/1", message: expect.stringMatching(/^must be one of properties, /), got: '"properties,nope"' }],
    });
  });

  test("a field is named as the route names it, not as the service behind it does", async () => {
    const answer = await send("POST", `${devicePath}/certificates`, { csr: "x" });
    expect(answer.json()).toMatchObject({ status: 400, detail: "/csr: is not PEM", issues: [{ pointer: "/csr" }] });
  });

  test("an unexpected failure says nothing of the inside", async () => {
    const answer = await send("POST", `${devicePath}/calls`, { service: "broken" });
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toMatch(/secret internals|TypeError|at .*\.ts/);
    expect(answer.json().code).toBe("internal");
  });

  test("an unknown path is 404, a known one with another method 405 with Allow (RFC 9110 §15.5.6)", async () => {
    expect((await send("GET", "/v2/products")).json().code).toBe("notFound");
    const answer = await send("PUT", devicePath, {});
    expect(answer.json()).toMatchObject({ status: 405, code: "methodNotAllowed" });
    expect(answer.headers["allow"]).toBe("DELETE, GET, HEAD, PATCH");
  });

  test("a body of another content type is 415 and says which ones are taken", async () => {
    const answer = await send("POST", `${devicePath}/certificates`, "a=b", { "content-type": "application/x-www-form-urlencoded" });
    expect(answer.json()).toMatchObject({ status: 415, detail: expect.stringContaining("application/json or application/x-pem-file") });
    expect((await send("POST", "/v1/products", "x", { "content-type": "application/x-pem-file" })).statusCode).toBe(415);
  });

  test("a body of more than 1 MiB is 413", async () => {
    const answer = await send("POST", "/v1/products", { name: "x".repeat(1_048_576) });
    expect(answer.json()).toMatchObject({ status: 413, code: "payloadTooLarge" });
  });

  test("a body where none is taken is refused", async () => {
    expect((await send("DELETE", devicePath, { really: true })).json()).toMatchObject({
      status: 400,
      detail: "this operation takes no body",
    });
  });
});

describe("who may do what", () => {
  test("no key, another scheme and a wrong key are 401 with a challenge (RFC 9110 §11.6.1)", async () => {
    const none = await app.inject({ url: "/v1/tenant" });
    expect([none.statusCode, none.headers["www-authenticate"]]).toEqual([401, 'Bearer realm="mooring"']);
    for (const authorization of ["Basic b3duZXI6", "Bearer", "Bearer mk_wrong", "Bearer mk_owner extra"]) {
      const answer = await app.inject({ url: "/v1/tenant", headers: { authorization } });
      expect([answer.statusCode, answer.headers["www-authenticate"]]).toEqual([401, 'Bearer realm="mooring", error="invalid_token"']);
    }
  });

  test("who is not known is told nothing about the body", async () => {
    const answer = await app.inject({ method: "POST", url: "/v1/products", headers: { "content-type": "application/json" }, payload: "{" });
    expect(answer.statusCode).toBe(401);
  });

  test("each role is refused on each route what the table of operations does not give it, and nothing else", async () => {
    const routes: { method: string; url: string; operation: Operation }[] = [];
    app.addHook("onRoute", ({ method, url, config }) => {
      if (config?.operation !== undefined) routes.push({ method: String(method), url, operation: config.operation });
    });
    await app.ready();
    expect(routes.length).toBeGreaterThan(45);
    for (const { method, url, operation } of routes) {
      for (const role of keyRoles) {
        // With a parameter that no route takes: who may gets 400, and no stream begins.
        const path = `${url.replace(":productKey", "pk01").replace(":deviceName", "dev-1")}?nothing=1`;
        const answer = await app.inject({ method: method as "GET", url: path, headers: { authorization: `Bearer ${keyOf(role)}` } });
        const allowed = (operations[operation] as readonly string[]).includes(role);
        expect(answer.statusCode === 403, `${role} ${method} ${url} ${operation}: ${answer.statusCode}`).toBe(!allowed);
      }
    }
  });

  test("a route that does not say which operation it is cannot be added", () => {
    expect(() => app.get("/v1/back-door", async () => "in")).toThrow("GET /v1/back-door does not say which operation it is");
  });

  test("only the API's description, the probes and what says which certificates are revoked are open", async () => {
    const open: string[] = [];
    app.addHook("onRoute", ({ method, url, config }) => {
      if (config?.open && method === "GET") open.push(url);
    });
    await app.ready();
    const own = ["/", "/openapi.json", "/livez", "/readyz", "/metrics"];
    expect(open).toEqual([...own, "/v1/pki/:authorityId/crl", "/v1/pki/:authorityId/root-crl", "/v1/pki/:authorityId/ocsp/*"]);
    for (const url of own) expect((await app.inject({ url })).statusCode, url).toBe(200);
  });
});

describe("resources", () => {
  test("times go out as RFC 3339", async () => {
    expect((await send("GET", "/v1/tenant")).json()).toEqual({
      ...{ tenantId: "t1", name: "first", status: "active", createdAt: "2026-01-31T12:00:00.000Z" },
    });
  });

  test("a product is created once: 201 with its place, then 409", async () => {
    const first = await send("POST", "/v1/products", { productKey: "pk02", name: "Heater", validation: "flag" });
    expect([first.statusCode, first.headers["location"]]).toEqual([201, "/v1/products/pk02"]);
    expect((await send("POST", "/v1/products", { productKey: "pk02", name: "Heater" })).json()).toMatchObject({
      status: 409,
      code: "alreadyExists",
    });
  });

  test("page sizes are whole numbers within bounds, and are passed on as numbers", async () => {
    await send("POST", "/v1/products", { name: "two" });
    expect((await send("GET", "/v1/products?pageSize=1")).json()).toMatchObject({
      products: [{ productKey: "pk01" }],
      nextPageToken: "more",
    });
    for (const size of ["0", "1001", "1e2", "-1", "", "abc", "1&pageSize=2"]) {
      expect((await send("GET", `/v1/products?pageSize=${size}`)).json(), size).toMatchObject({
        status: 400,
        issues: [{ pointer: "/pageSize" }],
      });
    }
    expect((await send("GET", "/v1/products?page=1")).json()).toMatchObject({
      status: 400,
      issues: [{ pointer: "/page", message: "unknown field" }],
    });
  });

  test("a device is deleted without an answer body", async () => {
    const answer = await send("DELETE", devicePath);
    expect([answer.statusCode, answer.body]).toEqual([204, ""]);
    expect((await send("GET", devicePath)).statusCode).toBe(404);
  });

  test("SDF text is kept byte for byte: 201 at first, 200 for the same text, 409 for another", async () => {
    const url = "/v1/thing-models/heater/versions/1.0.0";
    const sdf = '{ "info": {"title":"é"},\n\n "x": 1.0 }';
    const headers = { "content-type": "application/sdf+json" };
    expect((await send("PUT", url, sdf, headers)).statusCode).toBe(201);
    expect((await send("PUT", url, sdf, { "content-type": "application/json" })).statusCode).toBe(200);
    expect((await send("PUT", url, `${sdf} `, headers)).statusCode).toBe(409);
    const read = await send("GET", url);
    expect([read.headers["content-type"], read.body]).toEqual([expect.stringMatching(/^application\/sdf\+json/), sdf]);
    expect((await send("GET", `${url}?view=summary`)).json()).toMatchObject({ name: "heater", version: "1.0.0" });
  });

  test("a model of another format is published as what its content type says it is", async () => {
    const url = "/v1/thing-models/lamp/versions/1.0.0";
    const headers = { "content-type": "application/tsl+json; charset=utf-8" };
    expect((await send("PUT", url, "{}", headers)).statusCode).toBe(201);
    expect((await send("GET", url)).body).toBe("tsl:{}");
    expect((await send("PUT", `${url}-rc`, "{}", { "content-type": "application/tm+json" })).statusCode).toBe(201);
    expect((await send("GET", `${url}-rc`)).body).toBe("wot-tm:{}");
    expect((await send("PUT", url, "{}", { "content-type": "application/yaml" })).statusCode).toBe(415);
  });

  test("a version is exported as the service's text and type, or as what is lost: 200, 400, 404", async () => {
    const url = "/v1/thing-models/pump/versions/1.0.0";
    await send("PUT", url, "{}", { "content-type": "application/sdf+json" });
    const answer = await send("GET", `${url}/export?format=proto`);
    expect([answer.statusCode, answer.headers["content-type"], answer.body]).toEqual([
      200,
      "text/x-protobuf; charset=utf-8",
      "pump as proto",
    ]);
    const lost = await send("GET", `${url}/export?format=proto&view=losses`);
    expect(lost.json()).toEqual({ losses: [{ pointer: "/sdfObject", sentence: "It is lost." }] });
    for (const query of ["", "?format=xml"]) {
      expect((await send("GET", `${url}/export${query}`)).json()).toMatchObject({ status: 400, issues: [{ pointer: "/format" }] });
    }
    expect((await send("GET", "/v1/thing-models/pump/versions/9.0.0/export?format=proto")).statusCode).toBe(404);
  });

  test("a thing model that is not UTF-8 is refused, not mended (RFC 8259 §8.1)", async () => {
    const answer = await app.inject({
      method: "PUT",
      url: "/v1/thing-models/heater/versions/1.0.0",
      headers: { authorization: `Bearer ${keyOf("owner")}`, "content-type": "application/sdf+json" },
      payload: Buffer.from([0x22, 0xff, 0x22]),
    });
    expect(answer.json()).toMatchObject({ status: 400, detail: "the body is not valid UTF-8" });
  });

  test("a CSR may be the whole body, and the chain the whole answer", async () => {
    const csr = "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n";
    const pem = "application/x-pem-file";
    const json = await send("POST", `${devicePath}/certificates`, { csr, validityDays: 30 });
    expect(json.json()).toMatchObject({
      certificate: { fingerprint: "ab", notBefore: "2026-01-31T12:00:00.000Z" },
      certificatePem: "LEAF\n",
    });
    const text = await send("POST", `${devicePath}/certificates`, csr, { "content-type": pem, accept: `${pem}, */*;q=0.1` });
    expect([text.statusCode, text.headers["content-type"], text.body]).toEqual([201, pem, "LEAF\nISSUER\n"]);
    const address = { productKey: "pk01", deviceName: "dev-1", csrPem: csr };
    expect(calls).toEqual([{ ...address, validityDays: 30 }, address]);
  });

  test("history takes RFC 3339 bounds of any offset and gives a page", async () => {
    const answer = await send(
      "GET",
      `${devicePath}/properties/temp%2Fin/history?from=2026-01-31T13:00:00%2B01:00&to=2026-01-31T12:00:00.500Z&pageSize=7`,
    );
    expect(answer.json()).toEqual({
      points: [{ time: "2026-01-31T12:00:00.000Z", value: { a: [1] }, messageId: "m1" }],
    });
    const fromMs = Date.UTC(2026, 0, 31, 12);
    expect(calls).toEqual([{ productKey: "pk01", deviceName: "dev-1", property: "temp/in", fromMs, toMs: fromMs + 500, pageSize: 7 }]);
    expect((await send("GET", `${devicePath}/properties/temp/history?from=yesterday`)).json()).toMatchObject({
      status: 400,
      issues: [{ pointer: "/from" }],
    });
  });
});
