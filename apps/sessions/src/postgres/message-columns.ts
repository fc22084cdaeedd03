// Hot: messages to columns for `unnest`, and rows back to messages.
import { asTenantId, type MessageProperties, messageBytes, type StoredMessage } from "@mooring/contracts";

/**
 * Payloads go over as one piece of bytes and are cut in the statement: elements of an array would be written as hexadecimal text. `bytes` is what counts
 * for limits and figures.
 */
export class MessageColumns {
  readonly ids: string[] = [];
  readonly tenantIds: string[] = [];
  readonly topics: (string | null)[] = [];
  readonly qos: (number | null)[] = [];
  readonly receivedMs: (number | null)[] = [];
  readonly expiresMs: (number | null)[] = [];
  readonly properties: (string | null)[] = [];
  readonly publishers: (string | null)[] = [];
  readonly starts: (number | null)[] = [];
  readonly lengths: (number | null)[] = [];
  readonly bytes: number[] = [];
  readonly #payloads: Uint8Array[] = [];
  #length = 0;

  /** Returns the message's bytes. */
  add(message: StoredMessage): number {
    const { payload } = message;
    const bytes = messageBytes(message);
    this.ids.push(message.messageId);
    this.tenantIds.push(message.tenantId);
    this.topics.push(message.topic);
    this.qos.push(message.qos);
    this.receivedMs.push(message.receivedAtMs);
    this.expiresMs.push(message.expiresAtMs ?? null);
    this.properties.push(encodeProperties(message.properties));
    this.publishers.push(message.publisher);
    // Postgres counts from 1.
    this.starts.push(this.#length + 1);
    this.lengths.push(payload.byteLength);
    this.bytes.push(bytes);
    this.#payloads.push(payload);
    this.#length += payload.byteLength;
    return bytes;
  }

  /** A row more for a message that was added: only what tells which it is. */
  addAgain({ messageId, tenantId }: StoredMessage, bytes: number): void {
    this.ids.push(messageId);
    this.tenantIds.push(tenantId);
    this.bytes.push(bytes);
    for (const column of [
      this.topics,
      this.qos,
      this.receivedMs,
      this.expiresMs,
      this.properties,
      this.publishers,
      this.starts,
      this.lengths,
    ])
      column.push(null);
  }

  /** In the order of `messageArrays`, after the payloads. */
  values(): unknown[] {
    return [
      Buffer.concat(this.#payloads, this.#length),
      this.ids,
      this.tenantIds,
      this.topics,
      this.qos,
      this.receivedMs,
      this.expiresMs,
      this.properties,
      this.publishers,
      this.starts,
      this.lengths,
      this.bytes,
    ];
  }
}

/** For `unnest`. $1 holds the payloads. */
export const messageArrays = `$2::uuid[], $3::uuid[], $4::text[], $5::smallint[], $6::double precision[], $7::double precision[], $8::json[],
      $9::text[], $10::int[], $11::int[], $12::int[]`;
export const messageParameters = 12;
/** What the arrays are called. */
export const messageNames = "message_id, tenant_id, topic, qos, received_ms, expires_ms, properties, publisher, start, length, bytes";
/** What is stored of them: columns that go by the names in `storedMessageNames`. */
export const storedMessage = `message_id, tenant_id, topic, substring($1::bytea FROM start FOR length), qos, to_timestamp(received_ms / 1000.0),
    to_timestamp(expires_ms / 1000.0), properties, publisher`;
export const storedMessageNames = "message_id, tenant_id, topic, payload, qos, received_at, expires_at, properties, publisher";

/** Of a table or alias `m`. */
export const messageColumns = `m.message_id, m.tenant_id, m.topic, m.payload, m.qos, (extract(epoch FROM m.received_at) * 1000)::bigint AS received_ms,
  (extract(epoch FROM m.expires_at) * 1000)::bigint AS expires_ms, m.properties::text AS properties, m.publisher`;

export interface MessageRow {
  readonly message_id: string;
  readonly tenant_id: string;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
  readonly received_ms: string;
  readonly expires_ms: string | null;
  readonly properties: string | null;
  readonly publisher: string;
}

export function toMessage(row: MessageRow): StoredMessage {
  return {
    messageId: row.message_id,
    tenantId: asTenantId(row.tenant_id),
    topic: row.topic,
    payload: row.payload,
    qos: row.qos,
    receivedAtMs: Number(row.received_ms),
    ...(row.expires_ms === null ? {} : { expiresAtMs: Number(row.expires_ms) }),
    properties: decodeProperties(row.properties),
    publisher: row.publisher,
  };
}

/** As they are stored: bytes in base64, user properties as pairs. Null when there is nothing to say. */
export function encodeProperties(properties: MessageProperties & { readonly messageExpiryIntervalS?: number }): string | null {
  const { correlationData, userProperties, ...rest } = properties;
  const stored: Record<string, unknown> = { ...rest };
  if (correlationData !== undefined) stored["correlationData"] = Buffer.from(correlationData).toString("base64");
  if (userProperties !== undefined && userProperties.length > 0)
    stored["userProperties"] = userProperties.map(({ name, value }) => [name, value]);
  for (const name in stored) if (stored[name] !== undefined) return JSON.stringify(stored);
  return null;
}

interface StoredProperties {
  readonly payloadFormatIndicator?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly messageExpiryIntervalS?: number;
  readonly correlationData?: string;
  readonly userProperties?: readonly (readonly [string, string])[];
}

export function decodeProperties(text: string | null): MessageProperties & { readonly messageExpiryIntervalS?: number } {
  if (text === null) return { userProperties: [] };
  const { correlationData, userProperties, ...rest } = JSON.parse(text) as StoredProperties;
  return {
    ...rest,
    ...(correlationData === undefined ? {} : { correlationData: Buffer.from(correlationData, "base64") }),
    userProperties: (userProperties ?? []).map(([name, value]) => ({ name, value })),
  };
}
