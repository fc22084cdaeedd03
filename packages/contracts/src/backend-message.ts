import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import type { ConnectionBody, EventBody, LifecycleBody, LogRecord, MessageBody, PropertiesBody, ReplyBody } from "./records.ts";

/** A record as back ends of Alibaba's server-side subscription know it. Wire formats §2.12. */
export interface BackendMessage {
  readonly topic: string;
  /** JSON text in UTF-8; for a custom topic the bytes that the device sent. */
  readonly payload: Uint8Array;
}

/** The category of a product that has none of the standard ones. Products here have no category. */
const deviceType = "CustomCategory";
/** Alibaba's number for a device whose connection was taken over by another one. The other reasons have none that is documented: they go as words. */
const takenOverCode = 427;
const actions = {
  created: "create",
  enabled: "enable",
  disabled: "disable",
  deleted: "delete",
  // Words of our own: Alibaba says nothing of certificates.
  certificateExpiring: "certificateExpiring",
  certificateExpired: "certificateExpired",
} as const;

/**
 * The topic and payload of a record. Members stand in the order of the format's examples, so that equal records have equal bytes. What the
 * platform does not know (a device secret, a client address of a protocol without one) is empty or left out.
 */
export function toBackendMessage(record: LogRecord): BackendMessage {
  const body = JSON.parse(record.body) as unknown;
  switch (record.kind) {
    case "online":
    case "offline":
      return json(`/as/mqtt/status${path(record)}`, statusOf(record, body as ConnectionBody));
    case "properties":
      return json(`${path(record)}/thing/event/property/post`, propertiesOf(record, body as PropertiesBody));
    case "event":
      return json(`${path(record)}/thing/event/${(body as EventBody).name}/post`, eventOf(record, body as EventBody));
    case "lifecycle":
      return json(`${path(record)}/thing/lifecycle`, lifecycleOf(record, body as LifecycleBody));
    case "reply":
      return json(`${path(record)}/thing/downlink/reply/message`, replyOf(record, body as ReplyBody));
    case "message": {
      const { topic, payloadBase64 } = body as MessageBody;
      return { topic, payload: Buffer.from(payloadBase64, "base64") };
    }
  }
}

function path({ device }: LogRecord): string {
  return `/${device.productKey}/${device.deviceName}`;
}

function json(topic: string, value: JsonObject): BackendMessage {
  return { topic, payload: Buffer.from(JSON.stringify(value)) };
}

function identityOf({ device }: LogRecord): JsonObject {
  return { iotId: device.deviceId, productKey: device.productKey, deviceName: device.deviceName };
}

/** `time` is UTC here; Alibaba writes the time of its region. Both pairs are of the coming or going itself: back ends order by `lastTime`. */
function statusOf(record: LogRecord, body: ConnectionBody): JsonObject {
  const utcTime = new Date(record.receivedAtMs).toISOString();
  const time = utcTime.replace("T", " ").slice(0, -1);
  return {
    status: record.kind,
    ...identityOf(record),
    time,
    utcTime,
    lastTime: time,
    utcLastTime: utcTime,
    ...(body.address === undefined ? {} : { clientIp: hostOf(body.address) }),
    ...(body.reason === "takenOver" ? { offlineReasonCode: takenOverCode } : {}),
    ...(body.reason === undefined ? {} : { offlineReason: body.reason }),
    ...placeOf(body),
  };
}

/** By what back ends order: `lastTime` is a clock's. Wire formats §1.1; Alibaba has no such members. */
function placeOf({ epoch, sequence }: Pick<LifecycleBody, "epoch" | "sequence">): JsonObject {
  return epoch === undefined || sequence === undefined ? {} : { seq: sequence, epoch };
}

/** The address without a port, and without the brackets of an IPv6 address that has one. */
function hostOf(address: string): string {
  return /^\[(.+)\](?::\d+)?$/.exec(address)?.[1] ?? /^([^:]+):\d+$/.exec(address)?.[1] ?? address;
}

function propertiesOf(record: LogRecord, body: PropertiesBody): JsonObject {
  return {
    ...identityOf(record),
    gmtCreate: record.receivedAtMs,
    deviceType,
    requestId: record.messageId,
    checkFailedData: checkFailedData(body.invalid, body.properties),
    items: body.properties,
  };
}

/** Findings by the member they are about; a finding inside of a structure counts for the whole of it. */
function checkFailedData(invalid: JsonValue | undefined, members: Readonly<Record<string, JsonObject>>): JsonObject {
  const findings = Array.isArray(invalid) ? (invalid as readonly JsonValue[]).filter(isJsonObject) : [];
  return Object.fromEntries(
    findings.flatMap(({ pointer, message }) => {
      const name = /^\/([^/]+)/.exec(String(pointer))?.[1]?.replaceAll("~1", "/").replaceAll("~0", "~");
      if (name === undefined) return [];
      return [[name, { ...members[name], message: typeof message === "string" ? message : "" }]];
    }),
  );
}

/** `name` and `type` are those of the thing model; the record knows the identifier, and `info` is the least that can be said. */
function eventOf(record: LogRecord, body: EventBody): JsonObject {
  return {
    identifier: body.name,
    name: body.name,
    type: "info",
    ...identityOf(record),
    gmtCreate: record.receivedAtMs,
    value: body.value,
    time: body.time,
    // Members of the value; what is wrong with it as a whole stands under the event's own name.
    ...(body.invalid === undefined ? {} : { checkFailedData: failedEventData(body) }),
  };
}

function failedEventData({ name, value, invalid }: EventBody): JsonObject {
  const members = isJsonObject(value) ? Object.entries(value).map(([key, member]) => [key, { value: member }] as const) : [];
  const findings = Array.isArray(invalid) ? (invalid as readonly JsonValue[]).filter(isJsonObject) : [];
  const whole = findings.find(({ pointer }) => pointer === "");
  const about = whole === undefined ? {} : { [name]: { value, message: whole["message"] ?? "" } };
  return { ...about, ...checkFailedData(findings, Object.fromEntries(members)) };
}

function lifecycleOf(record: LogRecord, body: LifecycleBody): JsonObject {
  const { action, certificate } = body;
  const more = certificate === undefined ? {} : { certificate };
  return {
    action: actions[action],
    ...identityOf(record),
    deviceSecret: "",
    messageCreateTime: record.receivedAtMs,
    ...more,
    ...placeOf(body),
  };
}

/** The topic of what was answered: the record has that of the answer. */
function requestTopicOf(topic: string): string {
  return topic.replace(/_reply$/, "");
}

function replyOf(record: LogRecord, body: ReplyBody): JsonObject {
  const requestId = /^\d{1,15}$/.test(body.requestId) ? Number(body.requestId) : body.requestId;
  return {
    gmtCreate: record.receivedAtMs,
    ...identityOf(record),
    requestId,
    code: body.code,
    message: body.message ?? "",
    topic: requestTopicOf(body.topic),
    data: body.data ?? {},
  };
}
