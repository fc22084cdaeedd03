import { callTimeoutMsMax } from "@mooring/contracts";

/** Every bound of the REST listener, in one place. What a bound is answered with stands beside it. */
export const limits = {
  /** Bodies, as for the HTTPS devices: 413. */
  bodyBytesMax: 1_048_576,
  /** The request line and all headers together; Node's default: 400. */
  headerBytesMax: 16_384,
  /** From the first byte of a request to the end of its headers: 400 and the connection ends. */
  headersTimeoutMs: 10_000,
  /** From the first byte of a request to the last of its body: 400 and the connection ends. */
  requestTimeoutMs: 15_000,
  /** From the routing of a request to its answer: 504. */
  handlerTimeoutMs: 15_000,
  /** The same for calls to devices, which end by themselves at their deadline plus 500 ms; the rest is for the wire between services. */
  callHandlerTimeoutMs: callTimeoutMsMax + 5_000,
  /** A connection on which nothing moves, a waiting call included, is closed. */
  idleTimeoutMs: callTimeoutMsMax + 10_000,
  /** A connection without a request is closed. */
  keepAliveTimeoutMs: 60_000,
  /** How often Node looks for connections past their deadline. */
  deadlineCheckMs: 1_000,
  /** Connections at a time; more are closed when they are accepted. */
  connectionsMax: 2_000,
  /** One segment of a path, percent-decoded: 400. */
  pathSegmentLengthMax: 256,
  /** Nesting of JSON in a body: 400. Protobuf readers stop at 100 nested messages, and a level of JSON takes up to three. */
  jsonDepthMax: 32,
  /** Issues named in one problem document; the first ones are kept. */
  issuesMax: 100,
  /** Characters of the caller's own text that are repeated in an answer. */
  echoLengthMax: 100,
  /** How long calls under way may go on once the server was told to stop. */
  drainMs: 2_000,
  /** How long an API key is trusted without asking again. With what a stream adds before its first recheck less than the 2 s of a revoked right. */
  keyTrustMs: 750,
  /** Of what outlives its first question: streams and AMQP connections. A revoked right is gone within 2 s, also when nobody answers. */
  recheck: {
    /** How often the key is asked about; streams of one key that ask at about the same time share an answer. */
    everyMs: 500,
    sharedMs: 200,
    /** From the last question that was answered well to the end, which is UNAVAILABLE; with sharedMs below 2 s. */
    trustMs: 1_700,
    /** From the beginning to the end when not even the first question is answered; with keyTrustMs below 2 s. */
    firstMs: 1_150,
    /** Between tries when `access` fails at once. */
    retryMs: 100,
  },
  /** API keys remembered at a time; the oldest is forgotten. */
  keysMax: 1_000,
  /** Exports under way at a time: 429 for the key, 503 for the process. */
  exports: { perKeyMax: 4, totalMax: 64 },
  /** From the beginning of an export to its end; then the connection ends, so that nobody takes the part for the whole. */
  exportTimeoutMs: 3_600_000,
  /** Points fetched at a time for an export; half of it, again and again, where the values are too large for one message between services. */
  exportPageSize: 1_000,
  /** Offsets named in one request: 400. */
  offsetsMax: 1_000,
  streams: {
    /** Streams of `GET /v1/events` open at a time: 429 for the key, 503 for the process. */
    perKeyMax: 16,
    totalMax: 1_000,
    /** A sign of life on every stream, short enough for the proxies that cut what is silent for half a minute. */
    heartbeatMs: 15_000,
    /** A client that reads nothing for so long is told so, and the stream ends. */
    stallMs: 10_000,
    /** Records fetched ahead of what the client has read. Times stallMs it must stay below acknowledgeWithinMs. */
    windowMax: 32,
    /** A stream ends after so long, and the client comes again with its Last-Event-ID. What is older than twice this was left behind. */
    lifeMs: 3_600_000,
    /** A record is acknowledged when it is written, so it may not come again before: the longest there is. */
    acknowledgeWithinMs: 600_000,
    /** How long the last words of a stream may take before the connection is cut. */
    farewellMs: 1_000,
    /** How long a client waits before it comes again, unless it knows better. */
    retryMs: 2_000,
    /** How often a tenant's leftovers are looked for, at most. */
    sweepMs: 600_000,
  },
} as const;
