import type { ThingModelApi } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import { systemClock } from "@mooring/kit";
import { openTestDatabase } from "@mooring/testkit";
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
