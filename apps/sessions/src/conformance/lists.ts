// What gateways read when they start, and what operators see.
import { randomUUID } from "node:crypto";
import { messageBytes, sessionLimitsDefault } from "@mooring/contracts";
import { errorOf, pointersOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { type CreateWorld, gateway, newTenant, queueOp, retainedOf, sessionsOf, subscription, textOf, write } from "./support.ts";

export function describeLists(create: CreateWorld): void {
  describe("lists for gateways", () => {
    test("pages of sessions and retained messages give each once, whatever their size", async () => {
      const { api } = await create();
      const { tenantId, session, message } = newTenant();
      const made = Array.from({ length: 7 }, () => session());
      const topics = ["a", "a/b", "a0", "ä", "b"];
      await write(api, ...made, ...topics.map((topic) => ({ op: "putRetained", tenantId, message: message(topic, { topic }) }) as const));
      for (const limit of [1, 3, 1_000]) {
        expect((await sessionsOf(api, tenantId, limit)).map(({ sessionId }) => sessionId)).toEqual(
          made.map(({ sessionId }) => sessionId).sort(),
        );
        expect((await retainedOf(api, tenantId, limit)).map(textOf)).toEqual(
          topics.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
        );
      }
    });

    test("a gateway that starts is told what a frame may have", async () => {
      const { api } = await create();
      expect((await api.listSessions(gateway, {})).limits).toEqual(sessionLimitsDefault);
    });

    test("each listed session has what is its own", async () => {
      const { api } = await create();
      const { tenantId, session, message } = newTenant();
      const made = Array.from({ length: 3 }, () => session());
      for (const [i, { sessionId, ...rest }] of made.entries()) {
        await write(api, { sessionId, ...rest }, { op: "putSubscription", sessionId, ...subscription(`f${i}`) });
        await write(api, { op: "putReceived", sessionId, packetIds: [i + 1] }, queueOp(message("x".repeat(i)), [sessionId, i + 5]));
      }
      const found = new Map((await sessionsOf(api, tenantId)).map((one) => [one.sessionId, one]));
      for (const [i, { sessionId }] of made.entries()) {
        const { subscriptions, receivedPacketIds, queue } = found.get(sessionId) ?? {};
        expect({ subscriptions, receivedPacketIds, queue }).toEqual({
          subscriptions: [subscription(`f${i}`)],
          receivedPacketIds: [i + 1],
          queue: { count: 1, bytes: messageBytes(message("x".repeat(i))), lastSeq: i + 5 },
        });
      }
    });

    test("a queue is loaded piece by piece, in order, by number and by bytes, and the last piece says so", async () => {
      const { api } = await create();
      const { session, message } = newTenant();
      const { sessionId, ...rest } = session();
      const seqs = [2, 3, 5, 8, 13, 21];
      await write(api, { sessionId, ...rest }, ...seqs.toReversed().map((seq) => queueOp(message("x".repeat(100)), [sessionId, seq])));
      const load = async (afterSeq: number, limit: number, bytesMax: number) => {
        const { items, isLast } = await api.loadQueue(gateway, { sessionId, afterSeq, limit, bytesMax });
        return [items.map(({ seq }) => seq), isLast];
      };
      expect(await load(0, 1_000, 10_000)).toEqual([seqs, true]);
      expect(await load(0, 2, 10_000)).toEqual([[2, 3], false]);
      expect(await load(3, 4, 10_000)).toEqual([[5, 8, 13, 21], true]);
      expect(await load(2, 1_000, 1)).toEqual([[3], false]);
      expect(await load(13, 1_000, 1)).toEqual([[21], true]);
      expect(await load(21, 1_000, 1)).toEqual([[], true]);
      expect(await load(0, 1_000, 3 * messageBytes(message("x".repeat(100))) + 1)).toEqual([[2, 3, 5], false]);
    });

    test("a queue of a session that does not exist is empty", async () => {
      const { api } = await create();
      const request = { sessionId: randomUUID(), afterSeq: 0, limit: 1, bytesMax: 1 };
      expect(await api.loadQueue(gateway, request)).toEqual({ items: [], isLast: true });
    });

    test("requests out of bounds are refused and the field named", async () => {
      const { api } = await create();
      const queue = { sessionId: randomUUID(), afterSeq: 0, limit: 1, bytesMax: 1 };
      const cases = [
        [() => api.listSessions(gateway, { limit: 0 }), "/limit"],
        [() => api.listSessions(gateway, { limit: 1_001 }), "/limit"],
        [() => api.listSessions(gateway, { pageToken: "x" }), "/pageToken"],
        [() => api.listRetained(gateway, { limit: 0 }), "/limit"],
        [() => api.listRetained(gateway, { pageToken: "eA" }), "/pageToken"],
        [() => api.loadQueue(gateway, { ...queue, sessionId: "x" }), "/sessionId"],
        [() => api.loadQueue(gateway, { ...queue, afterSeq: -1 }), "/afterSeq"],
        [() => api.loadQueue(gateway, { ...queue, limit: 1_001 }), "/limit"],
        [() => api.loadQueue(gateway, { ...queue, bytesMax: 0 }), "/bytesMax"],
        [() => api.loadQueue(gateway, { ...queue, bytesMax: 3_000_000 }), "/bytesMax"],
      ] as const;
      for (const [refused, pointer] of cases) {
        const error = await errorOf(refused());
        expect([error.code, pointersOf(error)]).toEqual(["invalidArgument", [pointer]]);
      }
    });

    test("only the platform's own processes read them", async () => {
      const { api } = await create();
      const { viewer } = newTenant();
      const owner = { ...viewer, role: "owner" } as const;
      const queue = { sessionId: randomUUID(), afterSeq: 0, limit: 1, bytesMax: 1 };
      for (const refused of [() => api.listSessions(owner, {}), () => api.loadQueue(owner, queue), () => api.listRetained(owner, {})])
        expect((await errorOf(refused())).code).toBe("permissionDenied");
    });
  });

  describe("what operators see", () => {
    test("sessions of the tenant with what waits for each and since when it is away, all or of a client id or an owner", async () => {
      const { api } = await create();
      const { viewer, session, message } = newTenant();
      const disconnectedAtMs = Date.now() - 1_000;
      const away = session({ clientId: "away", owner: "key:1", disconnectedAtMs, expiryIntervalS: 100 });
      const here = session({ clientId: "here", owner: "key:1" });
      const { sessionId } = away;
      await write(api, away, here, session({ clientId: "here" }), session({ clientId: "old", disconnectedAtMs, expiryIntervalS: 1 }));
      await write(api, queueOp(message("12345"), [sessionId, 3]), { op: "putSubscription", sessionId, ...subscription("a") });
      const found = await api.listTenantSessions(viewer, { clientId: "away" });
      const { op: _, tenantId: __, ...facts } = away;
      const figures = { subscriptions: 1, queuedMessages: 1, queuedBytes: messageBytes(message("12345")) };
      const summary = { ...facts, expiresAtMs: disconnectedAtMs + 100_000, ...figures };
      expect(found).toEqual({ sessions: [summary] });
      expect(await api.getSession(viewer, { sessionId })).toEqual({ session: summary, subscriptions: [subscription("a")] });
      const count = async (request: object) => (await api.listTenantSessions(viewer, request)).sessions.length;
      expect([await count({}), await count({ clientId: "here" }), await count({ owner: "key:1" })]).toEqual([3, 2, 2]);
      expect([await count({ clientId: "here", owner: "key:1" }), await count({ clientId: "nobody" })]).toEqual([1, 0]);
      const { session: connected } = await api.getSession(viewer, { sessionId: here.sessionId });
      expect([connected.disconnectedAtMs, connected.expiresAtMs, connected.connectedAtMs]).toEqual([
        undefined,
        undefined,
        here.connectedAtMs,
      ]);
    });

    test("pages give each of the tenant's sessions once", async () => {
      const { api } = await create();
      const { viewer, session } = newTenant();
      const made = Array.from({ length: 5 }, () => session());
      await write(api, ...made);
      const ids: string[] = [];
      for (let pageToken: string | undefined; ; ) {
        const page = await api.listTenantSessions(viewer, { pageSize: 2, ...(pageToken === undefined ? {} : { pageToken }) });
        ids.push(...page.sessions.map(({ sessionId }) => sessionId));
        pageToken = page.nextPageToken;
        if (pageToken === undefined) break;
      }
      expect(ids).toEqual(made.map(({ sessionId }) => sessionId).sort());
    });

    test("a session that expired is listed while it has a will that is owed [MQTT-3.1.3-9], and to operators not at all", async () => {
      const { api } = await create();
      const { tenantId, viewer, session } = newTenant();
      const gone = { disconnectedAtMs: Date.now() - 2_000, expiryIntervalS: 1 };
      const will = { topic: "w", payload: Buffer.of(1), qos: 1, retain: false, delayS: 60, properties: {} };
      const [owing, done] = [session({ ...gone, will }), session(gone)];
      await write(api, owing, done);
      expect((await sessionsOf(api, tenantId)).map(({ sessionId }) => sessionId)).toEqual([owing.sessionId]);
      expect(await api.listTenantSessions(viewer, {})).toEqual({ sessions: [] });
    });

    test("another tenant's session looks like one that does not exist, and so does one that expired", async () => {
      const { api } = await create();
      const { viewer, session } = newTenant();
      const expired = session({ disconnectedAtMs: Date.now() - 2_000, expiryIntervalS: 1 });
      const [own, stranger] = [session(), newTenant().viewer];
      await write(api, own, expired);
      const asked = [
        () => api.getSession(stranger, { sessionId: own.sessionId }),
        () => api.getSession(viewer, { sessionId: expired.sessionId }),
        () => api.getSession(viewer, { sessionId: randomUUID() }),
        () => api.getSession(viewer, { sessionId: "no-uuid" }),
      ];
      for (const refused of asked)
        expect(await errorOf(refused())).toMatchObject({ code: "notFound", message: "there is no such session" });
      expect(await api.listTenantSessions(stranger, {})).toEqual({ sessions: [] });
    });

    test("what is asked is checked, and devices may not ask", async () => {
      const { api } = await create();
      const { viewer } = newTenant();
      const device = { ...viewer, role: "device" } as const;
      for (const request of [{ pageSize: 0 }, { pageSize: 1_001 }])
        expect(pointersOf(await errorOf(api.listTenantSessions(viewer, request)))).toEqual(["/pageSize"]);
      expect(pointersOf(await errorOf(api.listTenantSessions(viewer, { pageToken: "?" })))).toEqual(["/pageToken"]);
      for (const refused of [() => api.listTenantSessions(device, {}), () => api.getSession(device, { sessionId: randomUUID() })])
        expect((await errorOf(refused())).code).toBe("permissionDenied");
    });
  });
}
