// What the ops of SessionApi mean, in the fewest words: maps, changed one op at a time. The service on Postgres is tried against this.
import {
  type ListedSession,
  messageBytes,
  type QueueItem,
  type QueueMessage,
  type SessionOp,
  type SessionSummary,
  type StoredMessage,
  type StoredSession,
  type StoredSubscription,
  sessionNeverExpires,
} from "@mooring/contracts";

interface Queued extends Omit<QueueItem, "message"> {
  readonly messageId: string;
  readonly bytes: number;
}

/** A payload goes with the last row that names it. */
interface Shared {
  readonly message: StoredMessage;
  rows: number;
}

interface Held {
  session: StoredSession;
  readonly subscriptions: Map<string, StoredSubscription>;
  readonly received: Set<number>;
  readonly queue: Map<number, Queued>;
}

export class MemorySessionRows {
  readonly #sessions = new Map<string, Held>();
  readonly #messages = new Map<string, Shared>();
  /** By tenant and topic. */
  readonly #retained = new Map<string, StoredMessage>();

  apply(op: SessionOp): void {
    switch (op.op) {
      case "putSession":
        return this.#putSession(op);
      case "queue":
        return this.#enqueue(op);
      case "putRetained":
        return void this.#retained.set(`${op.tenantId}/${op.message.topic}`, copyMessage(op.message));
      case "deleteRetained":
        return void this.#retained.delete(`${op.tenantId}/${op.topic}`);
      default: {
        const held = this.#sessions.get(op.sessionId);
        if (held !== undefined) this.#change(held, op);
      }
    }
  }

  /** The session that these ops would leave with more subscriptions than `max`. */
  crowdedBy(ops: readonly SessionOp[], max: number): string | undefined {
    const filters = new Map<string, Set<string>>();
    for (const op of ops) {
      if (op.op === "deleteSession") filters.set(op.sessionId, new Set());
      if (op.op !== "putSubscription" && op.op !== "deleteSubscription") continue;
      const set = filters.get(op.sessionId) ?? new Set(this.#sessions.get(op.sessionId)?.subscriptions.keys());
      filters.set(op.sessionId, set);
      if (op.op === "putSubscription") set.add(op.filter);
      else set.delete(op.filter);
    }
    return [...filters].find(([, set]) => set.size > max)?.[0];
  }

  /** In the order of their ids, which is that of their text. */
  sessions(nowMs: number): readonly ListedSession[] {
    return this.#live(nowMs, true).map(({ session, subscriptions, received, queue }) => ({
      ...session,
      subscriptions: [...subscriptions.values()].sort((a, b) => compare(a.filter, b.filter)),
      receivedPacketIds: [...received].sort((a, b) => a - b),
      queue: {
        count: queue.size,
        bytes: bytesOf(queue),
        lastSeq: Math.max(0, ...queue.keys()),
      },
    }));
  }

  summaries(nowMs: number): readonly { readonly tenantId: string; readonly summary: SessionSummary }[] {
    return this.#live(nowMs).map(({ session: { tenantId, will: _, ...session }, subscriptions, queue }) => {
      const expiresAtMs = expiresAt(session);
      const figures = { subscriptions: subscriptions.size, queuedMessages: queue.size, queuedBytes: bytesOf(queue) };
      return { tenantId, summary: { ...session, ...(expiresAtMs === undefined ? {} : { expiresAtMs }), ...figures } };
    });
  }

  /** The first `max` behind `afterSeq`, in order. */
  queue(sessionId: string, { afterSeq, max, nowMs }: { afterSeq: number; max: number; nowMs: number }): readonly QueueItem[] {
    const rows = [...(this.#sessions.get(sessionId)?.queue.values() ?? [])].filter(({ seq }) => seq > afterSeq);
    const items: QueueItem[] = [];
    for (const { messageId, bytes: _, ...row } of rows.sort((a, b) => a.seq - b.seq)) {
      const message = this.#messages.get(messageId)?.message;
      if (message === undefined) throw new Error(`the message ${messageId} is queued and not there`);
      if (row.packetId !== 0 || !isExpired(message, nowMs)) items.push({ ...row, message });
      if (items.length === max) break;
    }
    return items;
  }

  retained(nowMs: number): readonly StoredMessage[] {
    const live = [...this.#retained.values()].filter((message) => !isExpired(message, nowMs));
    return live.sort((a, b) => compare(a.tenantId, b.tenantId) || compare(a.topic, b.topic));
  }

  /** What is stored, counted. */
  get figures() {
    return { sessions: this.#sessions.size, messages: this.#messages.size, retained: this.#retained.size };
  }

  /** Those that have not expired; also those that have, with something that is still for others, where they are asked for. */
  #live(nowMs: number, withOwed = false): readonly Held[] {
    const isOwed = ({ session, queue }: Held): boolean =>
      session.will !== undefined || [...queue.values()].some(({ share }) => share !== undefined);
    const live = [...this.#sessions.values()].filter(
      (held) => (expiresAt(held.session) ?? nowMs + 1) > nowMs || (withOwed && isOwed(held)),
    );
    return live.sort((a, b) => compare(a.session.sessionId, b.session.sessionId));
  }

  #putSession({ op: _, ...session }: SessionOp & { op: "putSession" }): void {
    const held = this.#sessions.get(session.sessionId);
    const { will } = session;
    const copy = will === undefined ? session : { ...session, will: { ...copyContent(will), properties: copyProperties(will.properties) } };
    if (held !== undefined) held.session = copy;
    else this.#sessions.set(session.sessionId, { session: copy, subscriptions: new Map(), received: new Set(), queue: new Map() });
  }

  #enqueue({ message, targets }: QueueMessage): void {
    const { messageId } = message;
    for (const { sessionId, subscriptionIds, ...target } of targets) {
      const held = this.#sessions.get(sessionId);
      if (held === undefined || held.session.tenantId !== message.tenantId) continue;
      const before = held.queue.get(target.seq)?.messageId;
      const shared = this.#messages.get(messageId) ?? { message: copyMessage(message), rows: 0 };
      shared.rows++;
      this.#messages.set(messageId, shared);
      const row = { ...target, subscriptionIds: [...subscriptionIds], isReleased: false, messageId, bytes: messageBytes(message) };
      held.queue.set(target.seq, row);
      if (before !== undefined) this.#collect(before);
    }
  }

  #change(held: Held, op: Exclude<SessionOp, { op: "putSession" | "queue" | "putRetained" | "deleteRetained" }>): void {
    switch (op.op) {
      case "deleteSession":
        this.#sessions.delete(op.sessionId);
        for (const { messageId } of held.queue.values()) this.#collect(messageId);
        return;
      case "putSubscription": {
        const { op: _, sessionId: __, ...subscription } = op;
        return void held.subscriptions.set(op.filter, subscription);
      }
      case "deleteSubscription":
        return void held.subscriptions.delete(op.filter);
      case "setPacketIds":
        for (const { seq, packetId } of op.items) edit(held, seq, { packetId });
        return;
      case "setReleased":
        for (const seq of op.seqs) edit(held, seq, { isReleased: true });
        return;
      case "dequeue":
        for (const seq of op.seqs) {
          const row = held.queue.get(seq);
          held.queue.delete(seq);
          if (row !== undefined) this.#collect(row.messageId);
        }
        return;
      case "putReceived":
        for (const packetId of op.packetIds) held.received.add(packetId);
        return;
      case "deleteReceived":
        for (const packetId of op.packetIds) held.received.delete(packetId);
    }
  }

  /** One row less names it. */
  #collect(messageId: string): void {
    const shared = this.#messages.get(messageId);
    if (shared !== undefined && --shared.rows === 0) this.#messages.delete(messageId);
  }
}

function edit({ queue }: Held, seq: number, change: Partial<Queued>): void {
  const row = queue.get(seq);
  if (row !== undefined) queue.set(seq, { ...row, ...change });
}

function bytesOf(queue: ReadonlyMap<number, Queued>): number {
  let bytes = 0;
  for (const row of queue.values()) bytes += row.bytes;
  return bytes;
}

function expiresAt(session: Pick<StoredSession, "disconnectedAtMs" | "expiryIntervalS">): number | undefined {
  if (session.disconnectedAtMs === undefined || session.expiryIntervalS === sessionNeverExpires) return undefined;
  return session.disconnectedAtMs + session.expiryIntervalS * 1_000;
}

function isExpired({ expiresAtMs }: StoredMessage, nowMs: number): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= nowMs;
}

/** The caller's buffers are the caller's: a view into a read buffer would change under us. */
function copyMessage(message: StoredMessage): StoredMessage {
  return { ...copyContent(message), properties: copyProperties(message.properties) };
}

function copyContent<T extends { readonly payload: Uint8Array }>(content: T): T {
  return { ...content, payload: Buffer.from(content.payload) };
}

function copyProperties<T extends StoredMessage["properties"]>(properties: T): T {
  const { correlationData, userProperties } = properties;
  const copied = correlationData === undefined ? {} : { correlationData: Buffer.from(correlationData) };
  return { ...properties, ...copied, userProperties: (userProperties ?? []).map(({ name, value }) => ({ name, value })) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
