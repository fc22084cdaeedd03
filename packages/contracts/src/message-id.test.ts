import { expect, test } from "vitest";
import { createMessageIds, nodeNumberOf } from "./message-id.ts";

test("an id leads back to its node, counts on, and wraps without touching the node", () => {
  const next = createMessageIds(() => 32_767, (1n << 48n) - 2n);
  const ids = [next(), next(), next()];
  expect(new Set(ids).size).toBe(3);
  expect(ids.map(nodeNumberOf)).toEqual([32_767, 32_767, 32_767]);
  expect(BigInt(ids[0] ?? 0) < 1n << 63n).toBe(true);
});

test.each(["", "0", "x", "-1", "1", "99999999999999999999", " 281474976710657"])("%j is no id of a node", (id) => {
  expect(nodeNumberOf(id)).toBeUndefined();
});
