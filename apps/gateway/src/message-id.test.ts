import { expect, test } from "vitest";
import { createMessageId } from "./message-id.ts";

test("message ids are UUIDs of version 7 that sort by time (RFC 9562 §5.7)", () => {
  const ids = [1, 1_760_000_000_000, 1_760_000_000_001].map(createMessageId);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([...ids].sort()).toEqual(ids);
  expect(createMessageId(5)).not.toBe(createMessageId(5));
});
