// The stream itself: order, acknowledgements, refusals, and who may.
import { randomUUID } from "node:crypto";
import {
  asTenantId,
  type QueueTarget,
  type SessionFrame,
  type SessionOp,
  sessionFrameBytesMax,
  sessionLimitsDefault,
} from "@mooring/contracts";
import { errorOf } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { type CreateWorld, gateway, newTenant, queueOf, queueOp, sessionsOf, subscription, textOf, write, writeFrames } from "./support.ts";

const { tenantId, session, message } = newTenant();
const sessionId: string = randomUUID();
const target = { sessionId, seq: 1, qos: 1, retain: false, subscriptionIds: [], packetId: 0 };
const toTarget = (more: Partial<QueueTarget>): SessionOp => ({
  op: "queue",
  message: message("m"),
  targets: [target, { ...target, ...more }],
});
const about = (more: Parameters<typeof message>[1]): SessionOp => queueOp(message("m", more), [sessionId, 1]);
const longTopic = "ü".repeat(513);
const will = { topic: "t", payload: Buffer.of(), qos: 1, retain: false, delayS: 0, properties: {} };

/** Ops that can never be stored: what is wrong, how it is called, and where. */
const badOps: readonly (readonly [SessionOp, string, string])[] = [
  [session({ sessionId: "no" }), "invalidArgument", "/sessionId"],
  [session({ tenantId: asTenantId("no") }), "invalidArgument", "/tenantId"],
  [session({ owner: "" }), "invalidArgument", "/owner"],
  [session({ clientId: "a\0b" }), "invalidArgument", "/clientId"],
  [session({ clientId: "x".repeat(1_025) }), "invalidArgument", "/clientId"],
  [session({ nodeId: "\0" }), "invalidArgument", "/nodeId"],
  [session({ protocolLevel: 6 }), "invalidArgument", "/protocolLevel"],
  [session({ connectedAtMs: -1 }), "invalidArgument", "/connectedAtMs"],
  [session({ disconnectedAtMs: -1 }), "invalidArgument", "/disconnectedAtMs"],
  [session({ will: { ...will, qos: 3 } }), "invalidArgument", "/will/qos"],
  [session({ will: { ...will, topic: "" } }), "invalidArgument", "/will/topic"],
  [session({ will: { ...will, payload: Buffer.alloc(sessionLimitsDefault.messageBytesMax) } }), "payloadTooLarge", "/will"],
  [{ op: "deleteSession", sessionId: sessionId.toUpperCase() }, "invalidArgument", "/sessionId"],
  [{ op: "putSubscription", sessionId, ...subscription("") }, "invalidArgument", "/filter"],
  [{ op: "putSubscription", sessionId, ...subscription(longTopic) }, "invalidArgument", "/filter"],
  [{ op: "putSubscription", sessionId, ...subscription("a", { qos: 3 }) }, "invalidArgument", "/qos"],
  [{ op: "putSubscription", sessionId, ...subscription("a", { retainHandling: 3 }) }, "invalidArgument", "/retainHandling"],
  [{ op: "putSubscription", sessionId, ...subscription("a", { subscriptionId: 2 ** 28 }) }, "invalidArgument", "/subscriptionId"],
  [{ op: "deleteSubscription", sessionId, filter: "a\0" }, "invalidArgument", "/filter"],
  [about({ messageId: "" }), "invalidArgument", "/message/messageId"],
  [about({ tenantId: asTenantId("") }), "invalidArgument", "/message/tenantId"],
  [about({ topic: longTopic }), "invalidArgument", "/message/topic"],
  [about({ qos: 3 }), "invalidArgument", "/message/qos"],
  [about({ receivedAtMs: -1 }), "invalidArgument", "/message/receivedAtMs"],
  [about({ expiresAtMs: -1 }), "invalidArgument", "/message/expiresAtMs"],
  [about({ publisher: "\0" }), "invalidArgument", "/message/publisher"],
  [about({ properties: { payloadFormatIndicator: 2 } }), "invalidArgument", "/message/properties/payloadFormatIndicator"],
  [about({ properties: { contentType: "\0" } }), "invalidArgument", "/message/properties/contentType"],
  [about({ properties: { responseTopic: "\0" } }), "invalidArgument", "/message/properties/responseTopic"],
  [about({ properties: { userProperties: [{ name: "\0", value: "" }] } }), "invalidArgument", "/message/properties/userProperties"],
  [about({ payload: Buffer.alloc(sessionLimitsDefault.messageBytesMax + 1) }), "payloadTooLarge", "/message"],
  [toTarget({ sessionId: "no" }), "invalidArgument", "/targets/1/sessionId"],
  [toTarget({ seq: 0 }), "invalidArgument", "/targets/1/seq"],
  [toTarget({ qos: 3 }), "invalidArgument", "/targets/1/qos"],
  [toTarget({ packetId: 65_536 }), "invalidArgument", "/targets/1/packetId"],
  [toTarget({ share: "" }), "invalidArgument", "/targets/1/share"],
  [toTarget({ share: longTopic }), "invalidArgument", "/targets/1/share"],
  [{ op: "setPacketIds", sessionId, items: [{ seq: 1, packetId: 65_536 }] }, "invalidArgument", "/items/0/packetId"],
  [{ op: "setPacketIds", sessionId, items: [{ seq: 0, packetId: 1 }] }, "invalidArgument", "/items/0/seq"],
  [{ op: "setReleased", sessionId, seqs: [1, -1] }, "invalidArgument", "/seqs/1"],
  [{ op: "dequeue", sessionId: "", seqs: [] }, "invalidArgument", "/sessionId"],
  [{ op: "putReceived", sessionId, packetIds: [0] }, "invalidArgument", "/packetIds/0"],
  [{ op: "deleteReceived", sessionId, packetIds: [65_536] }, "invalidArgument", "/packetIds/0"],
  [{ op: "putRetained", tenantId: randomUUID(), message: message("m") }, "invalidArgument", "/tenantId"],
  [{ op: "putRetained", tenantId, message: message("m", { topic: "" }) }, "invalidArgument", "/message/topic"],
  [{ op: "deleteRetained", tenantId: "", topic: "t" }, "invalidArgument", "/tenantId"],
  [{ op: "dropTables" } as unknown as SessionOp, "invalidArgument", "/op"],
];

export function describeStream(create: CreateWorld): void {
  describe("the stream", () => {
    test("frames are applied in order and acknowledged up to the last, and what is acknowledged is there", async () => {
      const { api } = await create();
      const tenant = newTenant();
      const { sessionId, ...rest } = tenant.session();
      const ops: SessionOp[] = [{ sessionId, ...rest }];
      for (let seq = 1; seq <= 200; seq++) {
        ops.push(queueOp(tenant.message(`m${seq}`), [sessionId, seq]));
        if (seq % 2 === 0) ops.push({ op: "dequeue", sessionId, seqs: [seq - 1] });
      }
      const acks = await writeFrames(
        api,
        ops.map((op, i) => ({ sequence: i + 10, ops: [op] })),
      );
      const told = acks.map(({ sequence }) => sequence);
      expect(told).toEqual([...told].sort((a, b) => a - b));
      expect(told.at(-1)).toBe(ops.length + 9);
      const texts = (await queueOf(api, sessionId)).map(({ message }) => textOf(message));
      expect(texts).toEqual(Array.from({ length: 100 }, (_, i) => `m${(i + 1) * 2}`));
    });

    test("a frame is acknowledged while the stream stays open, and an empty one as well", async () => {
      const { api } = await create();
      const { session } = newTenant();
      const [second, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      async function* frames(): AsyncGenerator<SessionFrame> {
        yield { sequence: 1, ops: [session()] };
        await second.promise;
        yield { sequence: 2, ops: [] };
        await end.promise;
      }
      const acks = api.write(gateway, frames())[Symbol.asyncIterator]();
      expect((await acks.next()).value).toEqual({ sequence: 1 });
      second.resolve();
      expect((await acks.next()).value).toEqual({ sequence: 2 });
      end.resolve();
      expect((await acks.next()).done).toBe(true);
    });

    test("a frame with a bad op is refused alone and as a whole, with the op and the field named; the others are stored", async () => {
      const { api } = await create();
      const tenant = newTenant();
      const [one, refused, two] = [tenant.session(), tenant.session(), tenant.session()];
      const acks = await writeFrames(api, [
        { sequence: 1, ops: [one] },
        { sequence: 2, ops: [refused, { op: "dequeue", sessionId: refused.sessionId, seqs: [0] }] },
        { sequence: 3, ops: [two] },
      ]);
      const errors = acks.filter(({ error }) => error !== undefined);
      expect(errors).toEqual([
        { sequence: 2, error: { code: "invalidArgument", message: expect.stringMatching(/^\/seqs\/0: /), opIndex: 1 } },
      ]);
      expect(acks.at(-1)?.sequence).toBe(3);
      const ids = (await sessionsOf(api, tenant.tenantId)).map(({ sessionId }) => sessionId);
      expect(ids).toEqual([one.sessionId, two.sessionId].sort());
    });

    const cases = badOps.map(([op, code, field]) => ({ op, kind: op.op, code, field }));
    test.each(cases)("an op that can never be stored is refused by name: $kind, $code at $field", async ({ op, code, field }) => {
      const { api } = await create();
      const [ack] = await writeFrames(api, [{ sequence: 1, ops: [op] }]);
      expect(ack).toMatchObject({ sequence: 1, error: { code, opIndex: 0 } });
      expect(ack?.error?.message.split(":")[0]).toBe(field);
    });

    test("a frame that names more rows than are allowed is refused by name", async () => {
      const { api } = await create();
      const seqs = Array.from({ length: sessionLimitsDefault.frameOpsMax }, (_, i) => i + 1);
      const { session } = newTenant();
      const good = await writeFrames(api, [{ sequence: 1, ops: [{ op: "dequeue", sessionId, seqs }] }]);
      const bad = await writeFrames(api, [{ sequence: 1, ops: [session(), { op: "dequeue", sessionId, seqs }] }]);
      expect(good).toEqual([{ sequence: 1 }]);
      expect(bad).toMatchObject([{ sequence: 1, error: { code: "quotaExceeded", opIndex: 1 } }]);
    });

    test("a frame that leaves a session with more subscriptions than are allowed is refused by name; replacing one is not more", async () => {
      const { api } = await create();
      const tenant = newTenant();
      const { sessionId, ...rest } = tenant.session();
      const put = (i: number): SessionOp => ({ op: "putSubscription", sessionId, ...subscription(`f/${i}`) });
      const full = Array.from({ length: sessionLimitsDefault.subscriptionsMax }, (_, i) => put(i));
      await write(api, { sessionId, ...rest });
      const acks = await writeFrames(api, [
        { sequence: 1, ops: full },
        { sequence: 2, ops: [put(7), put(1_000), put(8)] },
        { sequence: 3, ops: [put(9)] },
      ]);
      expect(acks.filter(({ error }) => error !== undefined)).toEqual([
        { sequence: 2, error: { code: "quotaExceeded", message: expect.stringMatching(/^\/filter: /), opIndex: 2 } },
      ]);
      expect(acks.at(-1)?.sequence).toBe(3);
      expect((await sessionsOf(api, tenant.tenantId))[0]?.subscriptions).toHaveLength(full.length);
    });

    test("a frame whose messages are too large together is refused by name", async () => {
      const { api } = await create();
      const payload = Buffer.alloc(sessionFrameBytesMax / 4);
      const ops = Array.from({ length: 4 }, () => queueOp(message("", { payload }), [sessionId, 1]));
      expect(await writeFrames(api, [{ sequence: 1, ops: ops.slice(0, 3) }])).toEqual([{ sequence: 1 }]);
      const [ack] = await writeFrames(api, [{ sequence: 1, ops }]);
      expect(ack).toMatchObject({ sequence: 1, error: { code: "payloadTooLarge", opIndex: 3 } });
    });

    test("the largest message that is allowed is stored", async () => {
      const { api } = await create();
      const tenant = newTenant();
      const own = tenant.session();
      const topic = "t";
      const payload = Buffer.alloc(sessionLimitsDefault.messageBytesMax - 1, 7);
      await write(api, own, queueOp(tenant.message("", { topic, payload }), [own.sessionId, 1]));
      expect((await queueOf(api, own.sessionId))[0]?.message.payload.byteLength).toBe(payload.byteLength);
    });

    test("only the platform's own processes write", async () => {
      const { api } = await create();
      const { viewer, session } = newTenant();
      const attempt = async (): Promise<void> => {
        async function* frames(): AsyncGenerator<SessionFrame> {
          yield { sequence: 1, ops: [session()] };
        }
        for await (const _ of api.write({ ...viewer, role: "owner" }, frames())) return;
      };
      expect((await errorOf(attempt())).code).toBe("permissionDenied");
    });
  });
}
