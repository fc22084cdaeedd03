import { sessionLimitsDefault } from "@mooring/contracts";
import { systemClock } from "@mooring/kit";
import { openTestDatabase, overWire } from "@mooring/testkit";
import { afterAll } from "vitest";
import { describeSessionApi } from "./conformance.ts";
import { createPostgresSessionReader, createPostgresSessionWriter, createSessionService } from "./index.ts";

const database = await openTestDatabase("sessions");
const service = createSessionService({
  writer: createPostgresSessionWriter(database.pool, sessionLimitsDefault),
  reader: createPostgresSessionReader(database.pool, systemClock),
  limits: sessionLimitsDefault,
});
const wire = await overWire("sessions", service);
afterAll(async () => {
  await wire.stop();
  await database.stop();
});

describeSessionApi("the service", async () => ({ api: service }));
describeSessionApi("its client over gRPC", async () => ({ api: wire.api }));
