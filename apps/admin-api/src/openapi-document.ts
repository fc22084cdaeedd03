import swagger from "@fastify/swagger";
import { type ErrorCode, errorTable } from "@mooring/contracts";
import type { FastifyInstance, FastifySchema } from "fastify";
import { jsonSchemaTransform } from "fastify-type-provider-zod";
import { z } from "zod";
import { problemContentType, problemSchema } from "./problem.ts";
import type { RouteConfig } from "./route.ts";

/** What any operation may end in, and what any operation with a body may end in. */
const commonProblems: readonly ErrorCode[] = [
  "invalidArgument",
  "unauthenticated",
  "permissionDenied",
  "internal",
  "unavailable",
  "timeout",
];
const bodyProblems: readonly ErrorCode[] = ["payloadTooLarge", "unsupportedMediaType"];

/** Collects the routes that are added afterwards into the document that `app.swagger()` gives. */
export function registerOpenApi(app: FastifyInstance): void {
  const { $schema: _, ...problem } = z.toJSONSchema(problemSchema);
  app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Mooring",
        version: "1",
        description:
          "The operators' API of a Mooring platform. Times are RFC 3339. Every answer that is no success is a problem document (RFC 9457).",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/" }],
      security: [{ apiKey: [] }],
      components: {
        securitySchemes: { apiKey: { type: "http", scheme: "bearer", description: "An API key, made with POST /v1/api-keys." } },
        schemas: { Problem: problem as object },
      },
    },
    transform: (document) => {
      const { schema, url } = jsonSchemaTransform(document);
      const config = document.route.config ?? {};
      return { schema: config.operation === undefined ? { ...schema, hide: true } : describe(schema, config), url };
    },
  });
}

function describe(schema: FastifySchema, config: RouteConfig): FastifySchema {
  const codes = [...commonProblems, ...(schema.body === undefined ? [] : bodyProblems), ...(config.problems ?? [])];
  return {
    ...schema,
    ...(config.operation === undefined ? {} : { operationId: config.documentedAs ?? config.operation }),
    ...(config.documentedBody === undefined ? {} : { body: { content: contentOf(config.documentedBody) } }),
    response: { ...successResponses(schema.response), ...problemResponses(codes) },
  };
}

function contentOf(schemas: Readonly<Record<string, object>>): object {
  return Object.fromEntries(Object.entries(schemas).map(([type, schema]) => [type, { schema }]));
}

/** OpenAPI wants a description of every response. */
function successResponses(responses: unknown): Record<string, object> {
  const described = Object.entries((responses ?? {}) as Record<string, object>);
  return Object.fromEntries(
    described.map(([status, response]) => [status, { description: status === "201" ? "Created" : "OK", ...response }]),
  );
}

/** Several codes may share a status: the description tells them. */
function problemResponses(codes: readonly ErrorCode[]): Record<string, object> {
  const byStatus = Map.groupBy(codes, (code) => String(errorTable[code].http));
  const responses: Record<string, object> = {};
  for (const [status, shared] of byStatus) {
    responses[status] = {
      description: shared.map((code) => `${errorTable[code].title} (\`${code}\`)`).join(", or "),
      content: { [problemContentType]: { schema: { $ref: "#/components/schemas/Problem" } } },
    };
  }
  return responses;
}
