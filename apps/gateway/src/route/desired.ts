// Desired property values as Alink's devices ask for them and clear them (wire formats §2.6). They live in the classic shadow; the version of a
// value is the shadow's version that last changed it.
//   {"id":"1","version":"1.0","params":["power"],"method":"thing.property.desired.get"}            -> data {"power":{"value":"on","version":2}}
//   {"id":"1","version":"1.0","params":{"power":{"version":2}},"method":"thing.property.desired.delete"}
import {
  type FieldIssue,
  formatTopic,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  PlatformError,
  type ShadowApi,
} from "@mooring/contracts";
import { type Envelope, parseEnvelope, refusalReply, replyWith } from "./alink.ts";
import { pointerToken } from "./json-payload.ts";
import type { Exchange, Reply } from "./shadow/exchange.ts";
import type { UplinkMessage } from "./uplink-message.ts";

/** As many as a report may have. */
const namesMax = 300;
const nameLengthMax = 128;

const getMethod = "thing.property.desired.get";
const deleteMethod = "thing.property.desired.delete";

/** `params` are names; all of them when there are none. */
export function desiredGetExchange(message: UplinkMessage, shadow: Pick<ShadowApi, "get">): Exchange {
  const { source } = message;
  const envelope = parseEnvelope(message.payload, "any");
  const { names, issue } = envelope.issue === undefined ? readNames(envelope.params) : { names: [], issue: envelope.issue };
  const reply = replies(message, envelope, "desiredGetReply");
  return {
    error: errorOf(issue),
    async run() {
      const { productKey, deviceName } = source.device;
      const { desired, desiredVersions } = await shadow.get(source.caller, { productKey, deviceName });
      const data: Record<string, JsonValue> = {};
      for (const name of names ?? Object.keys(desired)) {
        const value = Object.hasOwn(desired, name) ? desired[name] : undefined;
        if (value !== undefined) data[name] = { value, version: versionOf(desiredVersions, name) };
      }
      return reply(() => replyWith(envelope.id, getMethod, data));
    },
    refused: (error) => reply(() => refusalReply(envelope.id, getMethod, refusalOf(error))),
  };
}

/** `params` are names with, if they are to be cleared only then, the version of the value. Where no such name is set nothing changes. */
export function desiredDeleteExchange(message: UplinkMessage, shadow: Pick<ShadowApi, "get" | "update">): Exchange {
  const { source } = message;
  const envelope = parseEnvelope(message.payload, "any");
  const { versions, issue } = envelope.issue === undefined ? readVersions(envelope.params) : { versions: {}, issue: envelope.issue };
  const reply = replies(message, envelope, "desiredDeleteReply");
  return {
    error: errorOf(issue),
    async run() {
      const { productKey, deviceName } = source.device;
      const names = Object.keys(versions);
      const { desired: current } = await shadow.get(source.caller, { productKey, deviceName });
      // A version other than 0 of a name that is not set is a conflict: the shadow says so.
      const isNothing = names.every((name) => !Object.hasOwn(current, name) && (versions[name] ?? 0) === 0);
      if (isNothing) return reply(() => replyWith(envelope.id, deleteMethod, {}));
      const desired = Object.fromEntries(names.map((name) => [name, null]));
      const given = Object.entries(versions).filter((entry): entry is [string, number] => entry[1] !== undefined);
      const conditions = given.length === 0 ? {} : { expectedDesiredVersions: Object.fromEntries(given) };
      await shadow.update(source.caller, { productKey, deviceName, desired, ...conditions });
      return reply(() => replyWith(envelope.id, deleteMethod, {}));
    },
    refused: (error) => reply(() => refusalReply(envelope.id, deleteMethod, refusalOf(error))),
  };
}

/** Who said `sys.ack: 0` hears nothing. */
function replies({ source }: UplinkMessage, { wantsReply }: Envelope, kind: "desiredGetReply" | "desiredDeleteReply") {
  return (body: () => string): Reply | undefined => (wantsReply ? { topic: formatTopic(kind, source.device), body } : undefined);
}

function errorOf(issue: FieldIssue | undefined): PlatformError | undefined {
  return issue === undefined ? undefined : new PlatformError("invalidArgument", issue.message, { issues: [issue] });
}

/** The shadow service speaks of its own fields; the device gave names. */
function refusalOf({ code, message, details }: PlatformError) {
  return { code, message, issues: details.issues?.filter(({ pointer }) => pointer.startsWith("/params") || pointer === "/id") ?? [] };
}

function versionOf(versions: Readonly<Record<string, number>>, name: string): number {
  return Object.hasOwn(versions, name) ? (versions[name] ?? 0) : 0;
}

function readNames(params: JsonValue | undefined): { readonly names: readonly string[] | undefined; readonly issue?: FieldIssue } {
  const isNone = params === undefined || (isJsonObject(params) && Object.keys(params).length === 0);
  if (isNone || (Array.isArray(params) && params.length === 0)) return { names: undefined };
  if (!Array.isArray(params)) return { names: [], issue: issueAt("/params", "must be an array of names") };
  const names = params as readonly JsonValue[];
  if (names.length > namesMax) return { names: [], issue: issueAt("/params", `must have at most ${namesMax} names`) };
  const wrong = names.findIndex((name) => !isName(name));
  if (wrong !== -1) return { names: [], issue: issueAt(`/params/${wrong}`, `must be a name of 1 to ${nameLengthMax} characters`) };
  return { names: names as readonly string[] };
}

type Versions = Readonly<Record<string, number | undefined>>;

function readVersions(params: JsonValue | undefined): { readonly versions: Versions; readonly issue?: FieldIssue } {
  if (!isJsonObject(params)) return { versions: {}, issue: issueAt("/params", "must be an object of names") };
  const entries = Object.entries(params);
  if (entries.length === 0 || entries.length > namesMax) {
    return { versions: {}, issue: issueAt("/params", `must have 1 to ${namesMax} names`) };
  }
  const versions: [string, number | undefined][] = [];
  for (const [name, condition] of entries) {
    const pointer = `/params/${pointerToken(name)}`;
    if (!isName(name)) return { versions: {}, issue: issueAt("/params", `has a name without 1 to ${nameLengthMax} characters`) };
    if (!isJsonObject(condition)) return { versions: {}, issue: issueAt(pointer, "must be an object with at most a version") };
    const { version } = condition as JsonObject;
    if (version !== undefined && !(typeof version === "number" && Number.isSafeInteger(version) && version >= 0)) {
      return { versions: {}, issue: issueAt(`${pointer}/version`, "must be a whole number") };
    }
    versions.push([name, version]);
  }
  return { versions: Object.fromEntries(versions) };
}

function isName(name: JsonValue): boolean {
  return typeof name === "string" && name.length > 0 && name.length <= nameLengthMax;
}

function issueAt(pointer: string, rule: string): FieldIssue {
  return { pointer, message: `${pointer} ${rule}` };
}
