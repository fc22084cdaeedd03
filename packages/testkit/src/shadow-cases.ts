// What a shadow does, as data: every way to say it (MQTT in each dialect, HTTPS, REST, gRPC) runs the same table and must come to the same end.
import type { ErrorCode, JsonObject, JsonValue } from "@mooring/contracts";

/** One request, and what must come of it. */
export interface ShadowStep {
  readonly operation: "get" | "update" | "delete";
  /** Absent: the classic shadow. */
  readonly shadowName?: string;
  readonly desired?: JsonValue;
  readonly reported?: JsonValue;
  readonly version?: number;
  readonly clientToken?: string;
  /** The update as text instead, in the shape of MQTT and HTTPS: for what the members above cannot say. */
  readonly payload?: string;
  readonly outcome: ShadowOutcome;
}

/** The document after the request, or why it was refused: then nothing has changed. */
export type ShadowOutcome =
  | { readonly refused: ErrorCode }
  | {
      readonly refused?: undefined;
      readonly version: number;
      readonly desired: JsonObject;
      readonly reported: JsonObject;
      readonly delta: JsonObject;
    };

export interface ShadowCase {
  readonly title: string;
  /** anyone: back ends too, since only `desired` is written; device: reports, tokens and payloads as text. */
  readonly by: "anyone" | "device";
  /** Done in order on a device without a thing model that nothing was said about. */
  readonly steps: readonly ShadowStep[];
}

/** Levels of objects below a section. */
export function nested(levels: number): JsonObject {
  return levels === 1 ? { leaf: 1 } : { level: nested(levels - 1) };
}

const refused = (code: ErrorCode): ShadowOutcome => ({ refused: code });
const is = (version: number, desired: JsonObject, reported: JsonObject = {}, delta: JsonObject = desired): ShadowOutcome => ({
  ...{ version, desired, reported, delta },
});
const want = (desired: JsonValue, outcome: ShadowOutcome, more: Partial<ShadowStep> = {}): ShadowStep => ({
  operation: "update",
  desired,
  ...more,
  outcome,
});
const report = (reported: JsonValue, outcome: ShadowOutcome, more: Partial<ShadowStep> = {}): ShadowStep => ({
  operation: "update",
  reported,
  ...more,
  outcome,
});
const remove = (outcome: ShadowOutcome, more: Partial<ShadowStep> = {}): ShadowStep => ({ operation: "delete", ...more, outcome });
const read = (outcome: ShadowOutcome, more: Partial<ShadowStep> = {}): ShadowStep => ({ operation: "get", ...more, outcome });
const say = (payload: string): ShadowStep => ({ operation: "update", payload, outcome: refused("invalidArgument") });

const half = "x".repeat(40_000);

const forAnyone: readonly Omit<ShadowCase, "by">[] = [
  { title: "the first change is version 1, and all of it is the delta", steps: [want({ mode: "heat" }, is(1, { mode: "heat" }))] },
  {
    title: "objects are merged at every level",
    steps: [
      want({ a: 1, b: { c: 1, d: 2 } }, is(1, { a: 1, b: { c: 1, d: 2 } })),
      want({ b: { c: 9 } }, is(2, { a: 1, b: { c: 9, d: 2 } })),
    ],
  },
  {
    title: "null deletes a member, at every level, and one that is not there too",
    steps: [
      want({ a: 1, b: { c: 1, d: 2 } }, is(1, { a: 1, b: { c: 1, d: 2 } })),
      want({ a: null, b: { c: null }, x: null }, is(2, { b: { d: 2 } })),
    ],
  },
  { title: "null for a section clears it", steps: [want({ a: 1, b: 2 }, is(1, { a: 1, b: 2 })), want(null, is(2, {}))] },
  {
    title: "an array is one value",
    steps: [
      want({ list: [1, { a: 1 }, [2]] }, is(1, { list: [1, { a: 1 }, [2]] })),
      want({ list: [3] }, is(2, { list: [3] })),
      want({ list: [] }, is(3, { list: [] })),
    ],
  },
  {
    title: "a value takes the place of an object, and an object that of a value",
    steps: [want({ a: { b: 1 } }, is(1, { a: { b: 1 } })), want({ a: 5 }, is(2, { a: 5 })), want({ a: { c: 2 } }, is(3, { a: { c: 2 } }))],
  },
  {
    title: "a change that changes nothing is a version all the same",
    steps: [want({ a: 1 }, is(1, { a: 1 })), want({}, is(2, { a: 1 })), want({ a: 1 }, is(3, { a: 1 }))],
  },
  {
    title: "the stored version is accepted, an older and a newer one conflict",
    steps: [
      want({ a: 1 }, is(1, { a: 1 }), { version: 0 }),
      want({ a: 2 }, is(2, { a: 2 }), { version: 1 }),
      want({ a: 3 }, refused("versionConflict"), { version: 1 }),
      want({ a: 3 }, refused("versionConflict"), { version: 3 }),
      read(is(2, { a: 2 })),
    ],
  },
  {
    title: "deleting empties the document; what comes after counts on",
    steps: [
      want({ a: 1 }, is(1, { a: 1 })),
      remove(is(2, {})),
      want({ b: 1 }, is(3, { b: 1 })),
      remove(is(4, {})),
      want({ c: 1 }, is(5, { c: 1 })),
    ],
  },
  {
    title: "deleting a version that is not the stored one conflicts",
    steps: [
      want({ a: 1 }, is(1, { a: 1 })),
      remove(refused("versionConflict"), { version: 7 }),
      read(is(1, { a: 1 })),
      remove(is(2, {}), { version: 1 }),
    ],
  },
  {
    title: "a named shadow is a document of its own",
    steps: [
      want({ a: 1 }, is(1, { a: 1 })),
      want({ b: 1 }, is(1, { b: 1 }), { shadowName: "config" }),
      want({ b: 2 }, is(2, { b: 2 }), { shadowName: "config" }),
      want({ c: 1 }, is(1, { c: 1 }), { shadowName: "Other_2:x-y" }),
      read(is(1, { a: 1 })),
      remove(is(3, {}), { shadowName: "config" }),
      read(is(1, { c: 1 }), { shadowName: "Other_2:x-y" }),
    ],
  },
  {
    title: "names that JavaScript knows are names like any other, and so are those of other scripts",
    steps: [
      want(
        { constructor: 1, toString: { valueOf: 2 }, "größe 日本": "😀" },
        is(1, { constructor: 1, toString: { valueOf: 2 }, "größe 日本": "😀" }),
      ),
    ],
  },
  {
    title: "eight levels are taken, nine are not",
    steps: [want(nested(8), is(1, nested(8))), want(nested(9), refused("invalidArgument")), read(is(1, nested(8)))],
  },
  {
    title: "an array holds no null",
    steps: [want({ list: [1, null] }, refused("invalidArgument")), want({ list: [[null]] }, refused("invalidArgument"))],
  },
  {
    title: "a document of more than 64 KB is refused, also one that becomes it by parts",
    steps: [
      want({ a: half + half }, refused("payloadTooLarge")),
      want({ a: half }, is(1, { a: half })),
      want({ b: half }, refused("payloadTooLarge")),
      want({ a: null }, is(2, {})),
      want({ b: half }, is(3, { b: half })),
    ],
  },
];

const forDevices: readonly Omit<ShadowCase, "by">[] = [
  {
    title: "what is reported as desired is no delta any more; what is only reported never is",
    steps: [
      want({ a: 1, b: { c: 1, d: 2 }, list: [1, 2] }, is(1, { a: 1, b: { c: 1, d: 2 }, list: [1, 2] })),
      report(
        { a: 1, b: { c: 1 }, list: [2, 1], extra: true },
        {
          ...is(
            2,
            { a: 1, b: { c: 1, d: 2 }, list: [1, 2] },
            { a: 1, b: { c: 1 }, list: [2, 1], extra: true },
            { b: { d: 2 }, list: [1, 2] },
          ),
        },
      ),
      report(
        { b: { d: 2 }, list: [1, 2] },
        is(3, { a: 1, b: { c: 1, d: 2 }, list: [1, 2] }, { a: 1, b: { c: 1, d: 2 }, list: [1, 2], extra: true }, {}),
      ),
    ],
  },
  {
    title: "one change may say both sections, and clear one of them",
    steps: [
      want({ mode: "cool" }, is(1, { mode: "cool" })),
      report({ mode: "cool" }, is(2, {}, { mode: "cool" }), { desired: null }),
      report(null, is(3, {})),
    ],
  },
  {
    title: "a state that says nothing is a change all the same",
    steps: [
      want({ a: 1 }, is(1, { a: 1 })),
      { operation: "update", payload: '{"state":{}}', outcome: is(2, { a: 1 }) },
      report({}, is(3, { a: 1 })),
    ],
  },
  {
    title: "a client token has at most 64 bytes",
    steps: [
      want({ a: 1 }, is(1, { a: 1 }), { clientToken: "t".repeat(64) }),
      want({ a: 2 }, refused("invalidArgument"), { clientToken: "t".repeat(65) }),
      want({ a: 2 }, refused("invalidArgument"), { clientToken: "é".repeat(33) }),
    ],
  },
  {
    title: "what is not a change is refused, and nothing changes",
    steps: [
      want({ a: 1 }, is(1, { a: 1 })),
      say("{"),
      say(""),
      say("[]"),
      say('"state"'),
      say("{}"),
      say('{"state":1}'),
      say('{"state":null}'),
      say('{"state":{"desired":1}}'),
      say('{"state":{"wanted":{"a":2}}}'),
      say('{"state":{"reported":[1]}}'),
      say('{"state":{"desired":{"a":2}},"version":"1"}'),
      say('{"state":{"desired":{"a":2}},"version":-1}'),
      say('{"state":{"desired":{"a":2}},"version":1.5}'),
      say('{"state":{"desired":{"a":2}},"clientToken":7}'),
      say('{"state":{"desired":{"a":1e400}}}'),
      say('{"state":{"desired":{"__proto__":{"a":2}}}}'),
      say('{"state":{"desired":{"a":"\\u0000"}}}'),
      say('{"state":{"desired":{"a":"\\ud800"}}}'),
      say(`{"state":{"desired":${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}}}`),
      read(is(1, { a: 1 })),
    ],
  },
];

export const shadowCases: readonly ShadowCase[] = [
  ...forAnyone.map((one) => ({ ...one, by: "anyone" as const })),
  ...forDevices.map((one) => ({ ...one, by: "device" as const })),
];
