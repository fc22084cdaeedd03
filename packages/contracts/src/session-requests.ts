// How the requests of SessionApi's lists are read, for whoever keeps sessions, so that all refuse the same.
import { invalidField } from "./errors.ts";
import { uuidPattern } from "./ids.ts";
import { pageSizeDefault, pageSizeMax } from "./page.ts";

const listLimitDefault = 500;
const listLimitMax = 1_000;
/** Half of what gRPC takes in one message: what stands around the payloads has to fit as well. */
export const queueBytesMax = 2 * 1024 * 1024;

/** The session that the page before ended with; undefined for the first page. */
export function parseSessionPage(request: { readonly limit?: number; readonly pageToken?: string }): {
  readonly limit: number;
  readonly after: string | undefined;
} {
  return { limit: parseLimit("/limit", request.limit ?? listLimitDefault), after: parseSessionToken(request.pageToken) };
}

export function parseTenantPage(request: { readonly pageSize?: number; readonly pageToken?: string }): {
  readonly limit: number;
  readonly after: string | undefined;
} {
  const limit = request.pageSize ?? pageSizeDefault;
  if (!isWithin(limit, 1, pageSizeMax)) throw invalidField("/pageSize", `must be 1 to ${pageSizeMax}`);
  return { limit, after: parseSessionToken(request.pageToken) };
}

/** Where a page of retained messages begins: after this one. */
export interface RetainedPlace {
  readonly tenantId: string;
  readonly topic: string;
}

export function parseRetainedPage(request: { readonly limit?: number; readonly pageToken?: string }): {
  readonly limit: number;
  readonly after: RetainedPlace | undefined;
} {
  const limit = parseLimit("/limit", request.limit ?? listLimitDefault);
  if (request.pageToken === undefined) return { limit, after: undefined };
  const text = Buffer.from(request.pageToken, "base64url").toString();
  const [tenantId, topic] = [text.slice(0, 36), text.slice(37)];
  if (!uuidPattern.test(tenantId) || text[36] !== "/" || topic.includes("\0")) throw noPage();
  return { limit, after: { tenantId, topic } };
}

export function retainedToken({ tenantId, topic }: RetainedPlace): string {
  return Buffer.from(`${tenantId}/${topic}`).toString("base64url");
}

/** Throws `invalidArgument`. */
export function parseLoadQueue<T extends LoadQueue>(request: T): T {
  const { sessionId, afterSeq, limit, bytesMax } = request;
  if (!uuidPattern.test(sessionId)) throw invalidField("/sessionId", "must be a UUID");
  if (!isWithin(afterSeq, 0, Number.MAX_SAFE_INTEGER)) throw invalidField("/afterSeq", "must be a whole number, 0 or more");
  parseLimit("/limit", limit);
  if (!isWithin(bytesMax, 1, queueBytesMax)) throw invalidField("/bytesMax", `must be 1 to ${queueBytesMax}`);
  return request;
}

interface LoadQueue {
  readonly sessionId: string;
  readonly afterSeq: number;
  readonly limit: number;
  readonly bytesMax: number;
}

function parseLimit(pointer: string, limit: number): number {
  if (!isWithin(limit, 1, listLimitMax)) throw invalidField(pointer, `must be 1 to ${listLimitMax}`);
  return limit;
}

function parseSessionToken(pageToken: string | undefined): string | undefined {
  if (pageToken !== undefined && !uuidPattern.test(pageToken)) throw noPage();
  return pageToken;
}

function noPage() {
  return invalidField("/pageToken", "must be the nextPageToken of the page before");
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}
