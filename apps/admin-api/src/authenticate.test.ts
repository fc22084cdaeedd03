import { type AccessApi, asTenantId, PlatformError } from "@mooring/contracts";
import { expect, test } from "vitest";
import { createAuthenticator } from "./authenticate.ts";
import { limits } from "./limits.ts";

function create() {
  const asked: string[] = [];
  const state = { nowMs: 1_000_000, fail: undefined as PlatformError | undefined };
  const access = {
    async authenticateKey(_: unknown, { secret }: { secret: string }) {
      asked.push(secret);
      if (state.fail !== undefined) throw state.fail;
      return { tenantId: asTenantId("t"), principal: `key:${secret}`, role: "owner" as const };
    },
  } as unknown as AccessApi;
  const authenticate = createAuthenticator({ access, clock: { now: () => state.nowMs } });
  return { asked, state, ask: (secret: string) => authenticate(`Bearer ${secret}`) };
}

test("a key is asked about once a second at most, by however many requests", async () => {
  const { asked, state, ask } = create();
  await Promise.all([ask("a"), ask("a"), ask("b")]);
  state.nowMs += limits.keyTrustMs - 1;
  expect((await ask("a")).principal).toBe("key:a");
  expect(asked).toEqual(["a", "b"]);
  state.nowMs += 1;
  await ask("a");
  expect(asked).toEqual(["a", "b", "a"]);
});

test("a revoked key is let in no longer than the time it is trusted", async () => {
  const { state, ask } = create();
  await ask("a");
  state.fail = new PlatformError("unauthenticated", "the API key is not valid");
  state.nowMs += limits.keyTrustMs;
  await expect(ask("a")).rejects.toMatchObject({ code: "unauthenticated" });
});

test("a refusal is not remembered, and nobody is let in while access is out of reach", async () => {
  const { asked, state, ask } = create();
  state.fail = new PlatformError("unavailable", "access is out of reach");
  await expect(ask("a")).rejects.toMatchObject({ code: "unavailable" });
  state.fail = undefined;
  await ask("a");
  expect(asked).toEqual(["a", "a"]);
});

test("a clock that is set back does not lengthen trust", async () => {
  const { asked, state, ask } = create();
  await ask("a");
  state.nowMs -= 3_600_000;
  await ask("a");
  expect(asked).toEqual(["a", "a"]);
});

test("no more keys are remembered than the limit says; the oldest goes first", async () => {
  const { asked, ask } = create();
  for (let i = 0; i <= limits.keysMax; i++) await ask(`k${i}`);
  asked.length = 0;
  await ask("k1");
  await ask("k0");
  expect(asked).toEqual(["k0"]);
});
