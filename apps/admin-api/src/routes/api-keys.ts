import type { ApiKey } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { displayName, noQuery, time, toTime, uuid } from "./schemas.ts";

const role = z.enum(["owner", "operator", "backend", "viewer"]);
const keyAnswer = z.object({
  id: z.string(),
  name: z.string(),
  role: z.string(),
  createdAt: time,
  revokedAt: time.optional(),
  accessKeyId: z.string().optional().describe("The name of its access key, when it has one."),
});
const createBody = z.strictObject({
  name: displayName,
  role,
  accessKey: z
    .boolean()
    .exactOptional()
    .describe("With an access key, for AMQP clients in Alibaba's form, which sign instead of sending a secret."),
});
const createAnswer = z.object({
  key: keyAnswer,
  secret: z.string().describe("Shown in this answer and never again."),
  accessKey: z
    .object({ id: z.string(), secret: z.string() })
    .optional()
    .describe("Alibaba's AccessKey ID and AccessKey secret. Shown in this answer and never again."),
});
const tags = ["API keys"];

export function apiKeyRoutes(app: Routes, { access }: Services): void {
  app.post(
    "/v1/api-keys",
    {
      config: { operation: "access.createApiKey", problems: ["quotaExceeded"] },
      schema: { tags, summary: "Makes an API key", querystring: noQuery, body: createBody, response: { 201: createAnswer } },
    },
    async (request, reply) => {
      const { key, secret, accessKey } = await access.createApiKey(request.caller, request.body);
      reply.code(201);
      return { key: toAnswer(key), secret, ...(accessKey === undefined ? {} : { accessKey: { ...accessKey } }) };
    },
  );
  app.get(
    "/v1/api-keys",
    {
      config: { operation: "access.listApiKeys" },
      schema: {
        tags,
        summary: "Every API key, revoked ones too",
        querystring: noQuery,
        response: { 200: z.object({ keys: z.array(keyAnswer) }) },
      },
    },
    async (request) => {
      const { keys } = await access.listApiKeys(request.caller, {});
      return { keys: keys.map(toAnswer) };
    },
  );
  app.delete(
    "/v1/api-keys/:id",
    {
      config: { operation: "access.revokeApiKey", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary: "Revokes an API key; idempotent",
        params: z.strictObject({ id: uuid }),
        querystring: noQuery,
        response: { 200: keyAnswer },
      },
    },
    async (request) => toAnswer(await access.revokeApiKey(request.caller, request.params)),
  );
}

function toAnswer(key: ApiKey): z.output<typeof keyAnswer> {
  const { id, name, role, accessKeyId } = key;
  return {
    id,
    name,
    role,
    ...(accessKeyId === undefined ? {} : { accessKeyId }),
    createdAt: toTime(key.createdAtMs),
    ...(key.revokedAtMs === undefined ? {} : { revokedAt: toTime(key.revokedAtMs) }),
  };
}
