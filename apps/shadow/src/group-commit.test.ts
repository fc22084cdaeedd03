import { PlatformError } from "@mooring/contracts";
import { systemClock } from "@mooring/kit";
import { openTestDatabase, until } from "@mooring/testkit";
import { afterAll, describe, expect, test } from "vitest";
import { type Committed, type CommittedBefore, GroupCommit } from "./group-commit.ts";
import type { ShadowStore } from "./ports.ts";
import { createPostgresShadowStore } from "./postgres/shadow-store.ts";
import { keyOf, makeChange, makeDevice } from "./world.test-support.ts";

const database = await openTestDatabase("shadow");
afterAll(async () => {
  await database.stop();
});

const openStore = (): ShadowStore => createPostgresShadowStore({ pool: database.pool, clock: systemClock, documentBytesMax: 65_536 });
const createCommits = (store: Pick<ShadowStore, "apply">): GroupCommit =>
  new GroupCommit({ store, announce: () => undefined, logged: async () => undefined });
const versionOf = (committed: Committed | CommittedBefore): number =>
  "repeats" in committed ? committed.repeats : committed.after.version;

describe("changes that come together", () => {
  test("are one transaction, on one document one after the other; a conflict refuses only its own", async () => {
    const commits = createCommits(openStore());
    const [one, other] = [keyOf(makeDevice()), keyOf(makeDevice())];
    // The first is a transaction of its own, meanwhile the others gather.
    const all = [
      makeChange(one, { desired: { first: 1 } }),
      makeChange(one, { desired: { a: 1 } }, { conditions: { expectedVersion: 1 } }),
      makeChange(one, { desired: { a: 2 } }, { conditions: { expectedVersion: 1 } }),
      makeChange(other, { desired: { b: 1 } }),
      makeChange(one, { desired: { c: 3 } }, { conditions: { expectedVersion: 2 } }),
    ];
    const results = await Promise.allSettled(all.map((change) => commits.change(change)));
    expect(results.map((result) => (result.status === "fulfilled" ? versionOf(result.value) : result.reason))).toMatchObject([
      1,
      2,
      {
        code: "versionConflict",
        message: "the shadow is at version 2, not 1",
        details: { current: { version: 2, desired: { first: 1, a: 1 } } },
      },
      1,
      3,
    ]);
    expect(commits.committedGroups).toBe(2);
    expect(commits.committedChanges).toBe(4);
    expect(await openStore().load(one)).toMatchObject({ version: 3, desired: { first: 1, a: 1, c: 3 } });
  });

  test("are announced in the order of versions, before they are answered", async () => {
    const order: string[] = [];
    const commits = new GroupCommit({
      store: openStore(),
      logged: async () => undefined,
      announce: (_, { after }) => {
        order.push(`announced ${after.version}`);
        return undefined;
      },
    });
    const key = keyOf(makeDevice());
    const change = async (): Promise<void> => {
      order.push(`answered ${versionOf(await commits.change(makeChange(key, { desired: {} })))}`);
    };
    await Promise.all([change(), change(), change()]);
    expect(order.filter((line) => line.startsWith("announced"))).toEqual(["announced 1", "announced 2", "announced 3"]);
    for (const version of [1, 2, 3]) expect(order.indexOf(`announced ${version}`)).toBeLessThan(order.indexOf(`answered ${version}`));
  });

  test("something that Postgres refuses for what it is takes no other with it", async () => {
    const commits = createCommits(openStore());
    const [good, bad] = [keyOf(makeDevice()), keyOf(makeDevice())];
    const results = await Promise.allSettled([
      commits.change(makeChange(good, { desired: { n: 1 } })),
      commits.change(makeChange(good, { desired: { n: 2 } })),
      commits.change(makeChange(bad, { desired: { n: 3 } }, { principal: "key:\0" })),
      commits.change(makeChange(good, { desired: { n: 4 } })),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(await openStore().load(good)).toMatchObject({ version: 3, desired: { n: 4 } });
    expect(await openStore().load(bad)).toMatchObject({ version: 0 });
  });

  test("with the database away are refused, and later ones are taken again", async () => {
    let isAway = true;
    const store = openStore();
    const commits = createCommits({
      apply: (changes) => (isAway ? Promise.reject(Object.assign(new Error("connect"), { code: "ECONNREFUSED" })) : store.apply(changes)),
    });
    const key = keyOf(makeDevice());
    const refused = await Promise.allSettled([1, 2, 3].map((n) => commits.change(makeChange(key, { desired: { n } }))));
    expect(refused.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    isAway = false;
    expect(versionOf(await commits.change(makeChange(key, { desired: { n: 4 } })))).toBe(1);
  });

  test("more than may wait are unavailable at once; none of those that wait is lost", async () => {
    const gate = Promise.withResolvers<void>();
    const store = openStore();
    const commits = createCommits({ apply: (changes) => gate.promise.then(() => store.apply(changes)) });
    const key = keyOf(makeDevice());
    const waiting = Array.from({ length: 10_001 }, () => commits.change(makeChange(key, { desired: {} })));
    expect(commits.waitingChanges).toBe(10_000);
    await expect(commits.change(makeChange(key, { desired: {} }))).rejects.toMatchObject({ code: "unavailable" });
    gate.resolve();
    const done = await Promise.all(waiting);
    expect(done.map(versionOf)).toEqual(Array.from({ length: 10_001 }, (_, i) => i + 1));
  });

  test("more bytes than may wait are unavailable as well", async () => {
    const commits = createCommits({ apply: () => new Promise(() => undefined) });
    const key = keyOf(makeDevice());
    const big = { desired: { text: "x".repeat(1024 * 1024) } };
    for (let i = 0; i < 64; i++) void commits.change(makeChange(key, big));
    await expect(commits.change(makeChange(key, big))).rejects.toMatchObject({ code: "unavailable" });
  });
});

test("two processes that change the same documents, in opposite orders, do not hold each other up nor miss each other's changes", async () => {
  const keys = Array.from({ length: 20 }, () => keyOf(makeDevice()));
  const [left, right] = [openStore(), openStore()];
  const rounds = Array.from({ length: 15 }, (_, i) => i);
  const run = async (store: ShadowStore, side: string, order: typeof keys): Promise<void> => {
    for (const round of rounds) await store.apply(order.map((key) => makeChange(key, { desired: { [`${side}${round}`]: round } })));
  };
  await Promise.all([run(left, "left", keys), run(right, "right", [...keys].reverse())]);
  for (const key of keys) {
    const document = await left.load(key);
    expect(document.version).toBe(30);
    expect(Object.keys(document.desired)).toHaveLength(30);
    expect(document.desiredVersions).toEqual((await right.load(key)).desiredVersions);
    expect(Object.values(document.desiredVersions).sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  }
});

test("after a connection was lost nothing is taken for known, since the database may have been set back to an earlier time", async () => {
  const store = openStore();
  const key = keyOf(makeDevice());
  await store.apply([makeChange(key, { desired: { a: 1 } })]);
  const { pool } = database;
  const blocker = await pool.connect();
  await blocker.query("BEGIN");
  await blocker.query(`UPDATE shadows SET desired = '{"restored":true}' WHERE device_id = $1`, [key.deviceId]);
  const cut = store.apply([makeChange(key, { desired: { b: 2 } })]);
  cut.catch(() => undefined);
  await until("the change to wait for the lock", async () => {
    const { rowCount } = await pool.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    );
    return (rowCount ?? 0) > 0;
  });
  await expect(cut).rejects.toSatisfy((error) => !(error instanceof PlatformError));
  await blocker.query("COMMIT");
  blocker.release();
  const outcome = await store.apply([makeChange(key, { desired: { c: 3 } })]);
  expect(outcome).toMatchObject([{ after: { version: 2, desired: { restored: true, c: 3 } } }]);
});
