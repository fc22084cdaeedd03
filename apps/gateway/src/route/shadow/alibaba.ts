// Alibaba's words for shadows (wire formats §2.7): one topic up, one down, the string "null" for null, times in seconds.
//   {"method":"update","state":{"reported":{"color":"red"}},"version":1}
//   {"method":"reply","payload":{"status":"success","version":1},"timestamp":1469564576}
//   {"method":"control","payload":{"status":"success","state":{...},"metadata":{...}},"version":2,"timestamp":1469564576}
import { isDeepStrictEqual } from "node:util";
import { isJsonObject, type JsonObject, type JsonValue, type PlatformError, type ShadowMessage, type ShadowView } from "@mooring/contracts";
import { parsePayload, shadowDepthMax } from "../json-payload.ts";
import { inSeconds, secondsOf } from "./seconds.ts";

export interface AlibabaFailure {
  readonly errorcode: string;
  readonly errormessage: string;
}

/** What a device asks: with `failure`, something that cannot be done. */
export type AlibabaRequest =
  | { readonly failure: AlibabaFailure }
  | { readonly method: "get"; readonly failure?: undefined }
  | {
      readonly method: "update";
      readonly failure?: undefined;
      readonly reported?: JsonValue;
      readonly desired?: JsonValue;
      /** Absent: whatever the stored version is, it grows by one. */
      readonly nextVersion?: number;
    };

const reportedMax = 128;
/** The version that asks Alibaba to begin anew. Versions never go back here, so it only asks for no check. */
const anyVersion = -1;

/** Update and delete are the same here: a patch. */
export function parseAlibaba(payload: Uint8Array): AlibabaRequest {
  if (payload.length === 0) return fail("407", "the JSON is empty");
  const { value, issue } = parsePayload(payload, shadowDepthMax);
  if (issue !== undefined) return fail("400", issue.message);
  if (!isJsonObject(value)) return fail("400", "the payload must be a JSON object");
  if (Object.keys(value).length === 0) return fail("407", "the JSON is empty");
  const { method, state, version } = value;
  if (method === undefined) return fail("401", "method is missing");
  if (method === "get") return { method };
  if (method !== "update" && method !== "delete") return fail("406", "method must be update, get or delete");
  if (!isJsonObject(state)) return fail("402", "state is missing");
  if (version !== undefined && !(typeof version === "number" && Number.isSafeInteger(version) && version >= anyVersion)) {
    return fail("403", "version must be a number");
  }
  const failure = method === "update" ? checkUpdate(state) : checkDelete(state);
  if (failure !== undefined) return failure;
  return {
    method: "update",
    ...(state["reported"] === undefined ? {} : { reported: withNulls(state["reported"]) }),
    ...(state["desired"] === undefined ? {} : { desired: withNulls(state["desired"]) }),
    ...(version === undefined || version === anyVersion ? {} : { nextVersion: version }),
  };
}

function fail(errorcode: string, errormessage: string): { readonly failure: AlibabaFailure } {
  return { failure: { errorcode, errormessage } };
}

function checkUpdate({ reported, desired }: JsonObject): AlibabaRequest | undefined {
  if (reported === undefined && desired === undefined) return fail("404", "state.reported is missing");
  if (!isSection(reported)) return fail("400", "state.reported must be an object");
  if (!isSection(desired)) return fail("400", "state.desired must be an object");
  const count = isJsonObject(reported) ? Object.keys(reported).length : undefined;
  if (count === 0) return fail("405", "state.reported is empty");
  return (count ?? 0) > reportedMax ? fail("408", `state.reported has ${count} attributes, more than ${reportedMax}`) : undefined;
}

function checkDelete({ reported, desired }: JsonObject): AlibabaRequest | undefined {
  if (reported === undefined) return fail("404", "state.reported is missing");
  for (const section of [reported, desired]) {
    if (!isSection(section)) return fail("400", "what is deleted must be an object or the string null");
    if (isJsonObject(section) && Object.keys(section).length === 0) return fail("405", "there is nothing named that is to be deleted");
    if (isJsonObject(section) && !Object.values(section).every(isNull)) return fail("400", "what is deleted must be the string null");
  }
  return undefined;
}

function isNull(value: JsonValue): boolean {
  return value === null || value === "null";
}

function isSection(value: JsonValue | undefined): boolean {
  return value === undefined || isNull(value) || isJsonObject(value);
}

/** The string "null" as null, at every level; arrays are values and stay as they are. */
function withNulls(value: JsonValue): JsonValue {
  if (isNull(value)) return null;
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withNulls(inner)]));
}

/** What was wrong, in a code of this dialect. */
export function failureOf(error: PlatformError): AlibabaFailure {
  switch (error.code) {
    case "versionConflict":
      return { errorcode: "409", errormessage: error.message };
    case "invalidArgument":
    case "payloadTooLarge":
      return { errorcode: "400", errormessage: error.message };
    default:
      return { errorcode: "500", errormessage: error.message };
  }
}

export function failureReply(content: AlibabaFailure, nowMs: number): string {
  return JSON.stringify({ method: "reply", payload: { status: "error", content }, timestamp: secondsOf(nowMs) });
}

/** The update was accepted, and the shadow is at this version. */
export function acceptedReply({ version, timestampMs }: { readonly version: number; readonly timestampMs: number }): string {
  return JSON.stringify({ method: "reply", payload: { status: "success", version }, timestamp: secondsOf(timestampMs) });
}

/** The whole document, in answer to a get. */
export function documentReply({ desired, reported, metadata, version, timestampMs }: ShadowView): string {
  return JSON.stringify({
    method: "reply",
    payload: payloadOf({ desired, reported }, metadata),
    version,
    timestamp: secondsOf(timestampMs),
  });
}

/** The whole document, when what is desired changed and there is something of it; otherwise undefined. */
export function controlMessage({ previous, current, timestamp }: ShadowMessage): string | undefined {
  if (current === undefined || Object.keys(current.state.desired).length === 0) return undefined;
  const isSame =
    isDeepStrictEqual(previous?.state.desired, current.state.desired) &&
    // Desired once more as it was: the device is told again.
    isDeepStrictEqual(previous?.metadata.desired, current.metadata.desired);
  if (isSame) return undefined;
  const { state, metadata, version } = current;
  return JSON.stringify({ method: "control", payload: payloadOf(state, metadata), version, timestamp: secondsOf(timestamp) });
}

/** A section that holds nothing is left out, as in what Alibaba shows. */
function payloadOf(
  sections: { readonly desired: JsonObject; readonly reported: JsonObject },
  metadata: { readonly desired: JsonObject; readonly reported: JsonObject },
): JsonObject {
  const { reported, desired } = sections;
  const state = {
    ...(Object.keys(reported).length === 0 ? {} : { reported }),
    ...(Object.keys(desired).length === 0 ? {} : { desired }),
  };
  return { status: "success", state, metadata: inSeconds(metadata, state, false) ?? {} };
}
