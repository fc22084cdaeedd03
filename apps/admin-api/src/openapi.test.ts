import { describe, expect, test } from "vitest";
import { buildOpenApi } from "./openapi.ts";

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly requestBody?: { readonly content: Readonly<Record<string, object>> };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Readonly<Record<string, object>> }>>;
}

const document = (await buildOpenApi()) as {
  openapi: string;
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: { readonly schemas: Readonly<Record<string, object>> };
};
const listed = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
);

describe("the OpenAPI document", () => {
  test("is of version 3.1 and names each operation once", () => {
    expect(document.openapi).toBe("3.1.0");
    const ids = listed.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain("rrpc.call");
  });

  test.each(listed)("$name tells its problems and describes every answer", ({ operation }) => {
    const { responses } = operation;
    expect(operation.summary).not.toBe("");
    for (const status of ["400", "401", "403", "500", "503"]) {
      expect(responses[status]?.content).toEqual({ "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } });
    }
    if (operation.requestBody !== undefined) expect(Object.keys(responses)).toEqual(expect.arrayContaining(["413", "415"]));
    for (const response of Object.values(responses)) expect(response.description).not.toBe("Default Response");
  });

  test("holds every schema it refers to", () => {
    const targets = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1]);
    expect(targets.length).toBeGreaterThan(0);
    for (const target of targets) expect(document.components.schemas).toHaveProperty(target ?? "");
  });

  test("is the same each time it is made", async () => {
    expect(JSON.stringify(await buildOpenApi())).toBe(JSON.stringify(document));
  });

  test("shows a CSR and an SDF text as bodies of their own content types", () => {
    const body = (path: string, method: string) => Object.keys(document.paths[path]?.[method]?.requestBody?.content ?? {});
    expect(body("/v1/products/{productKey}/devices/{deviceName}/certificates", "post")).toEqual([
      "application/json",
      "application/x-pem-file",
    ]);
    expect(body("/v1/thing-models/{name}/versions/{version}", "put")).toEqual([
      "application/sdf+json",
      "application/json",
      "application/tsl+json",
      "application/tm+json",
    ]);
  });

  test("shows what is streamed by its content type, and several routes of one operation by names of their own", () => {
    const read = (path: string) => document.paths[path]?.["get"];
    const history = "/v1/products/{productKey}/devices/{deviceName}/properties/{property}/history";
    expect(read(`${history}/export`)?.operationId).toBe("events.exportHistory");
    expect(read(history)?.operationId).toBe("events.history");
    expect(Object.keys(read(`${history}/export`)?.responses["200"]?.content ?? {})).toEqual(["text/csv", "application/x-ndjson"]);
    expect(Object.keys(read("/v1/events")?.responses["200"]?.content ?? {})).toEqual(["text/event-stream"]);
    expect(read("/v1/products/{productKey}/devices/{deviceName}/shadow")?.responses).toHaveProperty("304");
  });
});
