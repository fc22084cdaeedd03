import type { Tenant } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { noQuery, time, toTime, uuid } from "./schemas.ts";

const tenantAnswer = z.object({
  tenantId: z.string(),
  name: z.string(),
  status: z.string().describe("active or suspended."),
  suspendedAt: time.optional(),
  suspendedReason: z.string().optional(),
  createdAt: time,
});

export function tenantRoutes(app: Routes, { access }: Services): void {
  app.get(
    "/v1/tenant",
    {
      config: { operation: "access.getTenant" },
      schema: { tags: ["tenant"], summary: "The tenant the API key belongs to", querystring: noQuery, response: { 200: tenantAnswer } },
    },
    async (request) => toAnswer(await access.getTenant(request.caller, {})),
  );
  app.get(
    "/v1/tenants",
    {
      config: { operation: "access.listTenants" },
      schema: {
        tags: ["tenant"],
        summary: "Every tenant, newest first; for owners of the platform's own tenant, the first one there was",
        querystring: noQuery,
        response: { 200: z.object({ tenants: z.array(tenantAnswer) }) },
      },
    },
    async (request) => ({ tenants: (await access.listTenants(request.caller, {})).tenants.map(toAnswer) }),
  );
  app.patch(
    "/v1/tenants/:tenantId",
    {
      config: { operation: "access.setTenantStatus", problems: ["notFound", "failedPrecondition", "quotaExceeded"] },
      schema: {
        tags: ["tenant"],
        summary:
          "Suspends a tenant, or resumes it: connections of its devices and back ends end within 2 s and nothing is delivered to it; what it has stays. For owners of the platform's own tenant",
        params: z.strictObject({ tenantId: uuid }),
        querystring: noQuery,
        body: z.strictObject({
          status: z.enum(["active", "suspended"]),
          reason: z.string().max(200, "must have at most 200 characters").exactOptional().describe("Why, for whoever reads it later."),
        }),
        response: { 200: tenantAnswer },
      },
    },
    async (request) => toAnswer(await access.setTenantStatus(request.caller, { ...request.params, ...request.body })),
  );
}

function toAnswer({ createdAtMs, suspendedAtMs, ...tenant }: Tenant): z.output<typeof tenantAnswer> {
  const since = suspendedAtMs === undefined ? {} : { suspendedAt: toTime(suspendedAtMs) };
  return { ...tenant, ...since, createdAt: toTime(createdAtMs) };
}
