// Hot: the Alink envelope (wire formats §2.6), in which devices report and are answered.
//   {"id":"123","version":"1.0","sys":{"ack":0|1},"params":{...},"method":"thing.event.property.post"}
//   {"id":"123","code":200,"data":{},"message":"success","method":"...","version":"1.0"}
import {
  deviceTimeMsMax,
  type ErrorCode,
  errorTable,
  type FieldIssue,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type ReplyBody,
} from "@mooring/contracts";
import { parsePayload, reportDepthMax } from "./json-payload.ts";

/** Either `issue` is set, or the rest is good. `id` is "" where none could be read. */
export interface Envelope {
  readonly id: string;
  /** Unless the device said `sys.ack: 0`. */
  readonly wantsReply: boolean;
  readonly params: JsonValue | undefined;
  readonly issue: FieldIssue | undefined;
}

/** The envelope of a report, whose `params` are an object. */
export interface ReportEnvelope extends Envelope {
  readonly params: JsonObject;
}

const noParams: JsonObject = {};
/** A number as text, but for Alibaba's SDK for Node.js, which adds where it expects the reply: `1|exp-topic|/sys/…/post_reply`. */
const idLengthMax = 256;

/** Reads an envelope. `version` and `method` say nothing the topic does not, and are not looked at. */
export function parseEnvelope(payload: Uint8Array, params: "object"): ReportEnvelope;
export function parseEnvelope(payload: Uint8Array, params: "any"): Envelope;
export function parseEnvelope(payload: Uint8Array, paramsKind: "object" | "any"): Envelope {
  const { value, issue } = parsePayload(payload, reportDepthMax);
  if (issue !== undefined) return refuse("", true, issue);
  if (!isJsonObject(value)) return refuse("", true, { pointer: "", message: "the payload must be an object with id and params" });
  const id = readId(value);
  if (id === undefined) return refuse("", true, idIssue);
  const sys = value["sys"];
  const wantsReply = !(isJsonObject(sys) && sys["ack"] === 0);
  const params = value["params"];
  if (paramsKind === "object" && !isJsonObject(params)) {
    return refuse(id, wantsReply, { pointer: "/params", message: "/params must be an object" });
  }
  return { id, wantsReply, params, issue: undefined };
}

const idIssue: FieldIssue = { pointer: "/id", message: `/id must be a string of 1 to ${idLengthMax} characters` };

/** The envelope's id, as text; undefined when it is none. */
function readId(envelope: JsonObject): string | undefined {
  const id = typeof envelope["id"] === "number" ? String(envelope["id"]) : envelope["id"];
  return typeof id === "string" && id.length > 0 && id.length <= idLengthMax ? id : undefined;
}

/** What a device answered to a request: with `issue`, nothing that can be kept. */
export type AlinkReply =
  | { readonly reply: Omit<ReplyBody, "topic">; readonly issue?: undefined }
  | { readonly issue: FieldIssue; readonly reply?: undefined };

const replyMessageLengthMax = 1_024;

/** `{"id":"123","code":200,"message"?,"data"?}` */
export function parseReply(payload: Uint8Array): AlinkReply {
  const { value, issue } = parsePayload(payload, reportDepthMax);
  if (issue !== undefined) return { issue };
  if (!isJsonObject(value)) return { issue: { pointer: "", message: "the payload must be an object with id and code" } };
  const requestId = readId(value);
  if (requestId === undefined) return { issue: idIssue };
  const { code, message, data } = value;
  if (typeof code !== "number" || !Number.isSafeInteger(code))
    return { issue: { pointer: "/code", message: "/code must be a whole number" } };
  if (message !== undefined && (typeof message !== "string" || message.length > replyMessageLengthMax)) {
    return { issue: { pointer: "/message", message: `/message must be a string of at most ${replyMessageLengthMax} characters` } };
  }
  return { reply: { requestId, code, ...(message === undefined ? {} : { message }), ...(data === undefined ? {} : { data }) } };
}

function refuse(id: string, wantsReply: boolean, issue: FieldIssue): ReportEnvelope {
  return { id, wantsReply, params: noParams, issue };
}

/** The answer to a request that is to have data in it. */
export function replyWith(id: string, method: string, data: JsonValue): string {
  return JSON.stringify({ id, code: 200, data, message: "success", method, version: "1.0" });
}

/** The answer to a report that is stored. */
export function successReply(id: string, method: string): string {
  return `{"id":${JSON.stringify(id)},"code":200,"data":{},"message":"success","method":${JSON.stringify(method)},"version":"1.0"}`;
}

/** The answer to a report that is not: the Alink code of the error, and each field with its reason. */
export function refusalReply(
  id: string,
  method: string,
  refusal: { readonly code: ErrorCode; readonly message: string; readonly issues: readonly FieldIssue[] },
): string {
  const data: { issues?: readonly FieldIssue[] } = refusal.issues.length === 0 ? {} : { issues: refusal.issues };
  return JSON.stringify({ id, code: errorTable[refusal.code].alink, data, message: refusal.message, method, version: "1.0" });
}

/** One sentence for many issues: the first, and how many more. */
export function summarize(issues: readonly FieldIssue[]): string {
  const first = issues[0]?.message ?? "refused";
  return issues.length > 1 ? `${first} (and ${issues.length - 1} more)` : first;
}

/** Whether a device's time can be one: integer milliseconds since 1970. Clocks in the field are wrong by decades, so no nearer bound is set. */
export function isTime(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= deviceTimeMsMax;
}
