// Hot: the one message that is sent over and over. Encoded once per device; then only digits of fixed width change.
import { type EncodedPublish, encodeForFanOut, ProtocolLevel, writeEncoded } from "@mooring/mqtt";

/** Temperatures run from 10.00 to 99.99 and around again, so that every record tells its place in the device's order. */
export const temperatureSteps = 9_000;
const temperatureFirst = 1_000;

const idDigits = 10;
const idMark = '"id":"';
const temperatureMark = '"Temperature":';

/** The property report of a thermostat in the Alink envelope; as the device's messages differ in two numbers only, both are written in place. */
export class Post {
  readonly #encoded: EncodedPublish;
  readonly #idAt: number;
  readonly #temperatureAt: number;

  constructor(topic: string, wantsReply: boolean) {
    const payload = Buffer.from(payloadText(wantsReply));
    this.#encoded = encodeForFanOut(
      { topic, payload, qos: 1, retain: false, dup: false, packetId: 1, properties: null },
      ProtocolLevel.V311,
    );
    this.#idAt = this.#encoded.bytes.indexOf(idMark) + idMark.length;
    this.#temperatureAt = this.#encoded.bytes.indexOf(temperatureMark) + temperatureMark.length;
  }

  get bytes(): number {
    return this.#encoded.bytes.length;
  }

  /** Writes the device's `sequence`th message (from 0) at `offset`, where `bytes` must be left; returns the offset after it. */
  write(target: Buffer, offset: number, sequence: number, packetId: number): number {
    const end = writeEncoded(target, offset, this.#encoded, packetId);
    writeDigits(target, offset + this.#idAt, sequence, idDigits);
    const hundredths = temperatureFirst + (sequence % temperatureSteps);
    writeDigits(target, offset + this.#temperatureAt, Math.floor(hundredths / 100), 2);
    writeDigits(target, offset + this.#temperatureAt + 3, hundredths % 100, 2);
    return end;
  }
}

/** As it looks before digits are written into it. */
export function payloadText(wantsReply: boolean): string {
  const ack = wantsReply ? 1 : 0;
  const id = "0".repeat(idDigits);
  return `{"id":"${id}","version":"1.0","sys":{"ack":${ack}},"params":{"Temperature":10.00,"Mode":"heat"},"method":"thing.event.property.post"}`;
}

function writeDigits(target: Buffer, offset: number, value: number, digits: number): void {
  let rest = value;
  for (let at = offset + digits - 1; at >= offset; at--) {
    target[at] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
