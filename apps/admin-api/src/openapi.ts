import { createMetrics, silentLog, systemClock } from "@mooring/kit";
import { createAdminServer } from "./server.ts";

/** The OpenAPI 3.1 document of the REST API. It follows from the routes alone: no service is asked anything. */
export async function buildOpenApi(): Promise<object> {
  const nobody = {} as never;
  const services = { access: nobody, devices: nobody, thingModels: nobody, shadow: nobody, rrpc: nobody, events: nobody, sessions: nobody };
  const app = createAdminServer({ ...services, log: silentLog, metrics: createMetrics(), clock: systemClock });
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await buildOpenApi(), null, 2)}\n`);
