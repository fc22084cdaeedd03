import { type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type ChannelCredentials, Client, type ClientDuplexStream } from "@grpc/grpc-js";
import type { Caller } from "@mooring/contracts";
import type { Running } from "@mooring/kit";
import { type ApiName, type Apis, serviceDescriptors } from "./apis.ts";
import { callerMetadata } from "./caller.ts";
import { askForConflict, mayAnswerConflict, orThrowConflict } from "./conflict.ts";
import { limitConnecting } from "./connect-limit.ts";
import { fromWireError } from "./errors.ts";
import { fromPlain, type Plain, toPlain } from "./plain.ts";
import { keepaliveMs, keepaliveTimeoutMs, messageBytesMax } from "./server.ts";

/** Longest a call may take that says nothing about its own time. */
const deadlineMsDefault = 10_000;
/** What the wire may add to the time a call gives itself (`timeoutMs`, `waitMs`). */
const deadlineMsMargin = 2_000;

/**
 * The interface of a service that runs elsewhere. The client behaves as the service object does: same answers, same errors; a service out of
 * reach is `unavailable`. Connects when first used and again by itself.
 */
export function connectGrpc<K extends ApiName>(name: K, address: string, credentials: ChannelCredentials): Apis[K] & Running {
  const channel = new Client(address, limitConnecting(credentials), {
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc.max_send_message_length": messageBytesMax,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
    // Otherwise calls that end by their own deadline would end the asking too, and each next one would wait on the dead connection again.
    "grpc.keepalive_permit_without_calls": 1,
  });
  const api: Record<string, unknown> = {
    stop: () => {
      channel.close();
      return Promise.resolve();
    },
  };
  for (const method of serviceDescriptors[name].methods) {
    const path = `/${serviceDescriptors[name].typeName}/${method.name}`;
    api[method.localName] = method.methodKind === "unary" ? unaryMethod(channel, path, method) : streamMethod(channel, path, method);
  }
  return api as unknown as Apis[K] & Running;
}

function encode(schema: DescMethod["input"]): (message: Message) => Buffer {
  return (message) => {
    const bytes = toBinary(schema, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function unaryMethod(channel: Client, path: string, method: DescMethod) {
  const serialize = encode(method.input);
  const deserialize = (bytes: Buffer): Message => fromBinary(method.output, bytes);
  const call = (caller: Caller, request: Plain): Promise<Plain> =>
    new Promise((resolve, reject) => {
      const message = fromPlain(method.input, request);
      const options = { deadline: Date.now() + deadlineMsOf(request) };
      channel.makeUnaryRequest(path, serialize, deserialize, message, callerMetadata(caller), options, (error, answer) => {
        if (error !== null || answer === undefined) reject(fromWireError(error));
        else resolve(toPlain(method.output, answer));
      });
    });
  if (!mayAnswerConflict(method)) return call;
  return (caller: Caller, request: Plain): Promise<Plain> => call(caller, askForConflict(request)).then(orThrowConflict);
}

function deadlineMsOf(request: Plain): number {
  const own = request["timeoutMs"] ?? request["waitMs"];
  return typeof own === "number" ? own + deadlineMsMargin : deadlineMsDefault;
}

function streamMethod(channel: Client, path: string, method: DescMethod) {
  const serialize = encode(method.input);
  const deserialize = (bytes: Buffer): Message => fromBinary(method.output, bytes);
  return async function* (caller: Caller, requests: AsyncIterable<Plain>): AsyncGenerator<Plain> {
    const call = channel.makeBidiStreamRequest(path, serialize, deserialize, callerMetadata(caller));
    const sending = sendAll(call, method, requests);
    // A failure of the wire reaches the reader below; the sender only has to stop quietly then.
    sending.catch(() => call.cancel());
    try {
      for await (const answer of call) yield toPlain(method.output, answer as Message);
    } catch (error) {
      throw fromWireError(error);
    } finally {
      call.cancel();
    }
  };
}

async function sendAll(call: ClientDuplexStream<Message, Message>, method: DescMethod, requests: AsyncIterable<Plain>): Promise<void> {
  for await (const request of requests) {
    if (call.destroyed) return;
    if (!call.write(fromPlain(method.input, request))) await drained(call);
  }
  call.end();
}

function drained(call: ClientDuplexStream<Message, Message>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off("drain", done);
      call.off("close", done);
      call.off("error", done);
      resolve();
    };
    call.once("drain", done);
    call.once("close", done);
    call.once("error", done);
  });
}
