import { type ErrorCode, type JsonObject, PlatformError, type ShadowView } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { nativeShadow } from "./native.ts";
import { parseUpdate } from "./parse.ts";

const good = parseUpdate(Buffer.from('{"state":{"reported":{}},"clientToken":"t"}'));
const rejected = (error: PlatformError, request = good): JsonObject =>
  JSON.parse(nativeShadow.rejected(error, request, 1_760_000_000_456)) as JsonObject;

describe("a refusal in the platform's own words", () => {
  test.each<[ErrorCode, number, string]>([
    ["invalidArgument", 400, "State contains an invalid node"],
    ["unauthenticated", 401, "Unauthorized"],
    ["permissionDenied", 403, "Forbidden"],
    ["notFound", 404, "Thing not found"],
    ["payloadTooLarge", 413, "The payload exceeds the maximum size allowed"],
    ["unsupportedMediaType", 415, "Unsupported documented encoding; supported encoding is UTF-8"],
    ["quotaExceeded", 429, "Too many requests"],
    ["unavailable", 500, "Internal service failure"],
    ["timeout", 500, "Internal service failure"],
    ["internal", 500, "Internal service failure"],
  ])("of %s has AWS's code and text, and the time in milliseconds", (code, status, message) => {
    expect(rejected(new PlatformError(code, "our own words"))).toEqual({
      code: status,
      message,
      timestamp: 1_760_000_000_456,
      clientToken: "t",
    });
  });

  test("says what is wrong where, by the names the device used", () => {
    const request = parseUpdate(Buffer.from('{"state":{"desired":1}}'));
    expect(rejected(request.error as PlatformError, request)).toMatchObject({
      message: "Desired node must be an object",
      issues: [{ pointer: "/state/desired", message: "/state/desired must be an object or null" }],
    });
    const issues = [{ pointer: "/desired/a", message: "is not allowed" }];
    expect(rejected(new PlatformError("invalidArgument", "x", { issues }))).toMatchObject({ issues: [{ pointer: "/state/desired/a" }] });
  });

  test("of a version carries the current document as a get would show it, and nothing else (wire formats 1.2)", () => {
    const view: ShadowView = {
      version: 17,
      desired: { color: "red" },
      reported: {},
      delta: { color: "red" },
      metadata: { desired: { color: { timestamp: 1_760_000_000_123 } }, reported: {} },
      desiredVersions: { color: 17 },
      timestampMs: 1_760_000_000_456,
    };
    const error = new PlatformError("versionConflict", "the shadow is at version 17, not 5", { current: view as unknown as JsonObject });
    const current = JSON.parse(nativeShadow.document(view, { ...good, clientToken: undefined })) as JsonObject;
    expect(rejected(error)).toEqual({ code: 409, message: "Version conflict", clientToken: "t", current });
    expect(current).toEqual({
      state: { desired: { color: "red" }, reported: {}, delta: { color: "red" } },
      metadata: view.metadata,
      version: 17,
      timestamp: 1_760_000_000_456,
    });
  });
});
