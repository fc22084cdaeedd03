import type { ShadowView } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { type CreateWorld, setUp } from "./world.ts";

export function describeHistory(create: CreateWorld): void {
  describe("history", () => {
    test("has every accepted change as it was given, newest first, in pages", async () => {
      const { api, operator, self, named } = await setUp(create);
      await api.update(operator, { ...named, desired: { a: 1, b: { c: null } }, clientToken: "t" });
      await api.update(self, { ...named, desired: null, reported: { a: [1] } });
      await expect(api.update(operator, { ...named, desired: {}, expectedVersion: 1 })).rejects.toMatchObject({ code: "versionConflict" });
      await api.delete(operator, named);
      const { changes } = await api.history(operator, named);
      expect(changes.map(({ atMs: _, ...change }) => change)).toEqual([
        { version: 3, principal: "key:1", desired: null, reported: null },
        { version: 2, principal: "device:thermo1/dev-1", desired: null, reported: { a: [1] } },
        { version: 1, principal: "key:1", desired: { a: 1, b: { c: null } }, clientToken: "t" },
      ]);
      const first = await api.history(operator, { ...named, pageSize: 2 });
      expect(first.changes).toEqual(changes.slice(0, 2));
      const rest = await api.history(operator, { ...named, pageSize: 2, pageToken: first.nextPageToken ?? "" });
      expect(rest).toEqual({ changes: changes.slice(2) });
      await expect(api.history(operator, { ...named, pageToken: "zzz" })).rejects.toMatchObject({ code: "invalidArgument" });
      await expect(api.history(operator, { ...named, pageSize: 0 })).rejects.toMatchObject({ code: "invalidArgument" });
    });

    test("gives any document as it was, whole, by version and by time", async () => {
      const { api, operator, self, named } = await setUp(create);
      const views: ShadowView[] = [];
      for (let i = 1; i <= 70; i++) {
        const patch = { [`m${i % 7}`]: i % 5 === 0 ? null : { n: i, list: [i] } };
        if (i === 40) views.push(await api.delete(operator, named));
        else if (i % 3 === 0) views.push(await api.update(self, { ...named, reported: patch }));
        else views.push(await api.update(operator, { ...named, desired: patch }));
      }
      for (const view of views) expect(await api.getAt(operator, { ...named, version: view.version })).toEqual(view);
      // Of several changes within a millisecond, the last one is what it was then.
      const lastAt = (timeMs: number): ShadowView | undefined => views.findLast((view) => view.timestampMs <= timeMs);
      for (const { timestampMs } of views)
        expect(await api.getAt(operator, { ...named, timeMs: timestampMs })).toEqual(lastAt(timestampMs));
      expect(await api.getAt(operator, { ...named, timeMs: Date.now() + 60_000 })).toEqual(views.at(-1));
    }, 120_000);

    test("does not have what was not yet", async () => {
      const { api, operator, named } = await setUp(create);
      await expect(api.getAt(operator, { ...named, version: 1 })).rejects.toMatchObject({
        code: "notFound",
        message: "nothing was ever said of this shadow",
      });
      const view = await api.update(operator, { ...named, desired: { n: 1 } });
      await expect(api.getAt(operator, { ...named, version: 2 })).rejects.toMatchObject({
        code: "notFound",
        message: "the shadow is at version 1; there is no version 2 yet",
      });
      await expect(api.getAt(operator, { ...named, timeMs: view.timestampMs - 1 })).rejects.toMatchObject({
        code: "notFound",
        message: "nothing was said of this shadow by then",
      });
    });

    test.each([{}, { version: 1, timeMs: 1 }, { version: 0 }, { timeMs: -1 }])(
      "a point of the past given as %j is refused",
      async (point) => {
        const { api, operator, named } = await setUp(create);
        await api.update(operator, { ...named, desired: { n: 1 } });
        await expect(api.getAt(operator, { ...named, ...point })).rejects.toMatchObject({ code: "invalidArgument" });
      },
    );
  });
}
