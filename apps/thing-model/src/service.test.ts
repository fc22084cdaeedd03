import { behindWire, errorOf, makeCaller } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { describeThingModelApi } from "./conformance.ts";
import { openHarness } from "./harness.test-support.ts";
import { makeDocument } from "./sample.test-support.ts";
import { versionsMax } from "./service.ts";

describeThingModelApi("the thing model service", openHarness);
describeThingModelApi("the thing model service over gRPC", async () => behindWire("thing-model", await openHarness()));

describe("the thing model service on its store", () => {
  test("a tenant's versions are bounded, and one that is there is still published again", async () => {
    const { api, database, stop } = await openHarness();
    try {
      const owner = makeCaller();
      const kept = { name: "thermostat", version: "1.0.0", document: makeDocument() };
      await api.publish(owner, kept);
      await database.pool.query(
        `INSERT INTO thing_model_versions (tenant_id, name, version, document, content_hash)
         SELECT $1, 'filler', n || '.0.0', '{}', '' FROM generate_series(2, $2) AS n`,
        [owner.tenantId, versionsMax],
      );
      expect(await errorOf(api.publish(owner, { ...kept, version: "2.0.0" }))).toMatchObject({ code: "quotaExceeded" });
      expect((await api.publish(owner, kept)).model.version).toBe("1.0.0");
      expect((await api.list(owner, {})).models.length).toBe(versionsMax);
    } finally {
      await stop();
    }
  });
});
