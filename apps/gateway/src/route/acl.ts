// Hot: asked for every subscription, and for every message whose topic is not the connection's last one.
//
// A device speaks and hears under these prefixes, and nothing of it is configurable:
//   /sys/{productKey}/{deviceName}/...            the platform's topics (contracts/topics.ts)
//   /{productKey}/{deviceName}/...                its own (under user/)
//   $aws/things/{productKey}.{deviceName}/...     its shadows, in AWS's form; thing-name.ts has a shorter one
//   /ext/cert/{productKey}/{deviceName}/...       its certificate
// and, in Alibaba's form, /shadow/update/{productKey}/{deviceName} and /shadow/get/{productKey}/{deviceName}.
//
// A device called "update" of a product called "shadow" owns /shadow/update/... by the second rule: nothing is ever sent to anyone there.
import type { DeviceAddress, TopicMeaning } from "@mooring/contracts";
import { wholeThing } from "./thing-name.ts";

/** Whether the device may say this: only in its own name. */
export function mayPublish(device: DeviceAddress, meaning: TopicMeaning): boolean {
  return meaning.productKey === device.productKey && meaning.deviceName === device.deviceName;
}

/** Whether a topic is among the device's own, known to the platform or not. */
export function isOwnTopic(device: DeviceAddress, topic: string): boolean {
  return ownRest(device, topic) > 0 || isOwnAlibabaTopic(device, topic, alibabaUp);
}

/**
 * Whether the device may hear everything this filter could match: its first levels must name the device literally, since a wildcard there
 * would match others. `asked` is a valid filter and not a shared one; of `$share/{group}/{filter}` the inner filter is asked about.
 */
export function maySubscribe(device: DeviceAddress, asked: string): boolean {
  const filter = wholeThing(device, asked);
  const rest = ownRest(device, filter);
  return (rest > 0 && rest < filter.length) || isOwnAlibabaTopic(device, filter, alibabaDown);
}

/** Whether a topic or filter is among those in which the platform and its devices talk; see the first and the last two rules above. */
export function isPlatformTopic(topic: string): boolean {
  if (topic.startsWith(certificateStart)) return true;
  return topic.startsWith(sysStart) || topic.startsWith(awsStart) || topic.startsWith(alibabaUp) || topic.startsWith(alibabaDown);
}

/** Where the part after the device's prefix begins, or 0 when the topic is not under one. */
function ownRest(device: DeviceAddress, topic: string): number {
  if (topic.charCodeAt(0) !== slash) return topic.startsWith(awsStart) ? restAfter(device, topic, awsStart.length, dot) : 0;
  if (topic.startsWith(certificateStart)) return restAfter(device, topic, certificateStart.length, slash);
  return restAfter(device, topic, topic.startsWith(sysStart) ? sysStart.length : 1, slash);
}

function restAfter({ productKey, deviceName }: DeviceAddress, topic: string, at: number, separator: number): number {
  const nameAt = at + productKey.length + 1;
  const rest = nameAt + deviceName.length + 1;
  const own =
    topic.startsWith(productKey, at) &&
    topic.charCodeAt(nameAt - 1) === separator &&
    topic.startsWith(deviceName, nameAt) &&
    topic.charCodeAt(rest - 1) === slash;
  return own ? rest : 0;
}

/** The whole topic: there is nothing below it. */
function isOwnAlibabaTopic({ productKey, deviceName }: DeviceAddress, topic: string, start: string): boolean {
  return (
    topic.length === start.length + productKey.length + 1 + deviceName.length &&
    topic.startsWith(start) &&
    topic.startsWith(productKey, start.length) &&
    topic.charCodeAt(start.length + productKey.length) === slash &&
    topic.endsWith(deviceName)
  );
}

const sysStart = "/sys/";
const awsStart = "$aws/things/";
const certificateStart = "/ext/cert/";
const alibabaUp = "/shadow/update/";
const alibabaDown = "/shadow/get/";
const slash = 0x2f;
const dot = 0x2e;
