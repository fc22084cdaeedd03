import { asTenantId, type Caller, PlatformError } from "@mooring/contracts";
import { pause } from "@mooring/kit";
import { describe, expect, test } from "vitest";
import { watch } from "./guarded-stream.ts";
import { limits } from "./limits.ts";

const caller: Caller = { tenantId: asTenantId("t1"), principal: "key:1", role: "backend" };

/** How long after `sinceMs` a stream ends, and with what. */
async function endOf(check: () => Promise<Caller>, sinceMs: () => number): Promise<{ readonly code: string; readonly afterMs: number }> {
  const { code } = await watch(check, new AbortController().signal);
  return { code, afterMs: performance.now() - sinceMs() };
}

describe("a stream whose key could be revoked without anybody knowing ends, unavailable, within 2 s of the last good answer's question:", () => {
  test("when the check hangs", async () => {
    let goodAtMs = 0;
    let asked = 0;
    const check = (): Promise<Caller> => {
      if (++asked > 2) return new Promise(() => undefined);
      goodAtMs = performance.now();
      return Promise.resolve(caller);
    };
    const { code, afterMs } = await endOf(check, () => goodAtMs);
    expect([code, asked]).toEqual(["unavailable", 3]);
    expect(afterMs + limits.recheck.sharedMs).toBeLessThan(2_000);
  });

  test("when each check is answered, and later each time", async () => {
    let revokedAtMs = Number.POSITIVE_INFINITY;
    let asked = 0;
    const check = async (): Promise<Caller> => {
      const askedAtMs = performance.now();
      asked++;
      if (askedAtMs > revokedAtMs) return new Promise(() => undefined);
      if (asked === 2) {
        revokedAtMs = askedAtMs;
        await pause(1_000);
      }
      return caller;
    };
    const { code, afterMs } = await endOf(check, () => revokedAtMs);
    expect(code).toBe("unavailable");
    expect(afterMs + limits.recheck.sharedMs).toBeLessThan(2_000);
  });

  test("when the check fails at once, again and again", async () => {
    let goodAtMs = 0;
    const check = async (): Promise<Caller> => {
      if (goodAtMs > 0) throw new PlatformError("unavailable", "access is down");
      goodAtMs = performance.now();
      return caller;
    };
    const { code, afterMs } = await endOf(check, () => goodAtMs);
    expect(code).toBe("unavailable");
    expect(afterMs + limits.recheck.sharedMs).toBeLessThan(2_000);
  });

  test("when nobody answered from the beginning on, counted from when the key was let in", async () => {
    const startMs = performance.now();
    const { code, afterMs } = await endOf(
      () => new Promise(() => undefined),
      () => startMs,
    );
    expect(code).toBe("unavailable");
    expect(afterMs + limits.keyTrustMs).toBeLessThan(2_000);
  });
});

test("a short trouble of the check is borne: what fails twice and is answered then goes on", async () => {
  let asked = 0;
  const check = async (): Promise<Caller> => {
    asked++;
    if (asked === 2 || asked === 3) throw new PlatformError("unavailable", "access is down");
    if (asked === 6) throw new PlatformError("unauthenticated", "the API key is not valid");
    return caller;
  };
  expect(await watch(check, new AbortController().signal)).toMatchObject({ code: "unauthenticated" });
  expect(asked).toBe(6);
});
