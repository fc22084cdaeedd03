import { type DescMethod, type DescService, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  logVerbosity,
  Server,
  type ServerCredentials,
  type ServerDuplexStream,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { type Caller, PlatformError, toPlatformError } from "@mooring/contracts";
import { type Log, parseAddress, type Running } from "@mooring/kit";
import { type ApiName, type Apis, serviceDescriptors } from "./apis.ts";
import type { Authenticate } from "./caller.ts";
import { conflictAsAsked, mayAnswerConflict } from "./conflict.ts";
import { toWireError } from "./errors.ts";
import { fromPlain, type Plain, toPlain } from "./plain.ts";

// grpc-js writes to standard error by itself what it also throws; what is thrown is reported once, by us.
setLogVerbosity(logVerbosity.NONE);

export interface GrpcServerOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly credentials: ServerCredentials;
  readonly authenticate: Authenticate;
  readonly apis: Partial<Apis>;
  readonly log: Log;
}

/** 4 MiB: an append frame of 1,000 records of 4 KiB. */
export const messageBytesMax = 4 * 1024 * 1024;

/** A peer that is silent for so long is asked, and let go when it does not answer: a connection may die without a word, and TCP alone waits for hours. */
export const keepaliveMs = 5_000;
export const keepaliveTimeoutMs = 5_000;

type AnyApi = Record<string, (caller: Caller, request: unknown) => unknown>;

/** Serves the interfaces over gRPC until stopped. Authentication and error mapping happen here, once for all methods. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<Running & { readonly address: string }> {
  const server = new Server({
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc.max_send_message_length": messageBytesMax,
    "grpc.max_concurrent_streams": 10_000,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
  });
  for (const [name, api] of Object.entries(options.apis)) {
    const desc = serviceDescriptors[name as ApiName];
    server.addService(serviceDefinition(desc), handlersOf(desc, api as unknown as AnyApi, options));
  }
  const { host } = parseAddress(options.listen);
  const port = await bindServer(server, options.listen, options.credentials);
  return { address: `${host}:${port}`, stop: () => stopServer(server) };
}

function bindServer(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) return resolve(port);
      const { host, port: wanted } = parseAddress(address);
      const code = error.message.includes("Name resolution")
        ? "ENOTFOUND"
        : error.message.includes("EADDRNOTAVAIL")
          ? "EADDRNOTAVAIL"
          : "EADDRINUSE";
      reject(Object.assign(error, { code, address: host, hostname: host, port: wanted }));
    });
  });
}

/** How long calls in flight may take to end by themselves. */
const drainMs = 2_000;

function stopServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), drainMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function serviceDefinition(desc: DescService) {
  const bytes = (schema: DescMethod["input"]) => (message: Message) => {
    const encoded = toBinary(schema, message);
    return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  };
  return Object.fromEntries(
    desc.methods.map((method) => [
      method.localName,
      {
        path: `/${desc.typeName}/${method.name}`,
        requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
        responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
        requestSerialize: bytes(method.input),
        requestDeserialize: (buffer: Buffer) => decodeRequest(method, buffer),
        responseSerialize: bytes(method.output),
        responseDeserialize: (buffer: Buffer) => fromBinary(method.output, buffer),
      },
    ]),
  );
}

/** A request that is not what its IDL says. It goes on to the handler, since what a deserializer throws gRPC calls an internal error. */
class MalformedRequest {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

function decodeRequest(method: DescMethod, buffer: Buffer): Message | MalformedRequest {
  try {
    return fromBinary(method.input, buffer);
  } catch (error) {
    return new MalformedRequest(error);
  }
}

/** Throws `invalidArgument` for a message without a plain form: nested too deeply, or with a number that JSON has not. */
function readRequest(method: DescMethod, message: Message | MalformedRequest): Plain {
  try {
    if (message instanceof MalformedRequest) throw message.cause;
    return toPlain(method.input, message);
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    throw new PlatformError("invalidArgument", "the message is malformed", { cause: error });
  }
}

function handlersOf(desc: DescService, api: AnyApi, options: GrpcServerOptions): UntypedServiceImplementation {
  const handlers: UntypedServiceImplementation = {};
  for (const method of desc.methods) {
    handlers[method.localName] = method.methodKind === "unary" ? unaryHandler(method, api, options) : streamHandler(method, api, options);
  }
  return handlers;
}

function unaryHandler(method: DescMethod, api: AnyApi, options: GrpcServerOptions): handleUnaryCall<Message, Message> {
  const mayConflict = mayAnswerConflict(method);
  return (call, callback) => {
    const run = async (): Promise<Message> => {
      const caller = await options.authenticate(call.metadata);
      const ask = async (request: Plain): Promise<Plain> => (await api[method.localName]?.(caller, request)) as Plain;
      const request = readRequest(method, call.request);
      return fromPlain(method.output, mayConflict ? await conflictAsAsked(request, ask) : await ask(request));
    };
    run().then(
      (answer) => callback(null, answer),
      (error: unknown) => callback(report(error, method, options.log)),
    );
  };
}

function streamHandler(method: DescMethod, api: AnyApi, options: GrpcServerOptions): handleBidiStreamingCall<Message, Message> {
  return (call) => {
    const run = async (): Promise<void> => {
      const caller = await options.authenticate(call.metadata);
      const answers = api[method.localName]?.(caller, requestsOf(method, call)) as AsyncIterable<Plain>;
      for await (const answer of answers) {
        if (call.cancelled) return;
        if (!call.write(fromPlain(method.output, answer))) await drained(call);
      }
    };
    run().then(
      () => call.end(),
      (error: unknown) => {
        if (!call.cancelled) call.emit("error", report(error, method, options.log));
      },
    );
  };
}

/**
 * The peer's messages. Ends, rather than throws, when the peer goes away or the stream has failed: what a stream means ends with its requests.
 * Not the stream's own iterator: that destroys the stream when it fails, and with it the status that says why if messages are still on their way.
 */
async function* requestsOf(method: DescMethod, call: ServerDuplexStream<Message, Message>): AsyncGenerator<Plain> {
  let isOver = false;
  let wake: (() => void) | undefined;
  const look = (): void => wake?.();
  const end = (): void => {
    isOver = true;
    wake?.();
  };
  call.on("readable", look);
  for (const event of ["end", "error", "cancelled", "close"]) call.on(event, end);
  // It may have ended before anybody asked for the first message. What a peer that is gone has left in buffers is not read: it may be speaking on
  // another stream already.
  while (!isOver && !call.cancelled && !call.destroyed && !call.readableEnded) {
    const message = call.read() as Message | MalformedRequest | null;
    if (message !== null) yield readRequest(method, message);
    else {
      await new Promise<void>((resolve) => {
        wake = resolve;
        // Reading may have been what ended it.
        if (isOver || call.readableEnded) resolve();
      });
    }
  }
}

function drained(call: ServerDuplexStream<Message, Message>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off("drain", done);
      call.off("cancelled", done);
      call.off("close", done);
      resolve();
    };
    call.once("drain", done);
    call.once("cancelled", done);
    call.once("close", done);
  });
}

function report(thrown: unknown, method: DescMethod, log: Log): ReturnType<typeof toWireError> {
  const error = toPlatformError(thrown);
  if (error.code === "internal") log.error({ err: error.cause ?? error, method: method.localName }, "a call failed");
  return toWireError(error);
}
