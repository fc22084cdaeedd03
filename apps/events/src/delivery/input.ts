import {
  invalidField,
  type PageRequest,
  pageSizeDefault,
  pageSizeMax,
  type StartPosition,
  type SubscribeStart,
  type SubscriptionFilter,
  type SubscriptionSettings,
  type Webhook,
} from "@mooring/contracts";
import { checkFilter, isEmptyFilter } from "./filter.ts";
import { acknowledgeWithinMs, creditMax, deliveriesMax, offsetsPerRequestMax } from "./limits.ts";

const namePattern = /^[A-Za-z0-9_.-]{1,64}$/;
const urlMax = 2_048;
/** A key of HMAC-SHA-256: shorter than half its block is weak, longer than this helps nobody. */
const secretPattern = /^[\x21-\x7e]{16,256}$/;

export function checkName(name: string, pointer = "/name"): string {
  if (typeof name === "string" && namePattern.test(name)) return name;
  throw invalidField(pointer, "must be 1 to 64 letters, digits, underscores, dots or hyphens");
}

/** The settings that were given, checked. The filter is absent when it was; an empty one fits everything. */
export function checkSettings(settings: SubscriptionSettings): SubscriptionSettings {
  const { name, filter, webhook } = settings;
  checkName(name);
  checkRange("/acknowledgeWithinMs", settings.acknowledgeWithinMs, acknowledgeWithinMs);
  checkRange("/deliveriesMax", settings.deliveriesMax, deliveriesMax);
  if (webhook !== undefined) checkWebhook(webhook);
  return { ...settings, ...(filter === undefined ? {} : { filter: checkFilter(filter, "/filter") }) };
}

function checkRange(pointer: string, value: number | undefined, { min, max }: { readonly min: number; readonly max: number }): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return;
  throw invalidField(pointer, `must be a whole number from ${min} to ${max}`);
}

/** How it is written only; which addresses may be called is decided when it is called. */
function checkWebhook({ url, secret }: Webhook): void {
  const parsed = typeof url === "string" && url.length <= urlMax ? URL.parse(url) : null;
  if (parsed === null) throw invalidField("/webhook/url", `must be a URL of at most ${urlMax} characters`);
  if (parsed.protocol !== "https:" && parsed.protocol !== "http:")
    throw invalidField("/webhook/url", "must begin with https:// or http://");
  if (parsed.username !== "" || parsed.password !== "") throw invalidField("/webhook/url", "must not hold a user name or password");
  if (secret !== undefined && !secretPattern.test(secret)) {
    throw invalidField("/webhook/secret", "must be 16 to 256 printable ASCII characters without spaces");
  }
}

/** At most one member. */
export function checkPosition(
  { from, timeMs, offset }: StartPosition,
  pointers: Readonly<Record<"from" | "timeMs" | "offset", string>>,
  nowMs = Date.now(),
): void {
  if (from !== undefined && from !== "earliest" && from !== "now") throw invalidField(pointers.from, "must be earliest or now");
  if (timeMs !== undefined && !(Number.isInteger(timeMs) && timeMs >= 0)) throw invalidField(pointers.timeMs, "must be a time since 1970");
  // The log has no place for it yet: beginning at its end would deliver what is received before that time.
  if (timeMs !== undefined && timeMs > nowMs) throw invalidField(pointers.timeMs, "may not be in the future: it names a place in the log");
  if (offset !== undefined && !(Number.isSafeInteger(offset) && offset >= 0)) throw invalidField(pointers.offset, "must be 0 or more");
  const given = (["from", "timeMs", "offset"] as const).filter((member) => ({ from, timeMs, offset })[member] !== undefined);
  if (given[1] !== undefined) throw invalidField(pointers[given[1]], `cannot be given beside ${pointers[given[0] ?? "from"]}`);
}

export interface CheckedStart {
  readonly name: string;
  /** Absent when nothing was said of it. */
  readonly filter?: SubscriptionFilter;
  readonly position: StartPosition;
  readonly credit?: number;
}

export function checkStart(start: SubscribeStart | undefined): CheckedStart {
  if (start === undefined) throw invalidField("/start", "must be the first thing sent");
  const name = checkName(start.subscription, "/start/subscription");
  const { from, fromTimeMs: timeMs, fromOffset: offset, credit } = start;
  const position: StartPosition = {
    ...(from === undefined ? {} : { from }),
    ...(timeMs === undefined ? {} : { timeMs }),
    ...(offset === undefined ? {} : { offset }),
  };
  checkPosition(position, { from: "/start/from", timeMs: "/start/fromTimeMs", offset: "/start/fromOffset" });
  checkRange("/start/credit", credit, { min: 0, max: creditMax });
  const filter = checkFilter(start, "/start");
  return { name, position, ...(isEmptyFilter(filter) ? {} : { filter }), ...(credit === undefined ? {} : { credit }) };
}

/** An absent or, over a wire, empty list is no list. */
export function checkOffsets(
  offsets: readonly number[] | undefined,
  pointer: string,
  max = offsetsPerRequestMax,
): readonly number[] | undefined {
  if (offsets === undefined || offsets.length === 0) return undefined;
  if (offsets.length > max) throw invalidField(pointer, `must be at most ${max}, not ${offsets.length}`);
  if (!offsets.every((offset) => Number.isSafeInteger(offset) && offset >= 0)) throw invalidField(pointer, "must be offsets of records");
  return offsets;
}

export function checkPage(page: PageRequest): { readonly limit: number; readonly after: string | undefined } {
  const limit = page.pageSize ?? pageSizeDefault;
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= pageSizeMax)) throw invalidField("/pageSize", `must be 1 to ${pageSizeMax}`);
  if (page.pageToken === undefined || page.pageToken === "") return { limit, after: undefined };
  const after = Buffer.from(page.pageToken, "base64url").toString("latin1");
  if (!namePattern.test(after)) throw badToken();
  return { limit, after };
}

export const tokenOf = (after: string | number): string => Buffer.from(String(after), "latin1").toString("base64url");

/** The offset a page token of dead letters stands for. */
export function offsetOf(after: string | undefined): number {
  if (after === undefined) return -1;
  if (!/^\d{1,15}$/.test(after)) throw badToken();
  return Number(after);
}

function badToken(): Error {
  return invalidField("/pageToken", "is not a token this list has given");
}
