// What a client sends, cut into whole, checked frames before the AMQP library sees a byte of it. Without I/O.
//
//   SaslHeader ──8 bytes──▶ SaslInit ──one frame──▶ Held ──release()──▶ Header ──8 bytes──▶ Frames ──▶ …
//                                                    │ what came early waits here
import { amqpLimits as limits } from "./limits.ts";
import { checkValue, MalformedFrame } from "./values.ts";

export const Phase = { SaslHeader: 0, SaslInit: 1, Held: 2, Header: 3, Frames: 4 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

const headerBytes = 8;
const saslHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0]);
const amqpHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]);
const saslFrameType = 1;
const amqpFrameType = 0;
const nothing = Buffer.alloc(0);

/** The other side speaks another protocol, or wants no SASL: it is told ours and let go [AMQP-2.2]. */
export class WrongProtocol extends Error {
  override readonly name = "WrongProtocol";
  readonly header = saslHeader;
}

export class FrameGate {
  phase: Phase = Phase.SaslHeader;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Nothing can be done before so many bytes are there: small pieces of a large frame are not looked at one by one. */
  #needed = headerBytes;

  /** Takes what arrived, and returns what may be handed on: none, or whole headers and frames. Throws WrongProtocol and MalformedFrame. */
  push(chunk: Buffer): Buffer {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return this.#bytes < this.#needed || this.phase === Phase.Held ? nothing : this.#cut();
  }

  /** The sign-on was accepted: AMQP begins. Returns what came early and may be handed on now. */
  release(): Buffer {
    this.phase = Phase.Header;
    this.#needed = headerBytes;
    return this.#bytes < this.#needed ? nothing : this.#cut();
  }

  #cut(): Buffer {
    const bytes = this.#chunks.length === 1 ? (this.#chunks[0] ?? nothing) : Buffer.concat(this.#chunks, this.#bytes);
    let at = 0;
    while (this.phase !== Phase.Held) {
      const size = this.#sizeAt(bytes, at);
      if (bytes.length - at < size) {
        this.#needed = size;
        break;
      }
      this.#check(bytes.subarray(at, at + size));
      at += size;
    }
    const rest = bytes.subarray(at);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    return bytes.subarray(0, at);
  }

  /** How many bytes the next header or frame has; for a frame whose size is not there yet, its smallest size. */
  #sizeAt(bytes: Buffer, at: number): number {
    if (this.phase === Phase.SaslHeader || this.phase === Phase.Header || bytes.length - at < 4) return headerBytes;
    const size = bytes.readUInt32BE(at);
    const max = this.phase === Phase.SaslInit ? limits.signOnFrameBytesMax : limits.frameBytesMax;
    if (size < headerBytes || size > max) throw new MalformedFrame(`a frame of ${size} bytes is not from ${headerBytes} to ${max}`);
    return size;
  }

  #check(bytes: Buffer): void {
    switch (this.phase) {
      case Phase.SaslHeader:
        if (!bytes.equals(saslHeader)) throw new WrongProtocol("the client does not begin with SASL");
        this.phase = Phase.SaslInit;
        return;
      case Phase.SaslInit:
        checkFrame(bytes, saslFrameType);
        this.phase = Phase.Held;
        return;
      case Phase.Header:
        if (!bytes.equals(amqpHeader)) throw new MalformedFrame("this is no AMQP 1.0 header");
        this.phase = Phase.Frames;
        return;
      default:
        checkFrame(bytes, amqpFrameType);
    }
  }
}

/** AMQP 1.0 part 2, §2.3. A payload behind the performative is not looked at. */
function checkFrame(bytes: Buffer, type: number): void {
  const offset = (bytes[4] ?? 0) * 4;
  if (offset < headerBytes || offset > bytes.length) throw new MalformedFrame("a frame's data offset is out of its bounds");
  if (bytes[5] !== type) throw new MalformedFrame(`a frame of type ${bytes[5]} has no place here`);
  if (offset === bytes.length) {
    if (type === saslFrameType) throw new MalformedFrame("an empty SASL frame");
    return;
  }
  // A performative is a described list; anything else would be taken for one.
  if (bytes[offset] !== 0) throw new MalformedFrame("a frame has no performative");
  checkValue(bytes, offset);
}
