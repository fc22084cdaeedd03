// Firmware written for AWS knows its thing by one name. Here a thing is {productKey}.{deviceName}; of a device whose name has no dot, the device's name
// alone will do as well, in what that device says and hears:
//
//   $aws/things/{deviceName}/shadow/...   =   $aws/things/{productKey}.{deviceName}/shadow/...
//
// Only who the connection is decides which device is meant. With a dot the name could be another device's thing.
import type { DeviceAddress } from "@mooring/contracts";

const start = "$aws/things/";

/** A topic or filter with the thing's whole name, if it has the short one; any other as it is. */
export function wholeThing({ productKey, deviceName }: DeviceAddress, topic: string): string {
  if (topic.charCodeAt(0) !== dollar || deviceName.includes(".") || !startsWithThing(topic, deviceName)) return topic;
  return `${start}${productKey}.${topic.slice(start.length)}`;
}

/** A topic of the device's thing with its short name; undefined for other topics, and where there is no short name. */
export function shortThing({ productKey, deviceName }: DeviceAddress, topic: string): string | undefined {
  if (topic.charCodeAt(0) !== dollar || deviceName.includes(".") || !startsWithThing(topic, `${productKey}.${deviceName}`))
    return undefined;
  return start + topic.slice(start.length + productKey.length + 1);
}

function startsWithThing(topic: string, thing: string): boolean {
  return topic.startsWith(start) && topic.startsWith(thing, start.length) && topic.charCodeAt(start.length + thing.length) === slash;
}

const dollar = 0x24;
const slash = 0x2f;
