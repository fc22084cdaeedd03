// Hot path (style: Hot): what a run of ops comes to. Each row is written once, however often the run changes it: a message that is queued and
// acknowledged within one commit never reaches a table. Order counts here and no more in the statements that follow.
import type {
  DeleteRetained,
  PutRetained,
  PutSession,
  PutSubscription,
  QueueMessage,
  QueueTarget,
  SessionOp,
  StoredMessage,
} from "@mooring/contracts";

/** What becomes of a row of a queue. */
export const QueueFate = { Changed: 0, Put: 1, Deleted: 2 } as const;
export type QueueFate = (typeof QueueFate)[keyof typeof QueueFate];

export class PlannedQueued {
  readonly sessionId: string;
  readonly seq: number;
  fate: QueueFate = QueueFate.Changed;
  /** Of a row that is put. */
  message: StoredMessage | undefined = undefined;
  target: QueueTarget | undefined = undefined;
  /** -1: as it is. */
  packetId = -1;
  isReleased = false;

  constructor(sessionId: string, seq: number) {
    this.sessionId = sessionId;
    this.seq = seq;
  }
}

export class PlannedSession {
  readonly sessionId: string;
  /** Everything there was goes, before what is put here comes. */
  isDeleted = false;
  put: PutSession | undefined = undefined;
  /** By filter; null for one that goes. */
  readonly subscriptions = new Map<string, PutSubscription | null>();
  readonly queue = new Map<number, PlannedQueued>();
  /** Whether it is there afterwards. */
  readonly received = new Map<number, boolean>();

  constructor(sessionId: string) {
    this.sessionId = sessionId;
  }
}

export class Plan {
  readonly sessions = new Map<string, PlannedSession>();
  /** By tenant and topic. */
  readonly retained = new Map<string, PutRetained | DeleteRetained>();

  constructor(ops: readonly SessionOp[]) {
    for (let i = 0; i < ops.length; i++) this.#add(ops[i] as SessionOp);
  }

  #add(op: SessionOp): void {
    switch (op.op) {
      case "putSession":
        this.#session(op.sessionId).put = op;
        return;
      case "deleteSession":
        this.#delete(op.sessionId);
        return;
      case "queue":
        this.#enqueue(op);
        return;
      case "putRetained":
        this.retained.set(`${op.tenantId}/${op.message.topic}`, op);
        return;
      case "deleteRetained":
        this.retained.set(`${op.tenantId}/${op.topic}`, op);
        return;
      default:
        this.#change(op);
    }
  }

  #change(op: Exclude<SessionOp, { op: "putSession" | "deleteSession" | "queue" | "putRetained" | "deleteRetained" }>): void {
    const session = this.#session(op.sessionId);
    if (isGone(session)) return;
    switch (op.op) {
      case "putSubscription":
        session.subscriptions.set(op.filter, op);
        return;
      case "deleteSubscription":
        session.subscriptions.set(op.filter, null);
        return;
      case "setPacketIds":
        for (const { seq, packetId } of op.items) queued(session, seq).packetId = packetId;
        return;
      case "setReleased":
        for (const seq of op.seqs) queued(session, seq).isReleased = true;
        return;
      case "dequeue":
        for (const seq of op.seqs) queued(session, seq).fate = QueueFate.Deleted;
        return;
      case "putReceived":
        for (const packetId of op.packetIds) session.received.set(packetId, true);
        return;
      case "deleteReceived":
        for (const packetId of op.packetIds) session.received.set(packetId, false);
    }
  }

  #enqueue({ message, targets }: QueueMessage): void {
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i] as QueueTarget;
      const session = this.#session(target.sessionId);
      if (isGone(session)) continue;
      const row = queued(session, target.seq);
      row.fate = QueueFate.Put;
      row.message = message;
      row.target = target;
      row.packetId = target.packetId;
      row.isReleased = false;
    }
  }

  #delete(sessionId: string): void {
    const fresh = new PlannedSession(sessionId);
    fresh.isDeleted = true;
    this.sessions.set(sessionId, fresh);
  }

  #session(sessionId: string): PlannedSession {
    let session = this.sessions.get(sessionId);
    if (session === undefined) {
      session = new PlannedSession(sessionId);
      this.sessions.set(sessionId, session);
    }
    return session;
  }
}

/** What comes for a session that was deleted changes nothing. */
function isGone(session: PlannedSession): boolean {
  return session.isDeleted && session.put === undefined;
}

function queued(session: PlannedSession, seq: number): PlannedQueued {
  let row = session.queue.get(seq);
  if (row === undefined) {
    row = new PlannedQueued(session.sessionId, seq);
    session.queue.set(seq, row);
  }
  return row;
}
