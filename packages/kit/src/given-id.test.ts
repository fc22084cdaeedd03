import { describe, expect, test } from "vitest";
import { deriveMessageId, isGivenId } from "./given-id.ts";

const [one, two] = ["0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"];

describe("ids that clients choose", () => {
  test("become UUIDs of version 8 (RFC 9562 §5.8), the same one for the same message", () => {
    const ids = Array.from({ length: 500 }, (_, i) => deriveMessageId(one, "alink", String(i)));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(ids).size).toBe(500);
    expect(deriveMessageId(one, "alink", "7")).toBe(ids[7]);
  });

  test("stay the same from one release to the next: a message is sent again across an upgrade", () => {
    expect(deriveMessageId(one, "message-id", "order-1")).toBe("3660d59c-7bb3-8838-bebf-4363926937bc");
  });

  test("are their client's own, and their source's", () => {
    const id = deriveMessageId(one, "alink", "7");
    expect(deriveMessageId(two, "alink", "7")).not.toBe(id);
    expect(deriveMessageId(one, "message-id", "7")).not.toBe(id);
    expect(deriveMessageId(one, "idempotency-key", "7")).not.toBe(id);
  });

  test.each([
    ["a", true],
    ["x".repeat(128), true],
    ["order 1/~", true],
    ["", false],
    ["x".repeat(129), false],
    ["a\nb", false],
    ["a\u007f", false],
    ["é", false],
  ])("%j may be one: %s", (id, expected) => {
    expect(isGivenId(id)).toBe(expected);
  });
});
