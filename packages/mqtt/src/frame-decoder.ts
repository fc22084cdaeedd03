// Hot: finds packets in a stream of chunks.
//
//   chunk -> push --- whole packets ---> parsed in place, no copy ---> decode
//                  \- cut packet -------> held (grows with what arrived, never past packetBytesMax) -> decode when complete
//
// An idle connection holds this object (about 140 bytes), its last topic if that is short, and no buffer.
import { PacketType, ProtocolLevel, REMAINING_LENGTH_MAX, ReasonCode } from "./protocol.ts";

/** The first allocation for a cut packet: most are small, and a peer that only announces a large one gets no more. */
const HELD_BYTES_FIRST = 512;
/** What may pile up behind a paused decoder besides one packet: a socket's read buffer. */
const PAUSED_BYTES_MAX = 65_536;

/** The low four bits each packet type must have [MQTT-2.1.3-1]; PUBLISH carries flags of its own. */
const FLAGS = new Uint8Array(16);
FLAGS[PacketType.Pubrel] = 2; // [MQTT-3.6.1-1]
FLAGS[PacketType.Subscribe] = 2; // [MQTT-3.8.1-1]
FLAGS[PacketType.Unsubscribe] = 2; // [MQTT-3.10.1-1]

/**
 * The stream half of a decoder; `ServerDecoder` and `ClientDecoder` add the packets.
 * Not re-entrant: a handler does not call `push`. A handler that throws has broken an invariant, and the decoder is of no use after it.
 */
export abstract class FrameDecoder {
  /** 0 until known: a server learns it from CONNECT. */
  protocolLevel: ProtocolLevel | 0;
  /** 0, or the reason code of what the peer did wrong. Once set, every `push` returns it and reads nothing. */
  error = 0;
  /** Whether a client is at the other end. */
  readonly fromClient: boolean;
  /** For decoding PUBLISH; see `PublishContext`. */
  lastTopic = "";
  private maxBytes = 0;
  private isPaused = false;
  private isStopped = false;
  private isParsing = false;
  private held: Buffer | null = null;
  private heldLength = 0;
  /** Size of the packet whose beginning is held; 0 while its length has not arrived. */
  private needed = 0;
  /** Second result of `frameSize`: the Remaining Length of that packet. */
  private body = 0;

  constructor(packetBytesMax: number, protocolLevel: ProtocolLevel | 0, fromClient: boolean) {
    this.protocolLevel = protocolLevel;
    this.fromClient = fromClient;
    this.packetBytesMax = packetBytesMax;
  }

  /** Largest packet accepted, fixed header included, in bytes. May be changed at any time; holds from the next packet on. */
  get packetBytesMax(): number {
    return this.maxBytes;
  }

  set packetBytesMax(bytes: number) {
    this.maxBytes = Math.min(bytes, REMAINING_LENGTH_MAX);
  }

  /** Bytes kept for a packet that has not arrived whole, or behind a pause. */
  get heldBytes(): number {
    return this.heldLength;
  }

  /**
   * Reads the next bytes of the stream and calls the handler for each packet that is now whole, in order. Returns 0, or the reason code of
   * the first broken rule; packets before it have been handed over, nothing after it is. The chunk may be reused when this returns.
   */
  push(chunk: Uint8Array): number {
    if (this.error !== 0 || this.isStopped) return this.error;
    const buffer = chunk instanceof Buffer ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    if (this.held !== null && !this.isPaused) at = this.fill(buffer);
    if (this.error === 0 && !this.isPaused) at = this.parse(buffer, at, buffer.length);
    if (this.error === 0 && !this.isStopped && at < buffer.length) this.hold(buffer, at);
    return this.error;
  }

  /** Holds back further packets, also those already in the chunk being parsed, until `resume`. For a CONNECT that takes time to check. */
  pause(): void {
    this.isPaused = true;
  }

  /** Hands over what was held back. Returns as `push` does. */
  resume(): number {
    this.isPaused = false;
    const held = this.held;
    if (held === null || this.isParsing || this.error !== 0 || this.isStopped) return this.error;
    const length = this.heldLength;
    this.release();
    const at = this.parse(held, 0, length);
    if (this.error === 0 && !this.isStopped && at < length) this.hold(held.subarray(0, length), at);
    return this.error;
  }

  /** Reads nothing more, for good, and lets go of what is held. `push` then returns 0. */
  stop(): void {
    this.isStopped = true;
    this.release();
  }

  /** 0, or why a packet of this type may not come now. */
  protected abstract checkType(type: number): number;
  /** `buffer[start..end)` is what there is of the body of a packet that will not be read. */
  protected onTooLarge(_buffer: Buffer, _start: number, _end: number): void {
    // For who can answer it.
  }
  /** Decodes the body of one packet and calls the handler. 0 or a reason code. */
  protected abstract decode(header: number, buffer: Buffer, start: number, end: number): number;

  /** Parses whole packets in `buffer[at..length)`. Returns where the first one that is not whole begins. */
  private parse(buffer: Buffer, from: number, length: number): number {
    let at = from;
    this.isParsing = true;
    while (at < length && !this.isPaused && !this.isStopped) {
      const header = buffer[at] as number;
      let start = at + 2;
      let remaining = at + 1 < length ? (buffer[at + 1] as number) : 128;
      if (remaining > 127) {
        const size = this.frameSize(buffer, at, length);
        if (size <= 0) break;
        remaining = this.body;
        start = at + size - remaining;
      } else if (remaining + 2 > this.maxBytes) this.error = ReasonCode.PacketTooLarge;
      const code = this.checkHeader(header);
      if (code !== 0) this.error = code;
      const end = start + remaining;
      if (this.error !== 0 || end > length) break;
      this.error = this.decode(header, buffer, start, end);
      if (this.error !== 0) break;
      at = end;
    }
    this.isParsing = false;
    if (this.error !== 0) this.release();
    return at;
  }

  private checkHeader(header: number): number {
    const type = header >> 4;
    const code = this.checkType(type);
    if (code !== 0 || type === PacketType.Publish) return code;
    // In 3.1 these three carry a DUP flag where later versions have a reserved bit.
    const flags = this.protocolLevel === ProtocolLevel.V31 && FLAGS[type] === 2 ? header & 7 : header & 15;
    return flags === FLAGS[type] ? 0 : ReasonCode.MalformedPacket;
  }

  /** Whole size of the packet at `at`, 0 while its length is cut off, or -1 with `error` set. */
  private frameSize(buffer: Buffer, at: number, length: number): number {
    this.error = this.checkHeader(buffer[at] as number);
    if (this.error !== 0) return -1;
    let remaining = 0;
    for (let count = 0; count < 4; count++) {
      const next = at + 1 + count;
      if (next >= length) return 0;
      const byte = buffer[next] as number;
      remaining |= (byte & 127) << (7 * count);
      if (byte > 127) continue;
      const size = remaining + 2 + count;
      this.body = remaining;
      // [MQTT-1.5.5-1]: no more bytes than needed. 3.1.1 has no such rule, and before CONNECT the version is not known.
      if (byte === 0 && count > 0 && this.protocolLevel === ProtocolLevel.V5) this.error = ReasonCode.MalformedPacket;
      else if (size > this.maxBytes) {
        this.error = ReasonCode.PacketTooLarge;
        this.onTooLarge(buffer, next + 1, length);
      }
      return this.error === 0 ? size : -1;
    }
    this.error = ReasonCode.MalformedPacket; // s1.5.5: four bytes at most.
    return -1;
  }

  /** Completes the held packet from the chunk and parses it. Returns how much of the chunk it took. */
  private fill(chunk: Buffer): number {
    let at = 0;
    while (this.needed === 0) {
      if (at === chunk.length) return at;
      this.append(chunk, at, ++at);
      const size = this.frameSize(this.held as Buffer, 0, this.heldLength);
      if (size < 0) {
        this.release();
        return at;
      }
      this.needed = size;
    }
    const taken = Math.min(this.needed - this.heldLength, chunk.length - at);
    this.append(chunk, at, at + taken);
    if (this.heldLength === this.needed) {
      const packet = this.held as Buffer;
      const length = this.heldLength;
      this.release();
      this.parse(packet, 0, length);
    }
    return at + taken;
  }

  /** Keeps `chunk[at..)`, which begins within a packet, or anywhere when paused. */
  private hold(chunk: Buffer, at: number): void {
    const isFirst = this.held === null;
    if (this.heldLength + chunk.length - at > this.maxBytes + PAUSED_BYTES_MAX) {
      this.error = ReasonCode.QuotaExceeded;
      this.release();
      return;
    }
    this.append(chunk, at, chunk.length);
    if (!isFirst || this.isPaused) return;
    const size = this.frameSize(chunk, at, chunk.length);
    if (size < 0) this.release();
    else this.needed = size;
  }

  /** Doubles as bytes arrive, so that memory follows what was sent and not what was announced. */
  private append(chunk: Buffer, start: number, end: number): void {
    const length = this.heldLength + end - start;
    if (this.held === null || length > this.held.length) {
      const most = this.isPaused ? this.maxBytes + PAUSED_BYTES_MAX : this.maxBytes;
      const grown = Buffer.allocUnsafeSlow(Math.max(length, Math.min(most, Math.max(this.heldLength * 2, HELD_BYTES_FIRST))));
      if (this.held !== null) grown.set(this.held.subarray(0, this.heldLength), 0);
      this.held = grown;
    }
    this.held.set(chunk.subarray(start, end), this.heldLength);
    this.heldLength = length;
  }

  private release(): void {
    this.held = null;
    this.heldLength = 0;
    this.needed = 0;
  }
}
