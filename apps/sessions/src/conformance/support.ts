// What the conformance tests of this service share.
import { randomUUID } from "node:crypto";
import {
  asTenantId,
  type Caller,
  type ListedSession,
  type PutSession,
  type QueueItem,
  type QueueMessage,
  type SessionAck,
  type SessionApi,
  type SessionFrame,
  type SessionOp,
  type StoredMessage,
  type StoredSubscription,
  serviceCaller,
} from "@mooring/contracts";

export interface SessionWorld {
  readonly api: SessionApi;
}

export type CreateWorld = () => Promise<SessionWorld>;

export const gateway = serviceCaller("gateway");

/** Times are whole milliseconds near now, since what expired is not listed. */
export function newTenant() {
  const tenantId = asTenantId(randomUUID());
  const viewer: Caller = { tenantId, principal: "key:v", role: "viewer" };
  const session = (more: Partial<PutSession> = {}): PutSession => ({
    op: "putSession",
    sessionId: randomUUID(),
    tenantId,
    owner: `device:${randomUUID()}`,
    clientId: "meter-1",
    protocolLevel: 5,
    expiryIntervalS: 3_600,
    nodeId: "gateway-1",
    connectedAtMs: Date.now(),
    ...more,
  });
  const message = (text: string, more: Partial<StoredMessage> = {}): StoredMessage => ({
    messageId: randomUUID(),
    tenantId,
    topic: "/pk/meter-1/user/get",
    payload: Buffer.from(text),
    qos: 1,
    receivedAtMs: Date.now(),
    properties: { userProperties: [] },
    publisher: "",
    ...more,
  });
  return { tenantId, viewer, session, message };
}

export function subscription(filter: string, more: Partial<StoredSubscription> = {}): StoredSubscription {
  return { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, subscriptionId: 0, ...more };
}

/** In the queue by a shared subscription. */
export function sharedOp(message: StoredMessage, sessionId: string, seq: number, share = "$share/g/#"): QueueMessage {
  return { op: "queue", message, targets: [{ sessionId, seq, qos: 1, retain: false, subscriptionIds: [], packetId: 0, share }] };
}

export function queueOp(message: StoredMessage, ...places: readonly (readonly [string, number])[]): QueueMessage {
  const one = { qos: 1, retain: false, subscriptionIds: [], packetId: 0 };
  return { op: "queue", message, targets: places.map(([sessionId, seq]) => ({ sessionId, seq, ...one })) };
}

/** One stream with these frames, to its end. */
export async function writeFrames(api: SessionApi, frames: readonly SessionFrame[]): Promise<readonly SessionAck[]> {
  async function* feed(): AsyncGenerator<SessionFrame> {
    yield* frames;
  }
  const acks: SessionAck[] = [];
  for await (const ack of api.write(gateway, feed())) acks.push(ack);
  return acks;
}

/** Each op in a frame of its own, on one stream. Throws when one is refused, or not acknowledged. */
export async function write(api: SessionApi, ...ops: readonly SessionOp[]): Promise<void> {
  const acks = await writeFrames(
    api,
    ops.map((op, i) => ({ sequence: i + 1, ops: [op] })),
  );
  const refused = acks.find(({ error }) => error !== undefined);
  if (refused !== undefined) throw new Error(`frame ${refused.sequence}: ${refused.error?.message}`);
  if (acks.at(-1)?.sequence !== ops.length) throw new Error(`${ops.length} frames, acknowledged up to ${acks.at(-1)?.sequence}`);
}

export async function sessionsOf(api: SessionApi, tenantId: string, limit = 1_000): Promise<readonly ListedSession[]> {
  const found: ListedSession[] = [];
  for (let pageToken: string | undefined; ; ) {
    const page = await api.listSessions(gateway, { limit, ...(pageToken === undefined ? {} : { pageToken }) });
    found.push(...page.sessions.filter((session) => session.tenantId === tenantId));
    pageToken = page.nextPageToken;
    if (pageToken === undefined) return found;
  }
}

export async function retainedOf(api: SessionApi, tenantId: string, limit = 1_000): Promise<readonly StoredMessage[]> {
  const found: StoredMessage[] = [];
  for (let pageToken: string | undefined; ; ) {
    const page = await api.listRetained(gateway, { limit, ...(pageToken === undefined ? {} : { pageToken }) });
    found.push(...page.messages.filter((message) => message.tenantId === tenantId));
    pageToken = page.nextPageToken;
    if (pageToken === undefined) return found;
  }
}

export async function queueOf(api: SessionApi, sessionId: string): Promise<readonly QueueItem[]> {
  const { items } = await api.loadQueue(gateway, { sessionId, afterSeq: 0, limit: 1_000, bytesMax: 1_048_576 });
  return items;
}

export const textOf = ({ payload }: { readonly payload: Uint8Array }): string => Buffer.from(payload).toString();

/** Bytes as text, so that a view, a buffer and a copy compare as what they hold. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString("base64")}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}
