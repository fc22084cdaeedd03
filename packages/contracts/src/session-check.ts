// What an op and a frame must look like, for whoever keeps sessions: checked before anything of the frame is stored. Hot: no allocation for a good op.
import { uuidPattern } from "./ids.ts";
import type {
  MessageProperties,
  SessionFrame,
  SessionOp,
  SessionOpError,
  StoredMessage,
  StoredSubscription,
  StoredWill,
} from "./session.ts";

export interface SessionLimits {
  /** Of one message or will: topic, payload and properties. */
  readonly messageBytesMax: number;
  /** Ops of a frame, each counted as the rows it names. */
  readonly frameOpsMax: number;
  /** Of a topic or a filter, in UTF-8. */
  readonly topicBytesMax: number;
  /** Of one session. */
  readonly subscriptionsMax: number;
}

export const sessionLimitsDefault: SessionLimits = {
  messageBytesMax: 1_048_576,
  frameOpsMax: 1_000,
  topicBytesMax: 1_024,
  subscriptionsMax: 1_000,
};

/** Of client ids and owners, in UTF-8: they are in indexes, whose entries may not be longer than 2,700 bytes. */
const nameBytesMax = 1_024;
/** The end of year 9999. */
const timeMsMax = 253_402_300_799_999;
const uint32Max = 0xffff_ffff;
const protocolLevels = [3, 4, 5];
const subscriptionIdMax = 268_435_455;

/** Of the messages and wills of one frame together: with what stands around them it fits what gRPC takes. A gateway cuts its frames below it. */
export const sessionFrameBytesMax = 3 * 1024 * 1024;

export interface SessionFrameCheck {
  /** Why the frame can never be stored. */
  readonly error: SessionOpError | undefined;
  /** What it weighs: the rows that it names, and the bytes of its messages. */
  readonly rows: number;
  readonly bytes: number;
}

/** Also a frame without ops is good. */
export function checkSessionFrame({ sequence, ops }: SessionFrame, limits: SessionLimits): SessionFrameCheck {
  let [rows, bytes] = [0, 0];
  const refused = (error: SessionOpError): SessionFrameCheck => ({ error, rows, bytes });
  if (!isCount(sequence) || sequence < 1)
    return refused({ code: "invalidArgument", message: "/sequence: must be a whole number, 1 or more" });
  for (let opIndex = 0; opIndex < ops.length; opIndex++) {
    const op = ops[opIndex] as SessionOp;
    const fault = checkOp(op, limits);
    if (fault !== undefined) return refused({ ...fault, opIndex });
    rows += sessionOpRows(op);
    bytes += sessionOpBytes(op);
    if (rows > limits.frameOpsMax)
      return refused({ code: "quotaExceeded", message: `/ops: a frame names at most ${limits.frameOpsMax} rows`, opIndex });
    if (bytes > sessionFrameBytesMax)
      return refused({
        code: "payloadTooLarge",
        message: `/ops: the messages of a frame have at most ${sessionFrameBytesMax} bytes`,
        opIndex,
      });
  }
  return { error: undefined, rows, bytes };
}

/** What an op counts for `sessionFrameBytesMax`: the message or will that it carries. */
export function sessionOpBytes(op: SessionOp): number {
  switch (op.op) {
    case "queue":
    case "putRetained":
      return messageBytes(op.message);
    case "putSession":
      return op.will === undefined ? 0 : messageBytes(op.will);
    default:
      return 0;
  }
}

/** What an op counts for `frameOpsMax`: how many rows it names, its own and those of its lists. */
export function sessionOpRows(op: SessionOp): number {
  switch (op.op) {
    case "queue":
      return 1 + op.targets.length;
    case "setPacketIds":
      return op.items.length;
    case "setReleased":
    case "dequeue":
      return op.seqs.length;
    case "putReceived":
    case "deleteReceived":
      return op.packetIds.length;
    default:
      return 1;
  }
}

/** A frame that leaves a session with more subscriptions than `subscriptionsMax` is refused with this. */
export function tooManySubscriptions(ops: readonly SessionOp[], sessionId: string, limits: SessionLimits): SessionOpError {
  const opIndex = ops.findLastIndex((op) => op.op === "putSubscription" && op.sessionId === sessionId);
  return { code: "quotaExceeded", message: `/filter: a session has at most ${limits.subscriptionsMax} subscriptions`, opIndex };
}

/** The bytes that count for `messageBytesMax`. */
export function messageBytes({ topic, payload, properties }: Pick<StoredMessage, "topic" | "payload" | "properties">): number {
  let bytes = payload.byteLength + byteLength(topic) + (properties.correlationData?.byteLength ?? 0);
  bytes += byteLength(properties.contentType ?? "") + byteLength(properties.responseTopic ?? "");
  for (const { name, value } of properties.userProperties ?? []) bytes += byteLength(name) + byteLength(value);
  return bytes;
}

type Fault = Omit<SessionOpError, "opIndex"> | undefined;

function checkOp(op: SessionOp, limits: SessionLimits): Fault {
  switch (op.op) {
    case "putSession":
      return checkSession(op, limits);
    case "deleteSession":
      return checkUuid("/sessionId", op.sessionId);
    case "putSubscription":
      return checkUuid("/sessionId", op.sessionId) ?? checkSubscription(op, limits);
    case "deleteSubscription":
      return checkUuid("/sessionId", op.sessionId) ?? checkTopic("/filter", op.filter, limits);
    case "queue":
      return checkMessage("/message", op.message, limits) ?? checkTargets(op, limits);
    case "setPacketIds":
      return checkUuid("/sessionId", op.sessionId) ?? checkItems(op.items);
    case "setReleased":
    case "dequeue":
      return checkUuid("/sessionId", op.sessionId) ?? checkEach("/seqs", op.seqs, isSeq, "must be a whole number, 1 or more");
    case "putReceived":
    case "deleteReceived":
      return checkUuid("/sessionId", op.sessionId) ?? checkEach("/packetIds", op.packetIds, isPacketId, "must be 1 to 65,535");
    case "putRetained":
      if (op.message.tenantId !== op.tenantId) return bad("/tenantId", "must be the message's tenant");
      return checkMessage("/message", op.message, limits);
    case "deleteRetained":
      return checkUuid("/tenantId", op.tenantId) ?? checkTopic("/topic", op.topic, limits);
    default:
      return bad("/op", "there is no such op");
  }
}

function checkSession(session: SessionOp & { op: "putSession" }, limits: SessionLimits): Fault {
  const { connectedAtMs, disconnectedAtMs, will } = session;
  if (!protocolLevels.includes(session.protocolLevel)) return bad("/protocolLevel", "must be 3, 4 or 5");
  if (!isUpTo(session.expiryIntervalS, uint32Max)) return bad("/expiryIntervalS", "must be 0 to 4,294,967,295");
  if (connectedAtMs !== undefined && !isTime(connectedAtMs)) return bad("/connectedAtMs", timeWords);
  if (disconnectedAtMs !== undefined && !isTime(disconnectedAtMs)) return bad("/disconnectedAtMs", timeWords);
  return (
    checkUuid("/sessionId", session.sessionId) ??
    checkUuid("/tenantId", session.tenantId) ??
    checkName("/owner", session.owner, 1) ??
    checkName("/clientId", session.clientId, 0) ??
    checkName("/nodeId", session.nodeId, 0) ??
    (will === undefined ? undefined : checkWill(will, limits))
  );
}

function checkWill(will: StoredWill, limits: SessionLimits): Fault {
  const { properties } = will;
  if (!isUpTo(will.delayS, uint32Max)) return bad("/will/delayS", "must be 0 to 4,294,967,295");
  if (properties.messageExpiryIntervalS !== undefined && !isUpTo(properties.messageExpiryIntervalS, uint32Max))
    return bad("/will/properties/messageExpiryIntervalS", "must be 0 to 4,294,967,295");
  return checkContent("/will", will, limits);
}

function checkMessage(at: string, message: StoredMessage, limits: SessionLimits): Fault {
  if (!isTime(message.receivedAtMs)) return bad(`${at}/receivedAtMs`, timeWords);
  if (message.expiresAtMs !== undefined && !isTime(message.expiresAtMs)) return bad(`${at}/expiresAtMs`, timeWords);
  return (
    checkUuid(`${at}/messageId`, message.messageId) ??
    checkUuid(`${at}/tenantId`, message.tenantId) ??
    checkName(`${at}/publisher`, message.publisher, 0) ??
    checkContent(at, message, limits)
  );
}

function checkContent(at: string, content: StoredMessage | StoredWill, limits: SessionLimits): Fault {
  if (!isUpTo(content.qos, 2)) return bad(`${at}/qos`, "must be 0, 1 or 2");
  const fault = checkTopic(`${at}/topic`, content.topic, limits) ?? checkProperties(`${at}/properties`, content.properties);
  if (fault !== undefined) return fault;
  const bytes = messageBytes(content);
  if (bytes <= limits.messageBytesMax) return undefined;
  return { code: "payloadTooLarge", message: `${at}: has ${bytes} bytes, and at most ${limits.messageBytesMax} are kept` };
}

function checkProperties(at: string, properties: MessageProperties): Fault {
  const { payloadFormatIndicator, contentType, responseTopic } = properties;
  if (payloadFormatIndicator !== undefined && !isUpTo(payloadFormatIndicator, 1))
    return bad(`${at}/payloadFormatIndicator`, "must be 0 or 1");
  if (contentType !== undefined && !isText(contentType)) return bad(`${at}/contentType`, textWords);
  if (responseTopic !== undefined && !isText(responseTopic)) return bad(`${at}/responseTopic`, textWords);
  for (const { name, value } of properties.userProperties ?? []) {
    if (!isText(name) || !isText(value)) return bad(`${at}/userProperties`, textWords);
  }
  return undefined;
}

function checkSubscription(subscription: StoredSubscription, limits: SessionLimits): Fault {
  if (!isUpTo(subscription.qos, 2)) return bad("/qos", "must be 0, 1 or 2");
  if (!isUpTo(subscription.retainHandling, 2)) return bad("/retainHandling", "must be 0, 1 or 2");
  if (!isUpTo(subscription.subscriptionId, subscriptionIdMax)) return bad("/subscriptionId", "must be 0 to 268,435,455");
  return checkTopic("/filter", subscription.filter, limits);
}

function checkTargets({ targets }: SessionOp & { op: "queue" }, limits: SessionLimits): Fault {
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i];
    if (target === undefined) continue;
    if (!uuidPattern.test(target.sessionId)) return bad(`/targets/${i}/sessionId`, "must be a UUID");
    if (!isSeq(target.seq)) return bad(`/targets/${i}/seq`, "must be a whole number, 1 or more");
    if (!isUpTo(target.qos, 2)) return bad(`/targets/${i}/qos`, "must be 0, 1 or 2");
    if (!isUpTo(target.packetId, 65_535)) return bad(`/targets/${i}/packetId`, "must be 0 to 65,535");
    for (const id of target.subscriptionIds) {
      if (!isUpTo(id, subscriptionIdMax) || id === 0) return bad(`/targets/${i}/subscriptionIds`, "must be 1 to 268,435,455");
    }
    const fault = target.share === undefined ? undefined : checkTopic(`/targets/${i}/share`, target.share, limits);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function checkItems(items: readonly { readonly seq: number; readonly packetId: number }[]): Fault {
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (item === undefined) continue;
    if (!isSeq(item.seq)) return bad(`/items/${i}/seq`, "must be a whole number, 1 or more");
    if (!isUpTo(item.packetId, 65_535)) return bad(`/items/${i}/packetId`, "must be 0 to 65,535");
  }
  return undefined;
}

function checkEach(at: string, values: readonly number[], isGood: (value: number) => boolean, words: string): Fault {
  for (let i = 0; i < values.length; i++) if (!isGood(values[i] ?? Number.NaN)) return bad(`${at}/${i}`, words);
  return undefined;
}

function checkUuid(at: string, id: string): Fault {
  return uuidPattern.test(id) ? undefined : bad(at, "must be a UUID");
}

function checkTopic(at: string, topic: string, { topicBytesMax }: SessionLimits): Fault {
  if (!isText(topic) || topic === "") return bad(at, `must not be empty; ${textWords}`);
  const bytes = byteLength(topic);
  if (bytes <= topicBytesMax) return undefined;
  return { code: "invalidArgument", message: `${at}: has ${bytes} bytes, and at most ${topicBytesMax} are kept` };
}

function checkName(at: string, name: string, lengthMin: number): Fault {
  if (!isText(name) || name.length < lengthMin || byteLength(name) > nameBytesMax)
    return bad(at, `must be ${lengthMin} to ${nameBytesMax} bytes; ${textWords}`);
  return undefined;
}

const timeWords = "must be whole milliseconds from 1970 to the year 9999";
const textWords = "must be well-formed text without U+0000";

/** As MQTT's strings [MQTT-1.5.4-1, MQTT-1.5.4-2]; Postgres takes no others either. */
function isText(text: string): boolean {
  return typeof text === "string" && !text.includes("\0") && text.isWellFormed();
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

const isSeq = (value: number): boolean => isCount(value) && value >= 1;
const isUpTo = (value: number, max: number): boolean => isCount(value) && value <= max;
const isPacketId = (value: number): boolean => isUpTo(value, 65_535) && value >= 1;
const isTime = (value: number): boolean => isUpTo(value, timeMsMax);

/** In UTF-8, without encoding what is ASCII. */
function byteLength(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // The two halves of a surrogate pair are four bytes together.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

function bad(at: string, words: string): Fault {
  return { code: "invalidArgument", message: `${at}: ${words}` };
}
