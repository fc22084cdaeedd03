import { connect } from "node:net";

/** Bytes of AMQP put together by hand: what no client library would send. */
export const saslHeader = Buffer.from("AMQP\x03\x01\x00\x00", "latin1");
export const amqpHeader = Buffer.from("AMQP\x00\x01\x00\x00", "latin1");

export function frame(body: Buffer, { type = 0, channel = 0 } = {}): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length);
  head.set([2, type, channel >>> 8, channel & 0xff], 4);
  return Buffer.concat([head, body]);
}

/** A described list of encoded fields. */
export function performative(code: number, fields: readonly Buffer[]): Buffer {
  const content = Buffer.concat(fields);
  const head = Buffer.from([0x00, 0x53, code, 0xd0, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(4 + content.length, 4);
  head.writeUInt32BE(fields.length, 8);
  return Buffer.concat([head, content]);
}

export const nothing = Buffer.from([0x40]);
export const yes = Buffer.from([0x41]);
export const no = Buffer.from([0x42]);
export const uint = (value: number): Buffer => {
  const bytes = Buffer.from([0x70, 0, 0, 0, 0]);
  bytes.writeUInt32BE(value, 1);
  return bytes;
};
export const ushort = (value: number): Buffer => Buffer.from([0x60, value >>> 8, value & 0xff]);
export const text = (value: string): Buffer => Buffer.concat([Buffer.from([0xa1, value.length]), Buffer.from(value)]);
const symbol = (value: string): Buffer => Buffer.concat([Buffer.from([0xa3, value.length]), Buffer.from(value)]);
const binary = (value: string): Buffer => Buffer.concat([Buffer.from([0xa0, value.length]), Buffer.from(value, "latin1")]);

export const saslInit = (mechanism: string, response: string): Buffer =>
  frame(performative(0x41, [symbol(mechanism), binary(response)]), { type: 1 });
/** Everything up to where an open is expected. */
export const signedOn = [saslHeader, saslInit("PLAIN", "\0group\0mk_backend"), amqpHeader];
export const open = (frameBytesMax: Buffer = nothing, idleMs: Buffer = nothing): Buffer =>
  frame(performative(0x10, [text("c"), nothing, frameBytesMax, nothing, idleMs]));
export const begin = (channel = 0): Buffer => frame(performative(0x11, [nothing, uint(0), uint(100), uint(100)]), { channel });
export const attach = (name: string, handle: number): Buffer => frame(performative(0x12, [text(name), uint(handle), yes]));
export const flow = (fields: {
  readonly count?: Buffer;
  readonly credit?: Buffer;
  readonly drain?: Buffer;
  readonly window?: Buffer;
}): Buffer => {
  const { count = uint(0), credit = uint(1), drain = no, window = uint(100) } = fields;
  return frame(performative(0x13, [uint(0), window, uint(0), uint(100), uint(0), count, credit, nothing, drain]));
};
export const disposition = (first: Buffer, last: Buffer, state: Buffer = performative(0x24, [])): Buffer =>
  frame(performative(0x15, [yes, first, last, yes, state]));
export const transfer = (): Buffer => frame(performative(0x14, [uint(0), uint(0), binary("t")]));

/** Sends bytes and resolves with all that came when the other side has ended; it is not ended from here. */
export function talk(port: number, bytes: readonly Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const came: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.concat(bytes)));
    socket.on("data", (chunk) => came.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(came)));
  });
}
