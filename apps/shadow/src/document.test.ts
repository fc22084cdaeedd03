import type { JsonObject } from "@mooring/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyEdit, assertSize, deltaOf, emptyDocument, type ShadowDocument } from "./document.ts";
import { createEdit, type ShadowPatch } from "./edit.ts";

/** The next version of a document. */
const applyPatch = (document: ShadowDocument, patch: ShadowPatch, atMs: number): ShadowDocument =>
  applyEdit(document, createEdit(patch), { version: document.version + 1, atMs, saidAtMs: atMs });

describe("shadow document", () => {
  test("each accepted change adds one to the version, also one that changes nothing", () => {
    const once = applyPatch(emptyDocument, { reported: {} }, 1);
    expect(applyPatch(once, { desired: null }, 2).version).toBe(2);
  });

  // The examples of RFC 7396 appendix A whose patch is an object.
  test.each<[JsonObject, JsonObject, JsonObject]>([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [{ e: null } as JsonObject, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("%j patched by %j is %j [RFC 7396 appendix A]", (target, patch, result) => {
    const document = { ...emptyDocument, reported: target };
    expect(applyPatch(document, { reported: patch }, 1).reported).toEqual(result);
  });

  test("metadata has the time of each leaf's last change, and loses what is deleted", () => {
    const first = applyPatch(emptyDocument, { desired: { color: { r: 1, g: 2 }, list: [1, 2] } }, 10);
    const second = applyPatch(first, { desired: { color: { r: 9, g: null } } }, 20);
    expect(second.metadata.desired).toEqual({ color: { r: { timestamp: 20 } }, list: { timestamp: 10 } });
  });

  test("the delta is what of desired is missing in or differs from reported, nested, arrays as a whole", () => {
    expect(deltaOf({ a: 1, b: { c: 2, d: 3 }, e: [1, 2] }, { a: 1, b: { c: 2, d: 4 }, e: [1], f: 9 })).toEqual({ b: { d: 3 }, e: [1, 2] });
  });

  test("the versions of desired members are those that last changed them, and go with the member", () => {
    const first = applyPatch(emptyDocument, { desired: { a: 1, b: { x: 1 } } }, 1);
    const second = applyPatch(first, { desired: { b: { y: 1 } }, reported: { a: 1 } }, 2);
    expect(second.desiredVersions).toEqual({ a: 1, b: 2 });
    expect(applyPatch(second, { desired: { a: null, c: 3 } }, 3).desiredVersions).toEqual({ b: 2, c: 3 });
    expect(applyPatch(second, { reported: null }, 3).desiredVersions).toBe(second.desiredVersions);
    expect(applyPatch(second, { desired: null }, 3).desiredVersions).toEqual({});
  });

  test("names that objects have by themselves are names like others", () => {
    const document = applyPatch(emptyDocument, { desired: { constructor: { x: 1 }, toString: 2 }, reported: {} }, 1);
    expect(document.desired).toEqual({ constructor: { x: 1 }, toString: 2 });
    expect(deltaOf(document.desired, document.reported)).toEqual(document.desired);
    expect(document.desiredVersions).toEqual({ constructor: 1, toString: 1 });
  });

  test("a document of exactly the limit is taken; a byte more is refused with both numbers", () => {
    const sizeMax = 1_000;
    const fill = (bytes: number): JsonObject => ({ text: "x".repeat(bytes - '{"text":""}'.length - "{}".length) });
    const full = applyPatch(emptyDocument, { reported: fill(sizeMax) }, 1);
    expect(assertSize(full, sizeMax)).toEqual({ ...full, bytesAtMost: sizeMax });
    const beyond = applyPatch(emptyDocument, { reported: fill(sizeMax + 1) }, 1);
    expect(() => assertSize(beyond, sizeMax)).toThrow(`the shadow would have ${sizeMax + 1} bytes; at most ${sizeMax} are allowed`);
    // Said again and again it stays as large as it is.
    expect(assertSize(applyPatch(full, { reported: fill(sizeMax) }, 2), sizeMax).bytesAtMost).toBe(sizeMax);
  });

  const json = fc.letrec<{ leaf: unknown; state: unknown }>((tie) => ({
    leaf: fc.oneof(fc.integer(), fc.string({ unit: "binary" }), fc.boolean(), fc.array(fc.integer(), { maxLength: 3 })),
    state: fc.dictionary(fc.constantFrom("a", "b", "c", "ä"), fc.oneof(fc.constant(null), tie("leaf"), tie("state")), { maxKeys: 3 }),
  })).state as fc.Arbitrary<JsonObject>;

  test("the bytes that are kept along are never fewer than the document has, so that none too large gets through", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ desired: json, reported: json }), { maxLength: 6 }), (patches) => {
        const document = patches.reduce<ShadowDocument>((before, patch) => applyPatch(before, patch, 1), emptyDocument);
        const bytes = Buffer.byteLength(JSON.stringify(document.desired)) + Buffer.byteLength(JSON.stringify(document.reported));
        expect(document.bytesAtMost).toBeGreaterThanOrEqual(bytes);
      }),
    );
  });

  test("applying what the delta asks for leaves no delta", () => {
    const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.array(fc.integer(), { maxLength: 3 }));
    const state = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.oneof(leaf, fc.dictionary(fc.constantFrom("x", "y"), leaf)));
    fc.assert(
      fc.property(state, state, (desired, reported) => {
        const delta = deltaOf(desired as JsonObject, reported as JsonObject);
        const after = applyPatch({ ...emptyDocument, reported: reported as JsonObject }, { reported: delta }, 1);
        // An empty object wanted where a value stands cannot be reached by a patch: RFC 7396 replaces it.
        expect(deltaOf(desired as JsonObject, after.reported)).toEqual({});
      }),
    );
  });
});
