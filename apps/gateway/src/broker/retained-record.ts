// Hot: a retained message as bytes in the slab.
//
//   [ version | size of the body | payload begins | charge | flags ][ topic | packet id | properties | payload ]
//     five words of 32 bits                                           the body: as it came, or as MQTT 3.1.1 has it
import type { Properties, Qos } from "@mooring/mqtt";
import { Message } from "./message.ts";
import { offsetIn, type Slab } from "./slab.ts";

const headBytes = 20;
const Version = 0;
const BodySize = 1;
/** Counted from the body's first byte. */
const PayloadStart = 2;
const Charge = 3;
const Flags = 4;

const qosMask = 3;
const v5Flag = 4;

/** What few messages have, and what is not packed. */
export interface RetainedExtras {
  readonly properties: Properties | null;
  readonly expiresAtMs: number;
}

export const noExtras: RetainedExtras = { properties: null, expiresAtMs: 0 };

/** Copies the message into the slab, as a piece of this owner. `version` is given back by `versionOf`. Returns the address. */
export function packMessage(slab: Slab, message: Message, owner: number, version: number): number {
  // A body whose properties say something about its way here goes on to nobody as it is: then topic and payload are all that is wanted of it.
  const { isPlain, qos, buffer, bodyStart } = message;
  const topicBytes = isPlain ? 0 : Buffer.byteLength(message.topic);
  const payloadStart = isPlain ? message.payloadStart - bodyStart : 2 + topicBytes + (qos === 0 ? 0 : 2);
  const size = payloadStart + message.payloadEnd - message.payloadStart;
  const address = slab.allocate(headBytes + size, owner);
  const page = slab.page(address);
  const at = offsetIn(page, address);
  const word = at >>> 2;
  page.words[word + Version] = version;
  page.words[word + BodySize] = size;
  page.words[word + PayloadStart] = payloadStart;
  page.words[word + Charge] = message.bytes;
  page.words[word + Flags] = qos | (isPlain && message.isV5 ? v5Flag : 0);
  const body = at + headBytes;
  if (isPlain) buffer.copy(page.buffer, body, bodyStart, message.payloadEnd);
  else {
    page.buffer[body] = topicBytes >>> 8;
    page.buffer[body + 1] = topicBytes & 0xff;
    page.buffer.write(message.topic, body + 2);
    buffer.copy(page.buffer, body + payloadStart, message.payloadStart, message.payloadEnd);
  }
  return address;
}

/** The message at an address. Its bytes are the slab's: good until the address is freed. */
export function unpackMessage(slab: Slab, address: number, { properties, expiresAtMs }: RetainedExtras): Message {
  const { buffer, words } = slab.page(address);
  const at = offsetIn(slab.page(address), address);
  const word = at >>> 2;
  const bodyStart = at + headBytes;
  const flags = words[word + Flags] as number;
  const topicEnd = bodyStart + 2 + (((buffer[bodyStart] as number) << 8) | (buffer[bodyStart + 1] as number));
  const topic = buffer.toString("utf8", bodyStart + 2, topicEnd);
  const payloadStart = bodyStart + (words[word + PayloadStart] as number);
  const payloadEnd = bodyStart + (words[word + BodySize] as number);
  return new Message(
    { topic, qos: (flags & qosMask) as Qos, retain: true, properties, expiresAtMs },
    { isV5: (flags & v5Flag) !== 0, isPlain: true, buffer, bodyStart, payloadStart, payloadEnd },
  );
}

export function versionOf(slab: Slab, address: number): number {
  return wordAt(slab, address, Version);
}

/** What the message is charged: its `bytes`. */
export function chargeOf(slab: Slab, address: number): number {
  return wordAt(slab, address, Charge);
}

function wordAt(slab: Slab, address: number, word: number): number {
  const page = slab.page(address);
  return page.words[(offsetIn(page, address) >>> 2) + word] as number;
}
