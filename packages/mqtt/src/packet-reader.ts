// Hot: a cursor over one whole packet. The first failure sticks; later reads return empty values, so that callers check once.
import { ReasonCode } from "./protocol.ts";
import { scanText, sliceText, Text } from "./utf8.ts";

const NOTHING = Buffer.alloc(0);

/** Reads the data types of MQTT 5 s1.5 from `buffer[offset..end)`. Never throws and never reads past `end`; see `error`. */
export class PacketReader {
  buffer: Buffer = NOTHING;
  offset = 0;
  end = 0;
  /** 0, or the reason code of the first failure. */
  error = 0;

  reset(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer;
    this.offset = start;
    this.end = end;
    this.error = 0;
  }

  /** Keeps the first reason code and makes every later read empty. Returns 0, for the callers' convenience. */
  fail(code: number): 0 {
    if (this.error === 0) this.error = code;
    this.offset = this.end;
    return 0;
  }

  byte(): number {
    if (this.offset >= this.end) return this.fail(ReasonCode.MalformedPacket);
    return this.buffer[this.offset++] as number;
  }

  uint16(): number {
    const at = this.offset;
    if (this.end - at < 2) return this.fail(ReasonCode.MalformedPacket);
    this.offset = at + 2;
    return ((this.buffer[at] as number) << 8) | (this.buffer[at + 1] as number);
  }

  uint32(): number {
    const high = this.uint16();
    return high * 65_536 + this.uint16();
  }

  /** A variable byte integer: at most four bytes, and no more than the value needs [MQTT-1.5.5-1]. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return byte === 0 && shift > 0 ? this.fail(ReasonCode.MalformedPacket) : value;
    }
    return this.fail(ReasonCode.MalformedPacket);
  }

  /** A packet identifier: zero is a protocol error ([MQTT-2.2.1-3], [MQTT-2.2.1-4]). */
  packetId(): number {
    const id = this.uint16();
    return id === 0 ? this.fail(ReasonCode.ProtocolError) : id;
  }

  /** A UTF-8 string ([MQTT-1.5.4-1], [MQTT-1.5.4-2]). */
  string(): string {
    return this.text(false);
  }

  /**
   * A topic name: a string without wildcards [MQTT-3.3.2-2]. May be empty; the caller knows whether that is allowed. When the bytes are those of
   * `known`, an ASCII topic name read before, that very string is returned: it needs no check, and its hash is already computed.
   */
  topicName(known = ""): string {
    return this.isNext(known) ? known : this.text(true);
  }

  /** Whether a string with these ASCII characters comes next; if so, moves past it. */
  private isNext(known: string): boolean {
    const at = this.offset;
    const length = known.length;
    const start = at + 2;
    if (length === 0 || start + length > this.end) return false;
    const buffer = this.buffer;
    if ((((buffer[at] as number) << 8) | (buffer[at + 1] as number)) !== length) return false;
    // From the back, since topics of one device differ at the end.
    for (let index = length - 1; index >= 0; index--) if (known.charCodeAt(index) !== buffer[start + index]) return false;
    this.offset = start + length;
    return true;
  }

  private text(isTopicName: boolean): string {
    const length = this.uint16();
    const start = this.offset;
    const end = start + length;
    if (end > this.end) this.fail(ReasonCode.MalformedPacket);
    if (this.error !== 0) return "";
    const scanned = scanText(this.buffer, start, end);
    if ((scanned & Text.IllFormed) !== 0) this.fail(ReasonCode.MalformedPacket);
    else if (isTopicName && (scanned & Text.Wildcard) !== 0) this.fail(ReasonCode.TopicNameInvalid);
    if (this.error !== 0) return "";
    this.offset = end;
    return sliceText(this.buffer, start, end, scanned);
  }

  /** Binary data, copied: only the payload of a PUBLISH is handed out as a view. */
  binary(): Buffer {
    const length = this.uint16();
    const start = this.offset;
    if (start + length > this.end) this.fail(ReasonCode.MalformedPacket);
    if (this.error !== 0) return NOTHING;
    this.offset = start + length;
    return Buffer.from(this.buffer.subarray(start, start + length));
  }

  /** A packet must end where its last field ends. */
  expectEnd(): void {
    if (this.offset !== this.end) this.fail(ReasonCode.MalformedPacket);
  }
}
