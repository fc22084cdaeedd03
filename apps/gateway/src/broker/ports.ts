// What the broker needs from outside: the connection of a session, and a place where what must outlive this process is kept.
import type { QueueItem, SessionOp } from "@mooring/contracts";
import type { PublishPacket } from "@mooring/mqtt";
import type { Flight } from "./flight.ts";
import type { Message } from "./message.ts";
import type { Subscription } from "./subscription.ts";

/** The live connection of a session. Everything returns at once; bytes leave at the end of the turn. */
export interface SessionChannel {
  /** The peer's, as far as it is known. */
  readonly address: string | undefined;
  /** False while the client reads slower than it is written to. */
  readonly isWritable: boolean;
  /** QoS 1 and 2 messages that may be in flight to it [MQTT-3.3.4-9]. */
  readonly windowMax: number;
  /** False when the client said that this is too large for it [MQTT-3.1.2-24]: the message is dropped, as if it had been sent [MQTT-3.1.2-25]. */
  sendFlight(flight: Flight): boolean;
  sendPubrel(packetId: number): void;
  /** There may be room for more than what waits in the session. */
  onRoom(): void;
  /** Sends a QoS 0 message, or drops it when there is no room. `form` says what the source's bytes are (Form). */
  sendQos0(source: PublishPacket | Message, topic: string, form: number, to: Subscription): void;
  /** Another connection has the session now [MQTT-3.1.4-3]. */
  takeOver(): void;
  /** The session is no more. */
  endSession(reasonCode: number, word: string): void;
  /** Something of ours broke while the session was dealt with: the connection ends. Never throws. */
  fail(error: unknown): void;
}

/** Told once, when what was written is on disk, or will never be. */
export interface CommitListener {
  onCommitted(isCommitted: boolean): void;
}

export interface SessionStore {
  /** Queues a change. Changes are applied in this order. */
  write(op: SessionOp, listener: CommitListener | null): void;
  /** The next changes, within one turn, are committed all or none, up to a few hundred rows. */
  together(): void;
  /** Resolves when everything written so far is committed or refused. */
  settled(): Promise<void>;
  /** All of a session's queue, everything written before included. Rejects with a PlatformError when it cannot be read now. */
  loadQueue(sessionId: string): Promise<readonly QueueItem[]>;
  /** The oldest of a session's queue that have no packet id, at most `limit`. What has one may have been received: it is not given up. */
  loadOldest(sessionId: string, limit: number): Promise<readonly QueueItem[]>;
}
