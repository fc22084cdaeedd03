// What each op does.
import { randomUUID } from "node:crypto";
import { messageBytes, type SessionOp, type StoredSession, sessionNeverExpires } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import {
  type CreateWorld,
  newTenant,
  plain,
  queueOf,
  queueOp,
  retainedOf,
  sessionsOf,
  sharedOp,
  subscription,
  textOf,
  write,
  writeFrames,
} from "./support.ts";

const everyProperty = {
  payloadFormatIndicator: 1,
  contentType: "text/plain",
  responseTopic: "/answers/ünïcode",
  correlationData: Buffer.from([0, 255, 7]),
  userProperties: [
    { name: "b", value: "2" },
    { name: "a", value: "" },
    { name: "b", value: "1" },
  ],
};

export function describeRows(create: CreateWorld): void {
  describe("sessions", () => {
    test("a session comes back as it was put, its will with all properties included", async () => {
      const { api } = await create();
      const tenant = newTenant();
      const will = { topic: "gone", payload: Buffer.from([0, 1, 255]), qos: 2, retain: true, delayS: 30 };
      const withWill = tenant.session({ will: { ...will, properties: { ...everyProperty, messageExpiryIntervalS: 0xffff_ffff } } });
      const away = tenant.session({ protocolLevel: 4, expiryIntervalS: sessionNeverExpires, disconnectedAtMs: Date.now() });
      await write(api, withWill, away);
      const expected = [withWill, away].map(({ op: _, ...session }): StoredSession => session);
      expected.sort((a, b) => (a.sessionId < b.sessionId ? -1 : 1));
      const nothing = { subscriptions: [], receivedPacketIds: [], queue: { count: 0, bytes: 0, lastSeq: 0 } };
      expect(plain(await sessionsOf(api, tenant.tenantId))).toEqual(plain(expected.map((session) => ({ ...session, ...nothing }))));
    });

    test("a session put again is replaced and keeps its subscriptions and its queue", async () => {
      const { api } = await create();
      const { tenantId, session, message } = newTenant();
      const first = session({ will: { topic: "w", payload: Buffer.of(), qos: 0, retain: false, delayS: 0, properties: {} } });
      const { will: _, connectedAtMs: __, ...rest } = first;
      const again = { ...rest, nodeId: "gateway-2", disconnectedAtMs: Date.now() };
      await write(api, first, { op: "putSubscription", sessionId: first.sessionId, ...subscription("a/+") });
      await write(api, queueOp(message("m"), [first.sessionId, 1]), again);
      const [found] = await sessionsOf(api, tenantId);
      expect(found).toMatchObject({ nodeId: "gateway-2", disconnectedAtMs: again.disconnectedAtMs, queue: { count: 1, lastSeq: 1 } });
      expect([found?.will, found?.connectedAtMs, found?.subscriptions.length]).toEqual([undefined, undefined, 1]);
    });

    test("with a session everything of it goes, and nothing of another; what comes for it later changes nothing", async () => {
      const { api } = await create();
      const { tenantId, session, message } = newTenant();
      const [gone, stays] = [session(), session()];
      const shared = message("shared");
      await write(api, gone, stays, queueOp(shared, [gone.sessionId, 1], [stays.sessionId, 1]), queueOp(message("x"), [gone.sessionId, 2]));
      await write(api, { op: "putSubscription", sessionId: gone.sessionId, ...subscription("a") });
      await write(
        api,
        { op: "putReceived", sessionId: gone.sessionId, packetIds: [7] },
        { op: "deleteSession", sessionId: gone.sessionId },
      );
      await write(
        api,
        { op: "putSubscription", sessionId: gone.sessionId, ...subscription("b") },
        { op: "putReceived", sessionId: gone.sessionId, packetIds: [8] },
        queueOp(message("late"), [gone.sessionId, 3]),
        { op: "deleteSession", sessionId: gone.sessionId },
      );
      expect((await sessionsOf(api, tenantId)).map(({ sessionId }) => sessionId)).toEqual([stays.sessionId]);
      expect(await queueOf(api, gone.sessionId)).toEqual([]);
      expect((await queueOf(api, stays.sessionId)).map(({ message }) => textOf(message))).toEqual(["shared"]);
      await write(api, gone);
      const back = (await sessionsOf(api, tenantId)).find(({ sessionId }) => sessionId === gone.sessionId);
      expect(back).toMatchObject({ subscriptions: [], receivedPacketIds: [], queue: { count: 0 } });
    });

    test("what stands between the end of a session and its next beginning changes nothing, also within one frame", async () => {
      const { api } = await create();
      const { tenantId, session, message } = newTenant();
      const { sessionId, ...rest } = session();
      const meanwhile: readonly SessionOp[] = [
        { op: "putSubscription", sessionId, ...subscription("a") },
        { op: "putReceived", sessionId, packetIds: [1] },
        queueOp(message("m"), [sessionId, 1]),
      ];
      const ops: readonly SessionOp[] = [{ sessionId, ...rest }, { op: "deleteSession", sessionId }, ...meanwhile, { sessionId, ...rest }];
      await writeFrames(api, [{ sequence: 1, ops }]);
      const nothing = { subscriptions: [], receivedPacketIds: [], queue: { count: 0, bytes: 0, lastSeq: 0 } };
      expect(await sessionsOf(api, tenantId)).toMatchObject([{ sessionId, ...nothing }]);
    });

    test("a session whose expiry has passed since it was disconnected is not listed; a connected one does not expire", async () => {
      const { api } = await create();
      const { tenantId, session } = newTenant();
      const long = Date.now() - 100_000;
      const connected = session({ connectedAtMs: long, expiryIntervalS: 0 });
      const lasting = session({ disconnectedAtMs: long, expiryIntervalS: 200 });
      const eternal = session({ disconnectedAtMs: 0, expiryIntervalS: sessionNeverExpires });
      await write(api, connected, lasting, eternal, session({ disconnectedAtMs: long, expiryIntervalS: 50 }));
      const ids = (await sessionsOf(api, tenantId)).map(({ sessionId }) => sessionId);
      expect(ids).toEqual([connected, lasting, eternal].map(({ sessionId }) => sessionId).sort());
    });

    test("one that has expired is listed while messages of shared subscriptions are in its queue: they are for others too", async () => {
      const { api } = await create();
      const { tenantId, session, message } = newTenant();
      const [shares, waits] = [0, 1].map(() => session({ disconnectedAtMs: Date.now() - 100_000, expiryIntervalS: 50 }));
      if (shares === undefined || waits === undefined) throw new Error("two sessions");
      await write(
        api,
        shares,
        waits,
        sharedOp(message("m"), shares.sessionId, 3, "$share/g/ü/#"),
        queueOp(message("n"), [waits.sessionId, 1]),
      );
      expect((await sessionsOf(api, tenantId)).map(({ sessionId }) => sessionId)).toEqual([shares.sessionId]);
      expect(await queueOf(api, shares.sessionId)).toMatchObject([{ seq: 3, share: "$share/g/ü/#" }]);
      await write(api, { op: "dequeue", sessionId: shares.sessionId, seqs: [3] });
      expect(await sessionsOf(api, tenantId)).toEqual([]);
    });
  });

  describe("subscriptions and received ids", () => {
    test("a subscription is replaced by one of the same filter, and deleted alone", async () => {
      const { api } = await create();
      const { tenantId, session } = newTenant();
      const { sessionId, ...rest } = session();
      const full = subscription("$share/g/ü/#", {
        qos: 2,
        noLocal: true,
        retainAsPublished: true,
        retainHandling: 2,
        subscriptionId: 268_435_455,
      });
      await write(
        api,
        { sessionId, ...rest },
        { op: "putSubscription", sessionId, ...subscription("a/+") },
        { op: "putSubscription", sessionId, ...subscription("b") },
        { op: "putSubscription", sessionId, ...subscription(full.filter) },
        { op: "putSubscription", sessionId, ...full },
        { op: "deleteSubscription", sessionId, filter: "b" },
        { op: "deleteSubscription", sessionId, filter: "not/there" },
      );
      const [found] = await sessionsOf(api, tenantId);
      expect(found?.subscriptions).toEqual([full, subscription("a/+")]);
    });

    test("received packet ids are a set", async () => {
      const { api } = await create();
      const { tenantId, session } = newTenant();
      const { sessionId, ...rest } = session();
      await write(
        api,
        { sessionId, ...rest },
        { op: "putReceived", sessionId, packetIds: [1, 65_535, 9, 9] },
        { op: "putReceived", sessionId, packetIds: [9, 10] },
        { op: "deleteReceived", sessionId, packetIds: [9, 11] },
      );
      const [found] = await sessionsOf(api, tenantId);
      expect(found?.receivedPacketIds).toEqual([1, 10, 65_535]);
    });
  });

  describe("queues", () => {
    test("a queued message comes back as it was, for each target what is the target's", async () => {
      const { api } = await create();
      const { session, message } = newTenant();
      const [one, two] = [session(), session()];
      const stored = message("", {
        payload: Buffer.from([0, 1, 254, 255]),
        qos: 2,
        properties: everyProperty,
        publisher: "device:1",
        expiresAtMs: Date.now() + 60_000,
      });
      const targets = [
        { sessionId: one.sessionId, seq: 5, qos: 2, retain: true, subscriptionIds: [3, 1, 268_435_455], packetId: 65_535 },
        { sessionId: two.sessionId, seq: 2 ** 40, qos: 0, retain: false, subscriptionIds: [], packetId: 0 },
      ];
      await write(api, one, two, { op: "queue", message: stored, targets });
      for (const { sessionId, ...target } of targets) {
        expect(plain(await queueOf(api, sessionId))).toEqual([plain({ ...target, isReleased: false, message: stored })]);
      }
    });

    test("packet ids, released and dequeued: each changes the rows it names and no others", async () => {
      const { api } = await create();
      const { tenantId, session, message } = newTenant();
      const { sessionId, ...rest } = session();
      await write(api, { sessionId, ...rest }, ...[1, 2, 3, 4].map((seq) => queueOp(message(`m${seq}`), [sessionId, seq])));
      await write(
        api,
        {
          op: "setPacketIds",
          sessionId,
          items: [
            { seq: 1, packetId: 11 },
            { seq: 3, packetId: 13 },
            { seq: 99, packetId: 1 },
          ],
        },
        { op: "setReleased", sessionId, seqs: [3, 98] },
        { op: "dequeue", sessionId, seqs: [2, 97] },
      );
      const rows = (await queueOf(api, sessionId)).map((item) => [item.seq, item.packetId, item.isReleased, textOf(item.message)]);
      expect(rows).toEqual([
        [1, 11, false, "m1"],
        [3, 13, true, "m3"],
        [4, 0, false, "m4"],
      ]);
      const [found] = await sessionsOf(api, tenantId);
      expect(found?.queue).toEqual({ count: 3, bytes: 3 * messageBytes(message("m1")), lastSeq: 4 });
    });

    test("a message for several sessions is there until the last of them is done with it", async () => {
      const { api } = await create();
      const { session, message } = newTenant();
      const [one, two, three] = [session(), session(), session()];
      const shared = message("shared");
      await write(api, one, two, three, queueOp(shared, [one.sessionId, 1], [two.sessionId, 1]), queueOp(shared, [three.sessionId, 1]));
      for (const done of [one, two]) await write(api, { op: "dequeue", sessionId: done.sessionId, seqs: [1] });
      expect((await queueOf(api, three.sessionId)).map(({ message }) => textOf(message))).toEqual(["shared"]);
      await write(api, { op: "dequeue", sessionId: three.sessionId, seqs: [1] });
      expect(await queueOf(api, three.sessionId)).toEqual([]);
    });

    test("a message that expired is not loaded, unless its delivery has begun [MQTT-3.3.2-5, MQTT-4.4.0-1]", async () => {
      const { api } = await create();
      const { session, message } = newTenant();
      const { sessionId, ...rest } = session();
      const old = { expiresAtMs: Date.now() - 1_000 };
      await write(
        api,
        { sessionId, ...rest },
        queueOp(message("old", old), [sessionId, 1]),
        queueOp(message("begun", old), [sessionId, 2]),
        queueOp(message("good", { expiresAtMs: Date.now() + 60_000 }), [sessionId, 3]),
        { op: "setPacketIds", sessionId, items: [{ seq: 2, packetId: 1 }] },
      );
      expect((await queueOf(api, sessionId)).map(({ message }) => textOf(message))).toEqual(["begun", "good"]);
    });

    test("no message reaches a session of another tenant", async () => {
      const { api } = await create();
      const [mine, theirs] = [newTenant(), newTenant()];
      const [here, there] = [mine.session(), theirs.session()];
      await write(api, here, there, queueOp(mine.message("secret"), [there.sessionId, 1], [here.sessionId, 1]));
      expect(await queueOf(api, there.sessionId)).toEqual([]);
      expect(await queueOf(api, here.sessionId)).toHaveLength(1);
    });
  });

  describe("retained messages", () => {
    test("one per topic and tenant: the last one put, until it is deleted", async () => {
      const { api } = await create();
      const [mine, theirs] = [newTenant(), newTenant()];
      const keep = mine.message("new", { topic: "a/ü", qos: 0, properties: everyProperty, publisher: "key:1" });
      const { tenantId } = mine;
      await write(
        api,
        { op: "putRetained", tenantId, message: mine.message("old", { topic: "a/ü" }) },
        { op: "putRetained", tenantId, message: keep },
        { op: "putRetained", tenantId, message: mine.message("gone", { topic: "b" }) },
        { op: "putRetained", tenantId: theirs.tenantId, message: theirs.message("theirs", { topic: "b" }) },
        { op: "deleteRetained", tenantId, topic: "b" },
        { op: "deleteRetained", tenantId, topic: "not/there" },
        { op: "putRetained", tenantId, message: mine.message("expired", { topic: "c", expiresAtMs: Date.now() - 1 }) },
      );
      expect(plain(await retainedOf(api, tenantId))).toEqual([plain(keep)]);
      expect((await retainedOf(api, theirs.tenantId)).map(textOf)).toEqual(["theirs"]);
    });
  });

  test("a run of frames applied twice leaves what it left when it was applied once", async () => {
    const { api } = await create();
    const { tenantId, session, message } = newTenant();
    const [one, two] = [session(), session()];
    const { sessionId } = one;
    const run = [
      one,
      two,
      queueOp(message("a"), [sessionId, 1], [two.sessionId, 1]),
      queueOp(message("b"), [sessionId, 2]),
      { op: "setPacketIds", sessionId, items: [{ seq: 2, packetId: 5 }] },
      { op: "setReleased", sessionId, seqs: [2] },
      { op: "dequeue", sessionId, seqs: [1] },
      { op: "putSubscription", sessionId, ...subscription("x") },
      { op: "putSubscription", sessionId, ...subscription("y") },
      { op: "deleteSubscription", sessionId, filter: "x" },
      { op: "putReceived", sessionId, packetIds: [1, 2] },
      { op: "deleteReceived", sessionId, packetIds: [1] },
      { op: "deleteSession", sessionId: two.sessionId },
    ] as const;
    const look = async () => plain([await sessionsOf(api, tenantId), await queueOf(api, sessionId), await queueOf(api, two.sessionId)]);
    await write(api, ...run);
    const once = await look();
    for (let from = 0; from < run.length; from++) await write(api, ...run.slice(from));
    expect(await look()).toEqual(once);
    expect(once).toMatchObject([[{ sessionId, receivedPacketIds: [2] }], [{ seq: 2, packetId: 5, isReleased: true }], []]);
  });

  test("ops about a session that never was change nothing and are no error", async () => {
    const { api } = await create();
    const { tenantId, message } = newTenant();
    const sessionId = randomUUID();
    await write(api, queueOp(message("m"), [sessionId, 1]), { op: "dequeue", sessionId, seqs: [1] }, { op: "deleteSession", sessionId });
    expect(await sessionsOf(api, tenantId)).toEqual([]);
  });
}
