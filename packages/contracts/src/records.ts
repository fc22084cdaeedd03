// What the log of the events service is made of: what devices said, and what happened to them.
import type { DeviceRef } from "./ids.ts";
import type { JsonValue } from "./json.ts";

/** The latest time a device may give, in milliseconds: the end of year 9999, the last that RFC 3339 can write. */
export const deviceTimeMsMax = 253_402_300_799_999;

/**
 * properties: a property report; event: an event of the model; online, offline: the device came or went; lifecycle: it was created, enabled,
 * disabled or deleted; message: a custom topic; reply: the device's answer to a property set.
 */
export const recordKinds = ["properties", "event", "online", "offline", "lifecycle", "message", "reply"] as const;
export type RecordKind = (typeof recordKinds)[number];

/** Something a device said or that happened to it, before it has its place in the log. */
export interface NewRecord {
  /** UUID, made where the message was accepted; the same id is stored once within the log's deduplication window. */
  readonly messageId: string;
  readonly device: DeviceRef;
  readonly kind: RecordKind;
  readonly receivedAtMs: number;
  /** JSON text; its shape follows from the kind: see PropertiesBody, EventBody, ConnectionBody, LifecycleBody, MessageBody, ReplyBody. */
  readonly body: string;
}

export interface LogRecord extends NewRecord {
  /** Its place in the log: grows in commit order, with gaps. */
  readonly offset: number;
}

export interface PropertiesBody {
  readonly properties: Readonly<Record<string, { readonly value: JsonValue; readonly time: number }>>;
  /** Validation findings kept in `flag` mode. */
  readonly invalid?: JsonValue;
  /** Reported as history: kept with its times, and no shadow shows it. */
  readonly past?: true;
  /** Said to the shadow, whose topics the device used: it holds this already. A member of which a part was said is told as a whole. */
  readonly source?: "shadow";
}

export interface EventBody {
  readonly name: string;
  readonly value: JsonValue;
  readonly time: number;
  readonly invalid?: JsonValue;
}

/** Order of one device's comings and goings: by (epoch, sequence), whatever order they arrive in. */
export interface ConnectionBody {
  readonly clientId: string;
  /** Of the connection that came first or left last; grows with each connection of the device. */
  readonly epoch: number;
  /** 0 for online, 1 for offline. */
  readonly sequence: number;
  readonly protocol: string;
  /** The gateway node that has, or had, the connection. */
  readonly nodeId: string;
  readonly address?: string;
  /** Of offline. */
  readonly reason?: string;
}

/** Order of what devices of one name live through: by (epoch, sequence). Apart from their comings and goings, which have an order of their own. */
export interface LifecycleBody {
  readonly action: "created" | "enabled" | "disabled" | "deleted" | "certificateExpiring" | "certificateExpired";
  /** Of the device: one that is created later, also under the same name, has a higher one. Absent in records from before there were any. */
  readonly epoch?: number;
  /** 0 for created; grows by one with each record of the device, so that a missing one shows. */
  readonly sequence?: number;
  readonly principal: string;
  /** Which certificate ends, or has ended, and when. */
  readonly certificate?: { readonly fingerprint: string; readonly notAfter: string };
}

/** What a device answered to a request that it was sent. */
export interface ReplyBody {
  readonly topic: string;
  readonly requestId: string;
  readonly code: number;
  readonly message?: string;
  readonly data?: JsonValue;
}

export interface MessageBody {
  readonly topic: string;
  readonly payloadBase64: string;
}

export interface AppendFrame {
  /** Grows by one per frame of a stream. */
  readonly sequence: number;
  readonly records: readonly NewRecord[];
}

/** A record that the log will never take for what it is. */
export interface RefusedRecord {
  /** Its place in its frame, from 0. */
  readonly index: number;
  readonly reason: string;
}

/** Sent once the frame is committed. */
export interface AppendAck {
  readonly sequence: number;
  /** Set when every record of the frame was refused: nothing of it is stored. */
  readonly error?: string;
  /** All records of the frame that were not refused have offsets up to this one; also when they were stored before. Absent with an error. */
  readonly lastOffset?: number;
  /** These were refused, each for itself; the others are stored, in their order. Absent or empty: none. */
  readonly refused?: readonly RefusedRecord[];
}
