import type { Caller } from "./caller.ts";
import type { ErrorCode } from "./errors.ts";
import type { PageRequest } from "./page.ts";
import type { SessionLimits } from "./session-check.ts";

/** `expiryIntervalS` of a session that never expires [MQTT-3.1.2.11.2]. */
export const sessionNeverExpires = 0xffff_ffff;

/** One of MQTT 5's user properties; their order counts and names may repeat. */
export interface UserProperty {
  readonly name: string;
  readonly value: string;
}

/** What of a message's properties is kept and passed on. An empty list of user properties is the same as none; answers always have the list. */
export interface MessageProperties {
  /** 0 or 1. */
  readonly payloadFormatIndicator?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  readonly userProperties?: readonly UserProperty[];
}

/** A message that waits for subscribers or is retained. It never changes: what is stored under a message id stays as it is. */
export interface StoredMessage {
  /** UUID. Ids that begin with the time (UUIDv7) are the cheapest to store. */
  readonly messageId: string;
  readonly tenantId: string;
  readonly topic: string;
  readonly payload: Uint8Array;
  /** As it was published; what a subscriber gets is said by the target. */
  readonly qos: number;
  readonly receivedAtMs: number;
  /** Message expiry; absent: never. */
  readonly expiresAtMs?: number;
  readonly properties: MessageProperties;
  /** Whose message it is, as in `owner` of a session; may be empty. */
  readonly publisher: string;
}

export interface StoredWill {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: number;
  readonly retain: boolean;
  readonly delayS: number;
  readonly properties: WillProperties;
}

export interface WillProperties extends MessageProperties {
  readonly messageExpiryIntervalS?: number;
}

/** A session as its gateway describes it. */
export interface StoredSession {
  /** UUID, chosen by the gateway when the session begins. A session that ended and one of the same client id that follows are two. */
  readonly sessionId: string;
  readonly tenantId: string;
  /** `device:{deviceId}`, `key:{id}` or `anonymous`. Sessions of a device go when the device is deleted. */
  readonly owner: string;
  /** Unique per owner only. */
  readonly clientId: string;
  /** 4: MQTT 3.1.1, 5: MQTT 5. */
  readonly protocolLevel: number;
  /** From when it is disconnected; `sessionNeverExpires` for never. */
  readonly expiryIntervalS: number;
  /** The gateway node that has, or had, the connection. */
  readonly nodeId: string;
  readonly connectedAtMs?: number;
  /** Absent while it is connected: a connected session does not expire. */
  readonly disconnectedAtMs?: number;
  readonly will?: StoredWill;
}

export interface StoredSubscription {
  readonly filter: string;
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: number;
  /** 0 for none. */
  readonly subscriptionId: number;
}

/** One session that a message waits for. */
export interface QueueTarget {
  readonly sessionId: string;
  /** Its place in the session's queue: given by the gateway, 1 or more, grows per session. */
  readonly seq: number;
  readonly qos: number;
  readonly retain: boolean;
  readonly subscriptionIds: readonly number[];
  /** 0 while it has none. */
  readonly packetId: number;
  /** The shared subscription that it came by, `$share/{group}/{filter}`: when the session ends, another member may have it. Absent for none. */
  readonly share?: string;
}

/**
 * One change. Each names rows and says what they are afterwards, so that to apply a run of ops twice leaves what applying it once left. An op about
 * a session that does not exist (any more), or about a row that is not there, changes nothing and is no error.
 */
export type SessionOp =
  | PutSession
  | DeleteSession
  | PutSubscription
  | DeleteSubscription
  | QueueMessage
  | SetPacketIds
  | SetReleased
  | Dequeue
  | PutReceived
  | DeleteReceived
  | PutRetained
  | DeleteRetained;

export interface PutSession extends StoredSession {
  readonly op: "putSession";
}

/** Everything of the session goes with it. Its id is not used for another one: what was meant for the first would reach it when frames are sent again. */
export interface DeleteSession {
  readonly op: "deleteSession";
  readonly sessionId: string;
}

export interface PutSubscription extends StoredSubscription {
  readonly op: "putSubscription";
  readonly sessionId: string;
}

export interface DeleteSubscription {
  readonly op: "deleteSubscription";
  readonly sessionId: string;
  readonly filter: string;
}

/**
 * Puts a message into the queues of sessions of its tenant; targets of another tenant are passed over. The payload is stored once per message id,
 * also when the same message comes again for more targets.
 */
export interface QueueMessage {
  readonly op: "queue";
  readonly message: StoredMessage;
  readonly targets: readonly QueueTarget[];
}

export interface SetPacketIds {
  readonly op: "setPacketIds";
  readonly sessionId: string;
  readonly items: readonly { readonly seq: number; readonly packetId: number }[];
}

/** PUBREC was received: from now on only PUBREL is sent again [MQTT-4.3.3]. */
export interface SetReleased {
  readonly op: "setReleased";
  readonly sessionId: string;
  readonly seqs: readonly number[];
}

/** Done with, or given up: the rows go, and the payload with the last of them. */
export interface Dequeue {
  readonly op: "dequeue";
  readonly sessionId: string;
  readonly seqs: readonly number[];
}

/** QoS 2 packet ids of the client that were received and are not released yet. */
export interface PutReceived {
  readonly op: "putReceived";
  readonly sessionId: string;
  readonly packetIds: readonly number[];
}

export interface DeleteReceived {
  readonly op: "deleteReceived";
  readonly sessionId: string;
  readonly packetIds: readonly number[];
}

/** Replaces what the topic had. */
export interface PutRetained {
  readonly op: "putRetained";
  /** The message's tenant. */
  readonly tenantId: string;
  readonly message: StoredMessage;
}

export interface DeleteRetained {
  readonly op: "deleteRetained";
  readonly tenantId: string;
  readonly topic: string;
}

export interface SessionFrame {
  /** Grows with each frame of a stream; 1 or more. */
  readonly sequence: number;
  /** Applied in order, all or none. */
  readonly ops: readonly SessionOp[];
}

/**
 * All frames of the stream up to `sequence` are done: committed and on disk, but for those whose own acknowledgement carries an error. Each refused
 * frame has one of its own; of the others only the last of a group may have one.
 */
export interface SessionAck {
  readonly sequence: number;
  /** Nothing of this frame is stored, nor ever will be: it is not to be sent again. */
  readonly error?: SessionOpError;
}

export interface SessionOpError {
  readonly code: ErrorCode;
  /** Names the field. */
  readonly message: string;
  /** Which of the frame's ops; absent when it is the frame as a whole. */
  readonly opIndex?: number;
}

/** A session with all but its messages. */
export interface ListedSession extends StoredSession {
  readonly subscriptions: readonly StoredSubscription[];
  readonly receivedPacketIds: readonly number[];
  readonly queue: QueueFigures;
}

export interface QueueFigures {
  readonly count: number;
  /** Of the messages: topic, payload and properties. */
  readonly bytes: number;
  /** 0 when the queue is empty. */
  readonly lastSeq: number;
}

export interface QueueItem {
  readonly seq: number;
  readonly packetId: number;
  readonly isReleased: boolean;
  readonly qos: number;
  readonly retain: boolean;
  readonly subscriptionIds: readonly number[];
  /** As in QueueTarget. */
  readonly share?: string;
  readonly message: StoredMessage;
}

/** What operators see of a session. */
export interface SessionSummary {
  readonly sessionId: string;
  readonly owner: string;
  readonly clientId: string;
  readonly protocolLevel: number;
  readonly expiryIntervalS: number;
  readonly nodeId: string;
  readonly connectedAtMs?: number;
  /** Since when it is away; absent while it is connected. */
  readonly disconnectedAtMs?: number;
  /** Absent while it is connected, and when it never expires. */
  readonly expiresAtMs?: number;
  readonly subscriptions: number;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
}

/** How the platform's own lists are cut: also by bytes, so that a page may be shorter than its limit (1 to 1,000, default 500). */
export interface ListRequest {
  readonly limit?: number;
  readonly pageToken?: string;
}

/** MQTT sessions and retained messages, so that they outlive the gateway that serves them. */
export interface SessionApi {
  /**
   * A long-lived stream per gateway. Frames are applied in order, several in one transaction, and acknowledged after its commit. What is not
   * acknowledged when the stream ends is to be sent again, from the first such frame on, on the next stream. A frame with a bad op is refused
   * alone. Throws `unavailable` when frames cannot be stored now.
   */
  write(caller: Caller, frames: AsyncIterable<SessionFrame>): AsyncIterable<SessionAck>;
  /**
   * All sessions that have not expired, of all tenants, in the order of their ids; for a day also those that have, with a will that nobody has published,
   * or with messages of shared subscriptions in their queue, which other members may have. The first page waits for what is being committed, so that a
   * gateway that starts again sees all that its streams before may still have stored. `limits`: what `write` takes; a service that does not say takes
   * what it does by default.
   */
  listSessions(
    caller: Caller,
    request: ListRequest,
  ): Promise<{ readonly sessions: readonly ListedSession[]; readonly nextPageToken?: string; readonly limits?: SessionLimits }>;
  /**
   * Of one session's queue what follows `afterSeq`, in order, at most `limit` (1 to 1,000) items and about `bytesMax` (1 to 2 MB) bytes of messages,
   * one at least. Messages that have expired are left out, unless their delivery has begun (they have a packet id): that has to be ended in the one
   * way that both sides know [MQTT-4.4.0-1]. `isLast`: nothing follows now.
   */
  loadQueue(
    caller: Caller,
    request: { readonly sessionId: string; readonly afterSeq: number; readonly limit: number; readonly bytesMax: number },
  ): Promise<{ readonly items: readonly QueueItem[]; readonly isLast: boolean }>;
  /** All retained messages that have not expired, of all tenants. */
  listRetained(
    caller: Caller,
    request: ListRequest,
  ): Promise<{ readonly messages: readonly StoredMessage[]; readonly nextPageToken?: string }>;
  /** The tenant's sessions that have not expired, in the order of their ids; of one client id or one owner when given. */
  listTenantSessions(
    caller: Caller,
    request: PageRequest & { readonly clientId?: string; readonly owner?: string },
  ): Promise<{ readonly sessions: readonly SessionSummary[]; readonly nextPageToken?: string }>;
  /** `notFound` when the tenant has no such session, or it has expired. */
  getSession(
    caller: Caller,
    request: { readonly sessionId: string },
  ): Promise<{ readonly session: SessionSummary; readonly subscriptions: readonly StoredSubscription[] }>;
}
