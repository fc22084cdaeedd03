// The identity in a client's first flight of a TLS 1.2 handshake with a pre-shared key, read along before TLS itself sees it. Sans I/O.
//
//   client  ClientHello ──────────────▶            records: type(1) version(2) length(2) body
//   server  ◀──── ServerHello .. ServerHelloDone   messages in records of type 22: type(1) length(3) body
//   client  ClientKeyExchange ────────▶            its body begins with the identity: length(2) bytes, in PSK, DHE_PSK and ECDHE_PSK
//                                                  alike (RFC 4279 §2, §3; RFC 5489 §2)
//
// TLS asks for the key of an identity at once, and nothing can be looked up at once. So what makes it ask is held back until the key is here.

/** Before the keys are agreed on a client has little to say: hellos with every extension there is are a few KB. */
const flightBytesMax = 32 * 1024;
/** OpenSSL's limit. */
const identityBytesMax = 256;
const recordBytesMax = 16 * 1024 + 2_048;

const RecordType = { ChangeCipherSpec: 20, Alert: 21, Handshake: 22 } as const;
const clientKeyExchange = 16;

export type FlightStep = "more" | "broken" | { readonly identity: string };

export class PskFlight {
  #bytes: Buffer = Buffer.alloc(0);
  #messages: Buffer = Buffer.alloc(0);
  #total = 0;

  /** To be called with all bytes in order until it answers with the identity, or that this is no such handshake. */
  push(chunk: Buffer): FlightStep {
    this.#total += chunk.length;
    if (this.#total > flightBytesMax) return "broken";
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= 5) {
      const type = this.#bytes[0];
      const length = this.#bytes.readUInt16BE(3);
      if (this.#bytes[1] !== 3 || length > recordBytesMax) return "broken";
      if (this.#bytes.length < 5 + length) return "more";
      const body = this.#bytes.subarray(5, 5 + length);
      this.#bytes = this.#bytes.subarray(5 + length);
      // What an alert means is TLS's affair.
      if (type === RecordType.Alert) continue;
      if (type !== RecordType.Handshake) return "broken";
      this.#messages = Buffer.concat([this.#messages, body]);
      const step = this.#readMessages();
      if (step !== "more") return step;
    }
    return "more";
  }

  #readMessages(): FlightStep {
    while (this.#messages.length >= 4) {
      const length = this.#messages.readUIntBE(1, 3);
      if (this.#messages.length < 4 + length) return "more";
      const body = this.#messages.subarray(4, 4 + length);
      if (this.#messages[0] === clientKeyExchange) return readIdentity(body);
      this.#messages = this.#messages.subarray(4 + length);
    }
    return "more";
  }
}

function readIdentity(body: Buffer): FlightStep {
  const length = body.length < 2 ? 0 : body.readUInt16BE(0);
  if (length === 0 || length > identityBytesMax || body.length < 2 + length) return "broken";
  return { identity: body.subarray(2, 2 + length).toString("utf8") };
}
