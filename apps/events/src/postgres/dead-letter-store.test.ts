import { randomUUID } from "node:crypto";
import { openTestDatabase } from "@mooring/testkit";
import { afterAll, expect, test } from "vitest";
import { makeDevice, makeRecord, tenantId } from "../delivery/fixture.test-support.ts";
import type { OwnedState } from "../delivery/ports.ts";
import { createPostgresDeadLetterStore } from "./dead-letter-store.ts";
import { createPostgresSubscriptionStore } from "./subscription-store.ts";

const database = await openTestDatabase("dead-letters");
afterAll(() => database.stop());
const letters = createPostgresDeadLetterStore(database.pool);
const subscriptions = createPostgresSubscriptionStore(database.pool);
const device = makeDevice();
const letter = (offset: number) => ({ record: makeRecord(offset, device, `{"n":${offset}}`), deliveries: 3, reason: "no" });

async function own(name: string, owner: string): Promise<OwnedState> {
  await subscriptions.create({ tenantId, name, cursor: 0 });
  const taken = await subscriptions.take(tenantId, name, { owner, leaseMs: 10_000, force: false });
  if (taken === undefined) throw new Error("it could not be taken");
  return { tenantId, name, epoch: taken.epoch, cursor: 5, lost: 0, progress: {} };
}

test("what is buried is there as it was, and the cursor has passed it", async () => {
  const owner = randomUUID();
  const state = await own("a", owner);
  const [five, seven] = [letter(5), letter(7)];
  expect(await letters.bury(owner, state, [five, seven])).toBe("stored");
  expect(await letters.list(tenantId, "a", -1, 10)).toMatchObject([five, seven]);
  expect((await subscriptions.find(tenantId, "a"))?.cursor).toBe(5);
});

test("buried again, after a delivery that was not known to have failed, there is one of it", async () => {
  const owner = randomUUID();
  const state = await own("b", owner);
  await letters.bury(owner, state, [letter(5)]);
  await letters.replay(tenantId, "b", undefined);
  expect(await letters.bury(owner, state, [{ ...letter(5), reason: "still no", deliveries: 4 }])).toBe("stored");
  const [only, ...others] = await letters.list(tenantId, "b", -1, 10);
  expect([only?.reason, only?.deliveries, only?.replayedAtMs, others.length]).toEqual(["still no", 4, undefined, 0]);
});

test("an owner of before buries nothing and moves nothing", async () => {
  const owner = randomUUID();
  const state = await own("c", owner);
  const next = await subscriptions.take(tenantId, "c", { owner: randomUUID(), leaseMs: 10_000, force: true });
  expect(next?.epoch).toBe(state.epoch + 1);
  expect(await letters.bury(owner, state, [letter(5)])).toBe("fenced");
  expect(await letters.bury(owner, { ...state, epoch: state.epoch + 1 }, [letter(5)])).toBe("fenced");
  expect(await letters.list(tenantId, "c", -1, 10)).toEqual([]);
  expect((await subscriptions.find(tenantId, "c"))?.cursor).toBe(0);
});

test("those of a subscription that is gone are not found, though a new one has its name", async () => {
  const owner = randomUUID();
  await letters.bury(owner, await own("d", owner), [letter(5)]);
  expect(await letters.find(tenantId, [5])).toContainEqual({
    subscription: "d",
    offset: 5,
    deliveries: 3,
    reason: "no",
    state: "deadLetter",
  });
  await subscriptions.delete(tenantId, "d");
  await subscriptions.create({ tenantId, name: "d", cursor: 0 });
  expect((await letters.find(tenantId, [5])).filter(({ subscription }) => subscription === "d")).toEqual([]);
});

test("one that somebody deletes is told as discarded, until the subscription is set back to it; one that was acknowledged is not", async () => {
  const owner = randomUUID();
  await letters.bury(owner, await own("e", owner), [letter(5), letter(6)]);
  const statesOf = async () =>
    (await letters.find(tenantId, [5, 6])).filter(({ subscription }) => subscription === "e").map(({ offset, state }) => [offset, state]);
  await letters.delete(tenantId, "e", [6]);
  expect(await letters.discard(tenantId, "e", undefined)).toBe(1);
  expect(await letters.list(tenantId, "e", -1, 10)).toEqual([]);
  expect(await statesOf()).toEqual([[5, "discarded"]]);
  await subscriptions.seek(tenantId, "e", 0);
  expect(await statesOf()).toEqual([]);
});
