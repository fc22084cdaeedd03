// What the log itself must do: append and read.
import type { AppendFrame } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { appendAll, type EventWorld, Feed, gateway, newTenant, readAll } from "./support.ts";

export function describeLog(create: () => Promise<EventWorld>): void {
  describe("the log", () => {
    test("frames are acknowledged in order, and what is acknowledged can be read, in order, up to the offset that was told", async () => {
      const { api } = await create();
      const { device, report } = newTenant();
      const records = Array.from({ length: 50 }, (_, i) => report(i));
      const acks = await appendAll(api, records);
      expect(acks.map((ack) => ack.sequence)).toEqual(records.map((_, i) => i));
      const stored = await readAll(api, device);
      expect(stored.map(({ offset: _, ...record }) => record)).toEqual(records);
      const told = acks.map((ack) => ack.lastOffset ?? 0);
      expect(stored.map(({ offset }, i) => offset <= (told[i] ?? 0))).toEqual(records.map(() => true));
      expect(told.at(-1)).toBe(stored.at(-1)?.offset);
    });

    test("a record sent again under its message id is stored once, and its frame is told an offset that it is not above", async () => {
      const { api } = await create();
      const { device, report } = newTenant();
      const record = report(1);
      await appendAll(api, [record, record, report(2)]);
      const [ack] = await appendAll(api, [record]);
      const stored = await readAll(api, device);
      expect(stored.map(({ messageId }) => messageId).filter((id) => id === record.messageId)).toHaveLength(1);
      expect(ack?.lastOffset).toBeGreaterThanOrEqual(stored[0]?.offset ?? Number.NaN);
      expect(ack?.lastOffset).toBeLessThanOrEqual(stored[1]?.offset ?? Number.NaN);
    });

    test("a frame of nothing but a record that cannot be stored is refused as a whole, and the stream goes on", async () => {
      const { api } = await create();
      const { device, report } = newTenant();
      const acks = await appendAll(api, [report(1), { ...report(2), body: "{not json" }, report(3)]);
      expect(acks.map((ack) => [ack.error !== undefined, ack.lastOffset !== undefined])).toEqual([
        [false, true],
        [true, false],
        [false, true],
      ]);
      expect(await readAll(api, device)).toHaveLength(2);
    });

    const poison = {
      "no JSON": { body: "{not json" },
      "JSON deeper than Postgres's stack": { body: "[".repeat(100_000) + "]".repeat(100_000) },
      "a NUL in a text": { kind: "mess\0age" as "message" },
      "an id that is no UUID": { messageId: "7" },
      "a time beyond what a timestamp holds": { receivedAtMs: 1e18 },
    };
    test.each(Object.entries(poison))(
      "a record with %s is refused alone, with its reason; the other 499 of its frame are stored in order",
      async (_, wrong) => {
        const { api } = await create();
        const { device, report } = newTenant();
        const records = Array.from({ length: 500 }, (_, i) => (i === 321 ? { ...report(i), ...wrong } : report(i)));
        const frames = new Feed<AppendFrame>();
        frames.push({ sequence: 1, records }, { sequence: 2, records: [report(500)] });
        frames.end();
        const acks = [];
        for await (const ack of api.append(gateway, frames)) acks.push(ack);
        const [first, second] = acks;
        expect(acks).toHaveLength(2);
        expect(first?.error).toBeUndefined();
        expect(first?.refused).toEqual([{ index: 321, reason: expect.stringMatching(/^a record cannot be stored: ./) }]);
        expect(second?.refused ?? []).toEqual([]);
        const stored = await readAll(api, device);
        expect(stored.map(({ messageId }) => messageId)).toEqual([
          ...records.filter((_, i) => i !== 321).map(({ messageId }) => messageId),
          stored.at(-1)?.messageId,
        ]);
        expect(stored.at(-2)?.offset).toBeLessThanOrEqual(first?.lastOffset ?? 0);
      },
    );

    test("a waiting reader hears of a new record at once", async () => {
      const { api } = await create();
      const { report } = newTenant();
      const [ack] = await appendAll(api, [report(0)]);
      const reading = api.read(gateway, { consumer: "test", after: ack?.lastOffset ?? 0, limit: 10, waitMs: 10_000 });
      const record = report(1);
      await appendAll(api, [record]);
      expect((await reading).records[0]?.messageId).toBe(record.messageId);
    });

    test.each([
      [{ consumer: "", after: 0, limit: 1 }, "/consumer"],
      [{ consumer: "Not This", after: 0, limit: 1 }, "/consumer"],
      [{ consumer: "test", after: 0, limit: 0 }, "/limit"],
      [{ consumer: "test", after: 0, limit: 1_001 }, "/limit"],
      [{ consumer: "test", after: -1, limit: 1 }, "/after"],
    ])("to read with %j is refused and the field named", async (request, pointer) => {
      const { api } = await create();
      await expect(api.read(gateway, { ...request, waitMs: 0 })).rejects.toMatchObject({
        code: "invalidArgument",
        details: { issues: [{ pointer }] },
      });
    });

    test("only the platform's own processes append and read the log", async () => {
      const { api } = await create();
      const { backend, report } = newTenant();
      const append = async () => {
        const frames = new Feed<AppendFrame>();
        frames.push({ sequence: 0, records: [report(1)] });
        for await (const _ of api.append(backend, frames)) return;
      };
      await expect(append()).rejects.toMatchObject({ code: "permissionDenied" });
      await expect(api.read(backend, { consumer: "test", after: 0, limit: 1, waitMs: 0 })).rejects.toMatchObject({
        code: "permissionDenied",
      });
    });
  });
}
