import { connect as connectHttp2 } from "node:http2";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ChannelCredentials, Client, Metadata, ServerCredentials, status } from "@grpc/grpc-js";
import {
  type AccessApi,
  asTenantId,
  type Caller,
  type Delivery,
  type EventApi,
  type JsonObject,
  PlatformError,
  type SessionApi,
  type SessionFrame,
  type SessionOp,
  type ShadowApi,
  type ShadowView,
  serviceCaller,
} from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { afterAll, describe, expect, test } from "vitest";
import { type Shadow, ShadowSchema, type UpdateRequest, UpdateRequestSchema } from "./gen/mooring/shadow/v1/shadow_pb.ts";
import { authenticateByApiKey, authenticateInternal, callerMetadata, connectGrpc, startGrpcServer } from "./index.ts";

const caller: Caller = { tenantId: asTenantId("t1"), principal: "key:1", role: "operator" };
const view: ShadowView = {
  version: 2 ** 40,
  desired: { a: [1, "x", null, { b: true }] },
  reported: {},
  delta: {},
  metadata: { desired: {}, reported: {} },
  desiredVersions: { a: 3 },
  timestampMs: 1_700_000_000_123,
};
/** As large as documents get: 64 KiB of small members, each with its time. */
const large: ShadowView = largeView();
const seen: { caller: Caller; request: unknown }[] = [];

/** Of each interface only what the tests call. */
const shadow = {
  async get(who, request) {
    seen.push({ caller: who, request });
    return view;
  },
  async update(who, request) {
    seen.push({ caller: who, request });
    throw new PlatformError("versionConflict", "the shadow is at version 7, not 5", { current: large as unknown as JsonObject });
  },
  async delete() {
    throw new Error("the password is hunter2");
  },
} satisfies Partial<ShadowApi> as unknown as ShadowApi;

const events = {
  async *append(_who, frames) {
    for await (const frame of frames) {
      if (frame.records.length === 0) throw new PlatformError("invalidArgument", "empty frame");
      yield { sequence: frame.sequence };
    }
  },
  async replayDeadLetters(who, request) {
    seen.push({ caller: who, request });
    return { count: request.offsets?.length ?? 0 };
  },
} satisfies Partial<EventApi> as unknown as EventApi;

const sessions = {
  async *write(who, frames) {
    for await (const request of frames) {
      seen.push({ caller: who, request });
      yield { sequence: request.sequence };
    }
  },
} satisfies Partial<SessionApi> as unknown as SessionApi;

function largeView(): ShadowView {
  const names = Array.from({ length: 5_000 }, (_, i) => `m${i}`);
  const desired = Object.fromEntries(names.map((name, i) => [name, `v${i}`]));
  const times = Object.fromEntries(names.map((name) => [name, { timestamp: 1_700_000_000_123 }]));
  return { ...view, version: 7, desired, delta: desired, metadata: { desired: times, reported: {} } };
}

/** One call as a client makes it that knows the IDL and nothing else of us. */
function rawUpdate(channel: Client, request: MessageInitShape<typeof UpdateRequestSchema>): Promise<Shadow> {
  const metadata = callerMetadata(caller);
  return new Promise((resolve, reject) => {
    channel.makeUnaryRequest(
      "/mooring.shadow.v1.ShadowService/Update",
      (message: UpdateRequest) => Buffer.from(toBinary(UpdateRequestSchema, message)),
      (bytes) => fromBinary(ShadowSchema, bytes),
      create(UpdateRequestSchema, request),
      metadata,
      (error, answer) => (answer === undefined ? reject(error) : resolve(answer)),
    );
  });
}

const options = {
  listen: "127.0.0.1:0",
  credentials: ServerCredentials.createInsecure(),
  log: silentLog,
  apis: { shadow, events, sessions },
};
const server = await startGrpcServer({ ...options, authenticate: authenticateInternal });
const client = connectGrpc("shadow", server.address, ChannelCredentials.createInsecure());
const eventClient = connectGrpc("events", server.address, ChannelCredentials.createInsecure());
const sessionClient = connectGrpc("sessions", server.address, ChannelCredentials.createInsecure());
afterAll(async () => {
  await client.stop();
  await sessionClient.stop();
  await eventClient.stop();
  await server.stop();
});

const address = { productKey: "pk", deviceName: "dn" };

describe("an interface over gRPC", () => {
  test("the caller and the request arrive as they were, and so does the answer", async () => {
    expect(await client.get(caller, address)).toEqual(view);
    expect(seen.at(-1)).toEqual({ caller, request: address });
  });

  test("a oneof of messages is the one that is set, under its name; one that the other side does not know has no name", async () => {
    const ops = [
      { op: "dequeue", sessionId: "s", seqs: [1, 2 ** 40] },
      { op: "deleteSession", sessionId: "s" },
      { op: "fromTheFuture" } as unknown as SessionOp,
    ] as const;
    async function* frames(): AsyncGenerator<SessionFrame> {
      yield { sequence: 1, ops };
    }
    for await (const ack of sessionClient.write(caller, frames())) expect(ack).toEqual({ sequence: 1 });
    expect(seen.at(-1)?.request).toEqual({ sequence: 1, ops: [ops[0], ops[1], { op: "" }] });
  });

  test("null and absent stay different, whatever JSON stands in a field", async () => {
    const request = { ...address, desired: null, expectedVersion: 5 };
    await expect(client.update(caller, request)).rejects.toThrow();
    // A map is never absent on the wire; empty, it says nothing.
    expect(seen.at(-1)?.request).toEqual({ ...request, expectedDesiredVersions: {} });
  });

  test("maps and lists of whole numbers arrive as numbers", async () => {
    const request = { ...address, desired: {}, expectedDesiredVersions: { a: 3, __proto: 2 ** 53 - 1 } };
    await expect(client.update(caller, request)).rejects.toThrow();
    expect(seen.at(-1)?.request).toEqual(request);
    await expect(eventClient.replayDeadLetters(caller, { name: "s", offsets: [1, 2 ** 53 - 1] })).resolves.toEqual({ count: 2 });
    expect(seen.at(-1)?.request).toEqual({ name: "s", offsets: [1, 2 ** 53 - 1] });
  });

  test("an error arrives with its code, message and details; a conflict with the whole current document, whatever its size", async () => {
    const thrown = await client.update(caller, address).catch((error: unknown) => error as PlatformError);
    expect(thrown).toBeInstanceOf(PlatformError);
    const { code, message, details } = thrown as PlatformError;
    expect({ code, message }).toEqual({ code: "versionConflict", message: "the shadow is at version 7, not 5" });
    expect(details).toEqual({ current: large });
    expect(seen.at(-1)?.request).not.toHaveProperty("conflictAsAnswer");
  });

  test("who does not ask for a conflict as an answer gets ABORTED, also when the document is larger than trailers may be", async () => {
    const channel = new Client(server.address, ChannelCredentials.createInsecure());
    const ask = (conflictAsAnswer: boolean) => rawUpdate(channel, { productKey: "pk", deviceName: "dn", conflictAsAnswer });
    await expect(ask(false)).rejects.toMatchObject({ code: status.ABORTED, details: "the shadow is at version 7, not 5" });
    const answer = await ask(true);
    expect(answer.conflict).toMatchObject({ code: "versionConflict", message: "the shadow is at version 7, not 5" });
    expect({ version: answer.version, desired: answer.desired, metadata: answer.metadata?.desired }).toEqual({
      version: 7n,
      desired: large.desired,
      metadata: large.metadata.desired,
    });
    channel.close();
  });

  test("what broke inside is internal, and nothing of it crosses the wire", async () => {
    const failed = await client.delete(caller, address).catch((error: unknown) => error as PlatformError);
    expect(failed).toMatchObject({ code: "internal" });
    expect((failed as PlatformError).message).not.toContain("hunter2");
  });

  test("a stream ends with the error its service threw, after the answers before it", async () => {
    async function* frames() {
      yield { sequence: 1, records: [{} as never] };
      yield { sequence: 2, records: [] };
    }
    const acks: number[] = [];
    const run = async () => {
      for await (const ack of eventClient.append(caller, frames())) acks.push(ack.sequence);
    };
    await expect(run()).rejects.toMatchObject({ code: "invalidArgument", message: "empty frame" });
    expect(acks).toEqual([1]);
  });

  test("a service out of reach is unavailable, and where it is stays inside", async () => {
    const nobody = connectGrpc("shadow", "127.0.0.1:1", ChannelCredentials.createInsecure());
    const failed = nobody.get(caller, address);
    // gRPC's own text would name the address to whoever asks.
    await expect(failed).rejects.toMatchObject({ code: "unavailable", message: expect.not.stringContaining("127.0.0.1") as string });
    await nobody.stop();
  });

  test("bytes that are no gRPC end that connection only", async () => {
    const session = connectHttp2(`http://${server.address}`);
    const answer = await new Promise((resolve, reject) => {
      const request = session.request({
        ":method": "POST",
        ":path": "/mooring.shadow.v1.ShadowService/Get",
        "content-type": "application/grpc",
      });
      request.on("response", resolve).on("error", reject);
      request.end(Buffer.from([0, 0, 0, 0, 3, 255, 255, 255]));
    });
    expect(answer).toBeDefined();
    session.destroy();
    expect(await client.get(caller, address)).toEqual(view);
  });
});

describe("the public listener", () => {
  const access = {
    async authenticateKey(_who: Caller, { secret }: { readonly secret: string }) {
      if (secret !== "good") throw new PlatformError("unauthenticated", "the API key is not valid");
      return caller;
    },
  } as unknown as AccessApi;
  const authenticate = authenticateByApiKey(access);
  const bearer = (value: string): Metadata => {
    const metadata = new Metadata();
    metadata.set("authorization", value);
    return metadata;
  };

  test("takes an API key", async () => {
    expect(await authenticate(bearer("Bearer good"))).toEqual(caller);
  });

  test.each(["Bearer bad", "good", "Bearer ", "Basic good", `Bearer ${"x".repeat(201)}`])("refuses %j", async (value) => {
    await expect(authenticate(bearer(value))).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("does not believe what a peer says about callers", async () => {
    const open = await startGrpcServer({ ...options, authenticate });
    const peer = connectGrpc("shadow", open.address, ChannelCredentials.createInsecure());
    await expect(peer.get(serviceCaller("liar"), address)).rejects.toMatchObject({ code: "unauthenticated" });
    await peer.stop();
    await open.stop();
  });
});

test("a stream that fails says so also while messages before it are still on their way and its requests are waited for", async () => {
  const failing = {
    async *subscribe(_who, requests) {
      const reading = requests[Symbol.asyncIterator]();
      await reading.next();
      // As streams do that end for another reason than their requests.
      void reading.next();
      for (let offset = 1; offset <= 20; offset++) yield { ...delivery, offset };
      throw new PlatformError("unavailable", "the key cannot be checked");
    },
  } satisfies Partial<EventApi> as unknown as EventApi;
  const other = await startGrpcServer({ ...options, apis: { events: failing }, authenticate: authenticateInternal });
  const far = connectGrpc("events", other.address, ChannelCredentials.createInsecure());
  async function* start() {
    yield { start: { subscription: "s" } };
    await new Promise(() => undefined);
  }
  const offsets: number[] = [];
  const receive = async (): Promise<void> => {
    for await (const { offset } of far.subscribe(caller, start())) offsets.push(offset);
  };
  await expect(receive()).rejects.toMatchObject({ code: "unavailable", message: "the key cannot be checked" });
  expect(offsets).toHaveLength(20);
  await far.stop();
  await other.stop();
});

const delivery = {
  messageId: "00000000-0000-8000-8000-000000000000",
  kind: "properties",
  receivedAtMs: 1,
  attempt: 1,
  device: { tenantId: "t1", deviceId: "d1", productKey: "pk", deviceName: "dn" },
  body: JSON.stringify({ text: "x".repeat(100_000) }),
} as unknown as Delivery;
