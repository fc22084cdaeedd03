import { PlatformError, serviceCaller } from "@mooring/contracts";
import { type Log, type Metrics, runChecks } from "@mooring/kit";
import type { Routes, Services } from "../route.ts";
import { noQuery } from "./schemas.ts";

const open = { config: { open: true }, schema: { querystring: noQuery } } as const;

/** What the API says about itself, to anyone who asks. */
export function selfRoutes(app: Routes, deps: Services & { readonly metrics: Metrics; readonly log: Log }): void {
  const checks = createChecks(deps);
  let running: Promise<readonly string[]> | undefined;
  app.get("/", open, async () => ({ name: "Mooring", api: "/v1", openapi: "/openapi.json" }));
  app.get("/openapi.json", open, async () => app.swagger());
  app.get("/livez", open, async () => ({ live: true }));
  app.get("/readyz", open, async (_, reply) => {
    // Anyone may ask; however many do, the services are asked one question at a time.
    running ??= runChecks(checks).finally(() => {
      running = undefined;
    });
    const failed = await running;
    if (failed.length > 0) reply.code(503);
    return { ready: failed.length === 0, failed };
  });
  app.get("/metrics", open, async (_, reply) => reply.type(deps.metrics.contentType).send(await deps.metrics.text()));
}

/** A service that says what is wrong with a request is there; which request it is does not matter. */
function createChecks(deps: Services): Readonly<Record<string, () => Promise<void>>> {
  const self = serviceCaller("admin-api");
  const nowhere = { productKey: "none", deviceName: "none" };
  return {
    access: () => answers(deps.access.authenticateKey(self, { secret: "none" })),
    devices: () => answers(deps.devices.getProduct(self, nowhere)),
    "thing-model": () => answers(deps.thingModels.get(self, { name: "none", version: "0.0.0" })),
    shadow: () => answers(deps.shadow.get(self, nowhere)),
    rrpc: () => answers(deps.rrpc.call(self, nowhere)),
    events: () => answers(deps.events.history(self, { ...nowhere, property: "none" })),
  };
}

async function answers(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (error instanceof PlatformError && error.code !== "unavailable" && error.code !== "timeout" && error.code !== "internal") return;
    throw error;
  }
}
