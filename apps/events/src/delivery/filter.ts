// Hot: whether a subscription wants a record. Run for every record of the tenant and every one of its subscriptions.
import {
  deviceNamePattern,
  invalidField,
  type LogRecord,
  productKeyPattern,
  recordKinds,
  type SubscriptionFilter,
  type TenantId,
} from "@mooring/contracts";
import { filterTagsMax } from "./limits.ts";

export type Tags = Readonly<Record<string, string>>;

/** The device was deleted, and its tags with it. */
export const gone = "gone";

/** What a matcher asks that is not in the record. Undefined: not known at the moment. */
export interface TagSource {
  known(deviceId: string): Tags | typeof gone | undefined;
}

/** `unknown`: the device's tags are needed first. */
export type Verdict = "yes" | "no" | "unknown";

export interface Matcher {
  readonly needsTags: boolean;
  matches(record: LogRecord): Verdict;
}

/** The last record whose properties were asked for: many subscriptions look at one record in a row, and it is parsed once. */
const parsed: { record: LogRecord | undefined; properties: object } = { record: undefined, properties: {} };

export function createMatcher(tenantId: TenantId, filter: SubscriptionFilter, tags: TagSource): Matcher {
  const { productKey, deviceName, property } = filter;
  const kinds = filter.kinds === undefined || filter.kinds.length === 0 ? undefined : new Set(filter.kinds);
  const wanted = Object.entries(filter.tags ?? {});
  const quoted = property === undefined ? "" : JSON.stringify(property);
  return {
    needsTags: wanted.length > 0,
    matches(record) {
      const { device } = record;
      if (device.tenantId !== tenantId) return "no";
      if (productKey !== undefined && device.productKey !== productKey) return "no";
      if (deviceName !== undefined && device.deviceName !== deviceName) return "no";
      if (kinds !== undefined && !kinds.has(record.kind)) return "no";
      if (property !== undefined && !says(record, property, quoted)) return "no";
      if (wanted.length === 0) return "yes";
      const has = tags.known(device.deviceId);
      if (has === undefined) return "unknown";
      // Nobody can say any more which tags it had. What is passed over is lost without a trace; what is sent too much can be told apart.
      if (has === gone) return "yes";
      for (const [name, value] of wanted) if (!Object.hasOwn(has, name) || has[name] !== value) return "no";
      return "yes";
    },
  };
}

/** Looks for the name in the text first: most records do not have it. A text with escapes may spell it otherwise. */
function says(record: LogRecord, property: string, quoted: string): boolean {
  if (record.kind !== "properties") return false;
  if (!record.body.includes(quoted) && !record.body.includes("\\")) return false;
  if (parsed.record !== record) {
    parsed.record = record;
    parsed.properties = propertiesOf(record.body);
  }
  return Object.hasOwn(parsed.properties, property);
}

function propertiesOf(body: string): object {
  const value: unknown = JSON.parse(body);
  const properties = typeof value === "object" && value !== null && "properties" in value ? value.properties : undefined;
  return typeof properties === "object" && properties !== null ? properties : {};
}

/** An empty member says nothing: over a wire, lists and maps cannot be absent. */
export function isEmptyFilter(filter: SubscriptionFilter): boolean {
  return Object.keys(normalizeFilter(filter)).length === 0;
}

/** With the members only that say something. */
export function normalizeFilter(filter: SubscriptionFilter): SubscriptionFilter {
  const { productKey, deviceName, tags, kinds, property } = filter;
  return {
    ...(productKey === undefined ? {} : { productKey }),
    ...(deviceName === undefined ? {} : { deviceName }),
    ...(tags === undefined || Object.keys(tags).length === 0 ? {} : { tags }),
    ...(kinds === undefined || kinds.length === 0 ? {} : { kinds: [...new Set(kinds)] }),
    ...(property === undefined ? {} : { property }),
  };
}

/** Tags as `DeviceApi.setDeviceTags` takes them; a property as the history does. */
const tagNamePattern = /^[A-Za-z0-9_.:-]{1,64}$/;
const tagValueMax = 256;
const propertyMax = 256;

/** Throws `invalidArgument` naming the member below `pointer`. */
export function checkFilter(filter: SubscriptionFilter, pointer: string): SubscriptionFilter {
  const { productKey, deviceName, tags, kinds, property } = filter;
  if (productKey !== undefined && !productKeyPattern.test(productKey)) throw invalidField(`${pointer}/productKey`, "is no product key");
  if (deviceName !== undefined && !deviceNamePattern.test(deviceName)) throw invalidField(`${pointer}/deviceName`, "is no device name");
  const unknown = kinds?.find((kind) => !(recordKinds as readonly string[]).includes(kind));
  if (unknown !== undefined) throw invalidField(`${pointer}/kinds`, `${JSON.stringify(unknown)} is none of ${recordKinds.join(", ")}`);
  if (property !== undefined && (property.length === 0 || property.length > propertyMax)) {
    throw invalidField(`${pointer}/property`, `must be 1 to ${propertyMax} characters`);
  }
  const entries = Object.entries(tags ?? {});
  if (entries.length > filterTagsMax) throw invalidField(`${pointer}/tags`, `must be at most ${filterTagsMax}, not ${entries.length}`);
  for (const [name, value] of entries) {
    if (!tagNamePattern.test(name))
      throw invalidField(`${pointer}/tags`, "names must be 1 to 64 letters, digits, underscores, dots, colons or hyphens");
    if (typeof value !== "string" || value.length > tagValueMax) {
      throw invalidField(`${pointer}/tags/${name}`, `must be at most ${tagValueMax} characters`);
    }
  }
  return normalizeFilter(filter);
}
