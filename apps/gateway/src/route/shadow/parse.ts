// Requests of devices to their shadow. Both dialects with topics of AWS's shape say them alike (wire formats §1.2, §3.1).
import { isUtf8 } from "node:buffer";
import { type FieldIssue, isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import { type ParsedPayload, parsePayload, shadowDepthMax, stateDepthMax } from "../json-payload.ts";

/** Either `error` is set, with AWS's text for it, or the rest is good. */
export interface ShadowRequest {
  readonly reported: JsonValue | undefined;
  readonly desired: JsonValue | undefined;
  readonly version: number | undefined;
  readonly clientToken: string | undefined;
  readonly error: PlatformError | undefined;
  readonly text: string;
}

/** Bytes, as AWS has it. */
const clientTokenBytesMax = 64;

/** A patch of the sections. */
export function parseUpdate(payload: Uint8Array): ShadowRequest {
  const parsed = parseObject(payload);
  if ("error" in parsed) return parsed;
  const { clientToken, version, body } = parsed;
  const { state } = body;
  if (state === undefined) return invalid("Missing required node: state", issueAt("/state", "is missing"), clientToken);
  if (!isJsonObject(state)) return invalid("State node must be an object", issueAt("/state", "must be an object"), clientToken);
  const { desired, reported, ...rest } = state;
  if (!isSection(desired)) return invalid("Desired node must be an object", issueAt("/state/desired", sectionRule), clientToken);
  if (!isSection(reported)) return invalid("Reported node must be an object", issueAt("/state/reported", sectionRule), clientToken);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return invalid(invalidNode, issueAt("/state", "may only have desired and reported"), clientToken);
  // A state without sections says nothing, and is a change all the same.
  const said = desired === undefined && reported === undefined ? {} : reported;
  return { reported: said, desired, version, clientToken, error: undefined, text: "" };
}

/** A get or a delete: an empty payload, or `clientToken` and, for delete, `version`. */
export function parseBare(payload: Uint8Array): ShadowRequest {
  const nothing = { reported: undefined, desired: undefined, error: undefined, text: "" };
  if (payload.length === 0) return { ...nothing, version: undefined, clientToken: undefined };
  const parsed = parseObject(payload);
  return "error" in parsed ? parsed : { ...nothing, version: parsed.version, clientToken: parsed.clientToken };
}

interface Parsed {
  readonly body: JsonObject;
  readonly version: number | undefined;
  readonly clientToken: string | undefined;
}

const sectionRule = "must be an object or null";
const invalidNode = "State contains an invalid node";

function parseObject(payload: Uint8Array): ShadowRequest | Parsed {
  if (!isUtf8(payload)) return refuse(new PlatformError("unsupportedMediaType", "the payload is not UTF-8"), unsupportedEncoding);
  const parsed = parsePayload(payload, shadowDepthMax);
  if (parsed.issue !== undefined) return invalid(textOf(parsed, parsed.issue), parsed.issue);
  if (!isJsonObject(parsed.value)) return invalid("Invalid JSON", { pointer: "", message: "the payload must be an object" });
  const { clientToken, version } = parsed.value;
  if (clientToken !== undefined && !isClientToken(clientToken)) {
    return invalid("Invalid clientToken", issueAt("/clientToken", `must be a string of at most ${clientTokenBytesMax} bytes`));
  }
  if (version !== undefined && !isVersion(version)) {
    return invalid("Invalid version", issueAt("/version", "must be a whole number from 0"), clientToken);
  }
  return { body: parsed.value, version, clientToken };
}

export const unsupportedEncoding = "Unsupported documented encoding; supported encoding is UTF-8";

function textOf({ isTooDeep }: ParsedPayload, { pointer }: FieldIssue): string {
  if (isTooDeep === true) return `JSON contains too many levels of nesting; maximum is ${stateDepthMax}`;
  return pointer.startsWith("/state/") ? invalidNode : "Invalid JSON";
}

function issueAt(pointer: string, rule: string): FieldIssue {
  return { pointer, message: `${pointer} ${rule}` };
}

function invalid(text: string, issue: FieldIssue, clientToken?: string): ShadowRequest {
  return refuse(new PlatformError("invalidArgument", issue.message, { issues: [issue] }), text, clientToken);
}

/** A refused request; the token comes back if it could be read. */
function refuse(error: PlatformError, text: string, clientToken?: string): ShadowRequest {
  return { reported: undefined, desired: undefined, version: undefined, clientToken, error, text };
}

function isSection(value: JsonValue | undefined): value is JsonObject | null | undefined {
  return value === undefined || value === null || isJsonObject(value);
}

function isClientToken(value: JsonValue): value is string {
  return typeof value === "string" && Buffer.byteLength(value) <= clientTokenBytesMax;
}

function isVersion(value: JsonValue): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
