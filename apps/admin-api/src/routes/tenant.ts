import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { noQuery, time, toTime } from "./schemas.ts";

const tenantAnswer = z.object({ tenantId: z.string(), name: z.string(), createdAt: time });

export function tenantRoutes(app: Routes, { access }: Services): void {
  app.get(
    "/v1/tenant",
    {
      config: { operation: "access.getTenant" },
      schema: { tags: ["tenant"], summary: "The tenant the API key belongs to", querystring: noQuery, response: { 200: tenantAnswer } },
    },
    async (request) => {
      const tenant = await access.getTenant(request.caller, {});
      return { tenantId: tenant.tenantId, name: tenant.name, createdAt: toTime(tenant.createdAtMs) };
    },
  );
}
