import { type ErrorCode, type JsonObject, PlatformError, type ShadowView } from "@mooring/contracts";
import { nested } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { awsShadow } from "./aws.ts";
import { parseBare, parseUpdate } from "./parse.ts";

const bytes = (text: string): Buffer => Buffer.from(text);
const update = (body: unknown) => parseUpdate(bytes(typeof body === "string" ? body : JSON.stringify(body)));

describe("what AWS says is wrong with a request", () => {
  test.each<[unknown, string]>([
    ["{", "Invalid JSON"],
    ["", "Invalid JSON"],
    ["[]", "Invalid JSON"],
    ['{"state":{"desired":{"a":1e400}}}', "State contains an invalid node"],
    ["{}", "Missing required node: state"],
    [{ state: null }, "State node must be an object"],
    [{ state: [] }, "State node must be an object"],
    [{ state: { desired: 1 } }, "Desired node must be an object"],
    [{ state: { reported: [] } }, "Reported node must be an object"],
    [{ state: { wanted: {} } }, "State contains an invalid node"],
    [{ state: { desired: {} }, version: "1" }, "Invalid version"],
    [{ state: { desired: {} }, version: 1.5 }, "Invalid version"],
    [{ state: { desired: {} }, clientToken: 1 }, "Invalid clientToken"],
    [{ state: { desired: {} }, clientToken: "x".repeat(65) }, "Invalid clientToken"],
    [{ state: { desired: nested(9) } }, "JSON contains too many levels of nesting; maximum is 8"],
  ])("%j: %s", (body, text) => {
    const request = update(body);
    expect(request).toMatchObject({ error: { code: "invalidArgument" }, text });
    const rejected = JSON.parse(awsShadow.rejected(request.error as PlatformError, request, 1_760_000_000_999)) as JsonObject;
    expect(rejected).toEqual({ code: 400, message: text, timestamp: 1_760_000_000 });
  });

  test("bytes that are no UTF-8 are 415", () => {
    const request = parseUpdate(Buffer.from([0x7b, 0xff, 0x7d]));
    const rejected = JSON.parse(awsShadow.rejected(request.error as PlatformError, request, 0)) as JsonObject;
    expect(rejected).toMatchObject({ code: 415, message: "Unsupported documented encoding; supported encoding is UTF-8" });
  });

  test.each<[ErrorCode, number, string]>([
    ["invalidArgument", 400, "State contains an invalid node"],
    ["unauthenticated", 401, "Unauthorized"],
    ["permissionDenied", 403, "Forbidden"],
    ["notFound", 404, "Thing not found"],
    ["versionConflict", 409, "Version conflict"],
    ["payloadTooLarge", 413, "The payload exceeds the maximum size allowed"],
    ["quotaExceeded", 429, "Too many requests"],
    ["internal", 500, "Internal service failure"],
    ["unavailable", 500, "Internal service failure"],
    ["timeout", 500, "Internal service failure"],
  ])("%s of the shadow service is %i %s", (code, status, message) => {
    const request = update({ state: { reported: {} }, clientToken: "t" });
    const rejected = awsShadow.rejected(new PlatformError(code, "the shadow service's own words"), request, 5_999);
    expect(JSON.parse(rejected)).toEqual({ code: status, message, timestamp: 5, clientToken: "t" });
  });
});

describe("what AWS takes", () => {
  test("a state without sections, sections that are null, an empty payload for get and delete", () => {
    expect(update({ state: {} })).toMatchObject({ reported: {}, desired: undefined, error: undefined });
    expect(update({ state: { desired: null } })).toMatchObject({ desired: null, reported: undefined, error: undefined });
    expect(parseBare(bytes(""))).toEqual({ text: "" });
    expect(parseBare(bytes('{"version":3,"clientToken":"t"}'))).toMatchObject({ version: 3, clientToken: "t", error: undefined });
  });
});

describe("times", () => {
  const view: ShadowView = {
    version: 4,
    desired: { list: [1, [2], { a: 3 }], empty: [], timestamp: { timestamp: 5 } },
    reported: {},
    delta: { list: [1, [2], { a: 3 }], empty: [] },
    metadata: {
      desired: { list: { timestamp: 9_999 }, empty: { timestamp: 9_999 }, timestamp: { timestamp: { timestamp: 7_001 } } },
      reported: {},
    },
    desiredVersions: {},
    timestampMs: 12_345,
  };

  test("are seconds, one for each element of an array; sections without content are left out", () => {
    const document = JSON.parse(awsShadow.document(view, update({ state: {} }))) as JsonObject;
    expect(document).toEqual({
      state: { desired: view.desired, delta: view.delta },
      metadata: {
        desired: {
          list: [{ timestamp: 9 }, [{ timestamp: 9 }], { a: { timestamp: 9 } }],
          empty: [],
          // A member called timestamp is a member, not a time.
          timestamp: { timestamp: { timestamp: 7 } },
        },
      },
      version: 4,
      timestamp: 12,
    });
  });
});
