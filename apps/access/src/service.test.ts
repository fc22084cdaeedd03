import { behindWire, errorOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { describeAccessApi } from "./conformance.ts";
import { makeTenant, openHarness } from "./harness.test-support.ts";
import { activeKeysMax } from "./service.ts";

describeAccessApi("the access service", openHarness);
describeAccessApi("the access service over gRPC", async () => behindWire("access", await openHarness()));

describe("the access service on its store", () => {
  test("a tenant's keys are bounded, and a revoked one makes room", async () => {
    const harness = await openHarness();
    try {
      const { owner, keyId } = await makeTenant(harness);
      await harness.database.pool.query(
        `INSERT INTO api_keys (id, tenant_id, name, role, secret_hash)
         SELECT gen_random_uuid(), $1, 'x', 'owner', decode(md5(n::text), 'hex') FROM generate_series(2, $2) AS n`,
        [owner.tenantId, activeKeysMax],
      );
      const create = () => harness.api.createApiKey(owner, { name: "one more", role: "viewer" });
      expect(await errorOf(create())).toMatchObject({ code: "quotaExceeded" });
      await harness.api.revokeApiKey(owner, { id: keyId });
      await create();
      expect(await errorOf(create())).toMatchObject({ code: "quotaExceeded" });
    } finally {
      await harness.stop();
    }
  });
});
