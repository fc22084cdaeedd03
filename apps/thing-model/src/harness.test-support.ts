import type { ThingModelApi } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import { systemClock } from "@mooring/kit";
import { openTestDatabase, overWire } from "@mooring/testkit";
import { createPostgresModelStore } from "./postgres/store.ts";
import { createThingModelService } from "./service.ts";

export interface Harness {
  readonly api: ThingModelApi;
  readonly database: Database;
  stop(): Promise<void>;
}

/** The service on a database of its own. */
export async function openHarness(): Promise<Harness> {
  const database = await openTestDatabase("thing-model");
  return {
    api: createThingModelService({ models: createPostgresModelStore(database), clock: systemClock }),
    database,
    stop: database.stop,
  };
}

/** The same service behind a wire. */
export async function openHarnessOverGrpc(): Promise<Harness> {
  const inner = await openHarness();
  const wire = await overWire("thing-model", inner.api);
  return {
    ...inner,
    api: wire.api,
    async stop() {
      await wire.stop();
      await inner.stop();
    },
  };
}
