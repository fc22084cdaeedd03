import type { DeviceAddress } from "./ids.ts";
import { shadowNamePattern } from "./shadow.ts";

/**
 * What a device's topic means, whatever protocol carries it: MQTT topics and the paths of the HTTPS door are the same strings.
 * Wire formats: native topic map. Directions are seen from the device: up is published by it, down is subscribed to by it.
 */
export type TopicKind = UplinkTopicKind | DownlinkTopicKind;

/** What a device publishes. */
export type UplinkTopicKind =
  | "propertyPost"
  | "batchPost"
  | "historyPost"
  | "packPost"
  | "eventPost"
  | "propertySetReply"
  | "topologyAdd"
  | "topologyDelete"
  | "topologyGet"
  | "desiredGet"
  | "desiredDelete"
  | "shadowGet"
  | "shadowUpdate"
  | "shadowDelete"
  | "alibabaShadow"
  | "callResponse"
  | "certificateRenew"
  | "custom";

/** What a device subscribes to. */
export type DownlinkTopicKind =
  | "propertyPostReply"
  | "batchPostReply"
  | "historyPostReply"
  | "packPostReply"
  | "eventPostReply"
  | "propertySet"
  | "topologyAddReply"
  | "topologyDeleteReply"
  | "topologyGetReply"
  | "desiredGetReply"
  | "desiredDeleteReply"
  | "shadowGetAccepted"
  | "shadowGetRejected"
  | "shadowUpdateAccepted"
  | "shadowUpdateRejected"
  | "shadowDeleteAccepted"
  | "shadowDeleteRejected"
  | "shadowDelta"
  | "shadowDocuments"
  | "alibabaShadowPush"
  | "callRequest"
  | "certificateRenewReply";

/** Whose topics: the platform's own, or AWS's reserved ones, which mean the same. Alibaba's shadow topics are kinds of their own. */
export type TopicDialect = "native" | "aws";

export interface TopicMeaning {
  readonly kind: UplinkTopicKind;
  readonly productKey: string;
  readonly deviceName: string;
  /** The event's or the shadow's name ("" for the classic shadow), the call's message id, or the custom topic's rest. Empty otherwise. */
  readonly name: string;
  readonly dialect: TopicDialect;
}

interface TopicEntry {
  readonly kind: TopicKind;
  readonly direction: "up" | "down";
  readonly dialect: TopicDialect;
  /** The whole topic, with `{productKey}` and `{deviceName}`; `*` is one level that becomes `name`. */
  readonly pattern: string;
  readonly meaning: string;
}

type Row = readonly [kind: TopicKind, direction: "up" | "down", rest: string, meaning: string];

const nativePrefix = "/sys/{productKey}/{deviceName}/";
const awsPrefix = "$aws/things/{productKey}.{deviceName}/";

const thingRows: readonly Row[] = [
  ["propertyPost", "up", "thing/event/property/post", "reports property values"],
  ["propertyPostReply", "down", "thing/event/property/post_reply", "the answer to a property report"],
  ["batchPost", "up", "thing/event/property/batch/post", "reports several values of properties, and events, each with its time"],
  ["batchPostReply", "down", "thing/event/property/batch/post_reply", "the answer to such a report"],
  ["historyPost", "up", "thing/event/property/history/post", "reports values and events of the past, which leave the shadow as it is"],
  ["historyPostReply", "down", "thing/event/property/history/post_reply", "the answer to such a report"],
  ["packPost", "up", "thing/event/property/pack/post", "reports values and events of a gateway and of its sub-devices"],
  ["packPostReply", "down", "thing/event/property/pack/post_reply", "the answer to such a report"],
  ["eventPost", "up", "thing/event/*/post", "reports an event"],
  ["eventPostReply", "down", "thing/event/*/post_reply", "the answer to an event report"],
  ["propertySet", "down", "thing/service/property/set", "what is desired of its properties and not yet reported"],
  ["propertySetReply", "up", "thing/service/property/set_reply", "answers a property set"],
  ["topologyAdd", "up", "thing/topo/add", "adds sub-devices, each with a proof that its secret is known"],
  ["topologyAddReply", "down", "thing/topo/add_reply", "whether they were added"],
  ["topologyDelete", "up", "thing/topo/delete", "removes sub-devices"],
  ["topologyDeleteReply", "down", "thing/topo/delete_reply", "whether they were removed"],
  ["topologyGet", "up", "thing/topo/get", "asks for its sub-devices"],
  ["topologyGetReply", "down", "thing/topo/get_reply", "the sub-devices"],
  ["desiredGet", "up", "thing/property/desired/get", "asks for desired property values and their versions"],
  ["desiredGetReply", "down", "thing/property/desired/get_reply", "the desired property values"],
  ["desiredDelete", "up", "thing/property/desired/delete", "clears desired property values, of a given version or of any"],
  ["desiredDeleteReply", "down", "thing/property/desired/delete_reply", "whether they were cleared"],
  ["callRequest", "down", "rrpc/request/*", "a call to the device"],
  ["callResponse", "up", "rrpc/response/*", "the device's answer to a call"],
];

/** After `shadow/` for the classic shadow, `shadow/name/*` and a slash for a named one. */
const shadowRows: readonly Row[] = [
  ["shadowGet", "up", "get", "asks for the shadow"],
  ["shadowGetAccepted", "down", "get/accepted", "the shadow"],
  ["shadowGetRejected", "down", "get/rejected", "why the shadow could not be read"],
  ["shadowUpdate", "up", "update", "changes the shadow"],
  ["shadowUpdateAccepted", "down", "update/accepted", "the accepted change"],
  ["shadowUpdateRejected", "down", "update/rejected", "why the change was refused"],
  ["shadowDocuments", "down", "update/documents", "the shadow before and after a change"],
  ["shadowDelta", "down", "update/delta", "what is desired and not yet reported"],
  ["shadowDelete", "up", "delete", "empties the shadow"],
  ["shadowDeleteAccepted", "down", "delete/accepted", "the shadow was emptied"],
  ["shadowDeleteRejected", "down", "delete/rejected", "why it was not"],
];

const alibabaRows: readonly Row[] = [
  ["alibabaShadow", "up", "/shadow/update/{productKey}/{deviceName}", "changes, deletes or asks for the shadow, in Alibaba's form"],
  ["alibabaShadowPush", "down", "/shadow/get/{productKey}/{deviceName}", "answers and desired changes, in Alibaba's form"],
];

const certificateRows: readonly Row[] = [
  ["certificateRenew", "up", "/ext/cert/{productKey}/{deviceName}/renew", 'asks for a certificate for a new key, `{"csr"}`'],
  ["certificateRenewReply", "down", "/ext/cert/{productKey}/{deviceName}/renew_reply", "the new certificate, or why there is none"],
];

function entriesOf(rows: readonly Row[], prefix: string, dialect: TopicDialect, suffix = ""): TopicEntry[] {
  return rows.map(([kind, direction, rest, meaning]) => ({
    kind,
    direction,
    dialect,
    pattern: prefix + rest,
    meaning: meaning + suffix,
  }));
}

/** Every topic a device may use. The topic's documentation and the gateway's access rule are made from this table. */
export const topicTable: readonly TopicEntry[] = [
  ...entriesOf(thingRows, nativePrefix, "native"),
  ...entriesOf(shadowRows, `${nativePrefix}shadow/`, "native"),
  ...entriesOf(shadowRows, `${nativePrefix}shadow/name/*/`, "native", " (named shadow)"),
  ...entriesOf(shadowRows, `${awsPrefix}shadow/`, "aws", " (AWS's form)"),
  ...entriesOf(shadowRows, `${awsPrefix}shadow/name/*/`, "aws", " (named shadow, AWS's form)"),
  ...entriesOf(alibabaRows, "", "native"),
  ...entriesOf(certificateRows, "", "native"),
];

/** What may follow a device's prefix: whole rests by themselves, and rests with a name in them by what is around it. */
interface Rests {
  readonly literal: Map<string, UplinkTopicKind>;
  readonly named: { readonly kind: UplinkTopicKind; readonly head: string; readonly tail: string }[];
}

function uplinkRests(prefix: string): Rests {
  const rests: Rests = { literal: new Map(), named: [] };
  for (const { kind, direction, pattern } of topicTable) {
    if (direction !== "up" || !pattern.startsWith(prefix)) continue;
    const [head = "", tail] = pattern.slice(prefix.length).split("*");
    if (tail === undefined) rests.literal.set(head, kind as UplinkTopicKind);
    else rests.named.push({ kind: kind as UplinkTopicKind, head, tail });
  }
  return rests;
}

const nativeRests = uplinkRests(nativePrefix);
const awsRests = uplinkRests(awsPrefix);
const sysStart = "/sys/";
const awsStart = "$aws/things/";
const alibabaStart = "/shadow/update/";
const certificateStart = "/ext/cert/";

/** The meaning of a topic a device publishes to, or undefined when it is no topic of ours. Whether it is the device's own is the caller's check. */
export function parseUplinkTopic(topic: string): TopicMeaning | undefined {
  if (topic.startsWith(sysStart)) {
    const nameAt = topic.indexOf("/", sysStart.length) + 1;
    const restAt = nameAt === 0 ? 0 : topic.indexOf("/", nameAt) + 1;
    if (restAt === 0) return undefined;
    const device = { productKey: topic.slice(sysStart.length, nameAt - 1), deviceName: topic.slice(nameAt, restAt - 1) };
    return matchRest(nativeRests, topic.slice(restAt), device, "native");
  }
  if (topic.startsWith(awsStart)) {
    // A product key has no dot, a device name may have: the thing's name is cut at its first one.
    const nameAt = topic.indexOf(".", awsStart.length) + 1;
    const restAt = topic.indexOf("/", awsStart.length) + 1;
    if (nameAt === 0 || restAt <= nameAt) return undefined;
    const device = { productKey: topic.slice(awsStart.length, nameAt - 1), deviceName: topic.slice(nameAt, restAt - 1) };
    return matchRest(awsRests, topic.slice(restAt), device, "aws");
  }
  return parseOther(topic);
}

/** Alibaba's shadow topic goes first: of a product called "shadow" with a device "update", the custom topics of one level are not to be had. */
function parseOther(topic: string): TopicMeaning | undefined {
  const levels = topic.split("/");
  if (levels[0] !== "") return undefined;
  if (topic.startsWith(alibabaStart) && levels.length === 5) {
    const [, , , productKey, deviceName] = levels;
    return productKey && deviceName ? { kind: "alibabaShadow", productKey, deviceName, name: "", dialect: "native" } : undefined;
  }
  if (topic.startsWith(certificateStart)) {
    const [, , , productKey, deviceName, rest] = levels;
    const isRenewal = rest === "renew" && levels.length === 6 && productKey && deviceName;
    return isRenewal ? { kind: "certificateRenew", productKey, deviceName, name: "", dialect: "native" } : undefined;
  }
  const [, productKey, deviceName, user] = levels;
  if (user !== "user" || levels.length < 5 || !productKey || !deviceName) return undefined;
  return { kind: "custom", productKey, deviceName, name: levels.slice(4).join("/"), dialect: "native" };
}

function matchRest(rests: Rests, rest: string, device: DeviceAddress, dialect: TopicDialect): TopicMeaning | undefined {
  const { productKey, deviceName } = device;
  const literal = rests.literal.get(rest);
  if (literal !== undefined) return { kind: literal, productKey, deviceName, name: "", dialect };
  for (const { kind, head, tail } of rests.named) {
    if (!rest.startsWith(head) || !rest.endsWith(tail)) continue;
    const name = rest.slice(head.length, rest.length - tail.length);
    if (name === "" || name.includes("/") || head.length + tail.length >= rest.length) continue;
    if (head === shadowNameHead && !shadowNamePattern.test(name)) return undefined;
    return { kind, productKey, deviceName, name, dialect };
  }
  return undefined;
}

const shadowNameHead = "shadow/name/";

/** The text around the product key, the device name and the name; without a name no tail. */
type Template = readonly [start: string, between: string, head: string, tail: string | undefined];

function templateOf(pattern: string): Template {
  const [start = "", afterKey = ""] = pattern.split("{productKey}");
  const [between = "", rest = ""] = afterKey.split("{deviceName}");
  const [head = "", tail] = rest.split("*");
  return [start, between, head, tail];
}

/** By kind, for a classic shadow or what is none, and for a named shadow. */
interface Templates {
  readonly plain: Map<TopicKind, Template>;
  readonly named: Map<TopicKind, Template>;
}

const templates: Readonly<Record<TopicDialect, Templates>> = {
  native: { plain: new Map(), named: new Map() },
  aws: { plain: new Map(), named: new Map() },
};
for (const { kind, dialect, pattern } of topicTable) {
  const { plain, named } = templates[dialect];
  const isNamedShadow = pattern.includes(`/${shadowNameHead}*`);
  (isNamedShadow ? named : plain).set(kind, templateOf(pattern));
}

/** The topic of a kind for one device; `name` fills the `*`, and chooses between a named shadow and the classic one. */
export function formatTopic(
  kind: Exclude<TopicKind, "custom">,
  device: DeviceAddress,
  name = "",
  dialect: TopicDialect = "native",
): string {
  const { plain, named } = templates[dialect];
  const template = (name === "" ? undefined : named.get(kind)) ?? plain.get(kind);
  if (template === undefined) throw new RangeError(`no topic of kind ${kind} in the ${dialect} dialect`);
  const [start, between, head, tail] = template;
  const topic = start + device.productKey + between + device.deviceName + head;
  return tail === undefined ? topic : topic + name + tail;
}
