import { type Delivery, toBackendMessage } from "@mooring/contracts";
import rhea from "rhea";
import { encodeMessage } from "./rhea-internals.ts";

const { types, message } = rhea;
/** Devices' reports are stored before they are acknowledged, so what a back end gets is at least once whatever the device asked for. */
const qos = 1;

/**
 * The bytes of a record's AMQP message, as Alibaba's clients expect it (Wire formats §2.12): a binary body and the application properties
 * `topic`, `messageId` (strings), `generateTime` (long, milliseconds) and `qos` (int). The message id is the record's. `isBase64`: the client wants the
 * body as base64 text (`encode=base64`), and `enc` says so. The header's delivery-count says how often it was sent in vain (AMQP 1.0 s3.2.1).
 */
export function encodeRecord(record: Delivery, isBase64: boolean): Buffer {
  const { topic, payload } = toBackendMessage(record);
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return encodeMessage({
    durable: true,
    ...(record.attempt > 1 ? { delivery_count: record.attempt - 1 } : {}),
    message_id: record.messageId,
    application_properties: {
      topic,
      messageId: record.messageId,
      generateTime: types.wrap_long(record.receivedAtMs),
      qos: types.wrap_int(qos),
      ...(isBase64 ? { enc: "base64" } : {}),
    },
    body: message.data_section(isBase64 ? Buffer.from(bytes.toString("base64")) : bytes),
  });
}
