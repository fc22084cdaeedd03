// The HTTPS door: the path of a request is the topic, the client certificate is the identity, and the answer is the reply.
import type { TLSSocket } from "node:tls";
import {
  type DeviceIdentity,
  type DeviceRef,
  errorTable,
  invalidField,
  PlatformError,
  parseUplinkTopic,
  shadowNamePattern,
  type TopicMeaning,
} from "@mooring/contracts";
import { deriveMessageId, givenIdRule, isGivenId, type Log, parseAddress, type Running, type ServerTls } from "@mooring/kit";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import type { Admission } from "../admission.ts";
import type { Spaces } from "../broker/spaces.ts";
import type { GatewayCounters } from "../counters.ts";
import { isOwnTopic } from "../route/acl.ts";
import { payloadBytesMax } from "../route/json-payload.ts";
import type { Refusals } from "../route/refusals.ts";
import type { Uplink } from "../route/uplink.ts";
import { admitSockets, boundAddress, peerAddress } from "../sockets.ts";
import { deviceTlsOptions, renewTicketKeys } from "../tls.ts";
import { createHttpCalls, type HttpCalls, type HttpCallsDeps } from "./calls.ts";
import { addEst, type EstDeps } from "./est.ts";
import { createIdentify, httpProtocol } from "./identify.ts";
import { sayMessage } from "./message.ts";
import { refuseBytes, sendProblem } from "./problem.ts";
import { addProvisioning } from "./provisioning.ts";
import { addRegistration, type HttpRegistrationDeps } from "./registration.ts";
import { addTokenRoutes, type TokenDoorDeps } from "./token-door.ts";

export interface HttpDoorDeps
  extends Omit<HttpRegistrationDeps, "devices">,
    Omit<TokenDoorDeps, "devices" | "guard" | "onKnown" | "enter">,
    HttpCallsDeps {
  readonly devices: HttpRegistrationDeps["devices"] & TokenDoorDeps["devices"] & EstDeps["devices"];
  readonly uplink: Pick<Uplink, "handle">;
  readonly spaces: Spaces;
  readonly refusals: Pick<Refusals, "add">;
  readonly admission: Admission;
  readonly counters: GatewayCounters;
}

const handshakeMs = 10_000;
/** For the whole request to arrive. */
const requestMs = 10_000;
/** How often Node looks for requests that are late. */
const checkMs = 2_000;
const waitMsMax = 60_000;
const waitMsDefault = 30_000;
/** Requests of one device under way at once, polls included. */
const requestsPerDeviceMax = 32;

export interface HttpDoor extends Running {
  readonly address: string;
  replaceTls(tls: ServerTls): void;
}

/** Listens on `host:port` until stopped. Rejects with the operating system's error. */
export async function startHttpDoor(
  deps: HttpDoorDeps,
  listen: string,
  { tls, tlsSessionS: sessionS }: { readonly tls: ServerTls; readonly tlsSessionS: number },
): Promise<HttpDoor> {
  const tlsRules = { handshakeMs, sessionS };
  const app = fastify({
    https: { ...deviceTlsOptions(tls, tlsRules), connectionsCheckingInterval: checkMs },
    bodyLimit: payloadBytesMax,
    requestTimeout: requestMs,
    connectionTimeout: waitMsMax + requestMs,
    keepAliveTimeout: waitMsMax,
    forceCloseConnections: true,
    logger: false,
    clientErrorHandler: (_error, socket) => refuseBytes(socket),
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, fromFastify(error, deps.log)),
  });
  renewTicketKeys(app.server, sessionS);
  const sockets = admitSockets(app.server, deps.admission);
  const identify = createIdentify(deps);
  const calls = createHttpCalls(deps);
  const underWay = createPlaces();

  const reportTooLarge = ({ raw, url }: FastifyRequest, { code, message }: PlatformError): void => {
    identify(raw.socket as TLSSocket).then(
      ({ device }) => deps.refusals.add({ device, protocol: httpProtocol, topic: url, code, message }),
      () => undefined,
    );
  };

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.setErrorHandler((thrown: unknown, request, reply) => {
    const error = fromFastify(thrown, deps.log);
    // Refused before anyone was asked who speaks: a device that is known by its connection is told of in its trace.
    if (error instanceof PlatformError && error.code === "payloadTooLarge") reportTooLarge(request, error);
    return sendProblem(reply, error);
  });
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, new PlatformError("methodNotAllowed", "devices use GET and POST")));
  addRegistration(app, deps);
  addProvisioning(app, deps);
  const onKnown = ({ raw }: FastifyRequest): void => sockets.ticketOf(raw.socket)?.known();
  addEst(app, { ...deps, identify, onKnown, enter: underWay.enter });
  addTokenRoutes(app, { ...deps, onKnown, enter: underWay.enter });
  // One route for all topics: what a path means is the topic table's to say.
  app.route({
    method: ["GET", "POST"],
    url: "/*",
    handler: async (request, reply) => {
      const identity = await identify(request.raw.socket as TLSSocket);
      onKnown(request);
      const leave = underWay.enter(identity.device.deviceId);
      try {
        return await answer(deps, calls, identity, { request, reply });
      } finally {
        leave();
      }
    },
  });
  const { host, port } = parseAddress(listen);
  await app.listen({ host, port });
  return {
    address: boundAddress(app.server, host),
    replaceTls: (next) => app.server.setSecureContext(deviceTlsOptions(next, tlsRules)),
    async stop() {
      calls.stop();
      await app.close();
    },
  };
}

/** Counts the requests of each device; one too many is refused. */
function createPlaces() {
  const underWay = new Map<string, number>();
  return {
    enter(deviceId: string): () => void {
      const count = underWay.get(deviceId) ?? 0;
      if (count >= requestsPerDeviceMax)
        throw new PlatformError("quotaExceeded", `more than ${requestsPerDeviceMax} requests are under way`);
      underWay.set(deviceId, count + 1);
      return () => {
        const rest = (underWay.get(deviceId) ?? 1) - 1;
        if (rest === 0) underWay.delete(deviceId);
        else underWay.set(deviceId, rest);
      };
    },
  };
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

async function answer(deps: HttpDoorDeps, calls: HttpCalls, identity: DeviceIdentity, exchange: Exchange): Promise<FastifyReply> {
  const { request } = exchange;
  const topic = topicOf(request.url);
  const { device } = identity;
  if (!isOwnTopic(device, topic)) {
    deps.counters.refusedForeignTopic++;
    const own = `this device speaks under /sys/${device.productKey}/${device.deviceName}/ and /${device.productKey}/${device.deviceName}/user/`;
    throw refused(deps, device, topic, new PlatformError("permissionDenied", own));
  }
  const own = `/sys/${device.productKey}/${device.deviceName}`;
  const shadowName = shadowNameOf(topic, own);
  if (shadowName !== undefined) {
    const meaning: TopicMeaning = { ...ownNames(device), kind: "shadowGet", name: shadowName, dialect: "native" };
    return request.method === "GET" ? say(deps, identity, { topic, meaning }, exchange) : wrongMethod("GET");
  }
  if (topic === `${own}/rrpc/request`) return request.method === "GET" ? poll(calls, identity, exchange) : wrongMethod("GET");
  const meaning = parseUplinkTopic(topic);
  if (meaning === undefined) {
    deps.counters.refusedUnknownTopic++;
    throw refused(deps, device, topic, new PlatformError("notFound", "this path means nothing here"));
  }
  return request.method === "POST" ? say(deps, identity, { topic, meaning }, exchange) : wrongMethod("POST");
}

/** The error to throw, reported. */
function refused({ refusals }: HttpDoorDeps, device: DeviceRef, topic: string, error: PlatformError): PlatformError {
  refusals.add({ device, protocol: httpProtocol, topic, code: error.code, message: error.message });
  return error;
}

/** `{own}/shadow` and `{own}/shadow/name/{name}` are read with GET. "" is the classic shadow; undefined for any other path. */
function shadowNameOf(topic: string, own: string): string | undefined {
  if (topic === `${own}/shadow`) return "";
  const named = `${own}/shadow/name/`;
  if (!topic.startsWith(named)) return undefined;
  const name = topic.slice(named.length);
  return shadowNamePattern.test(name) ? name : undefined;
}

function wrongMethod(right: string): never {
  throw new PlatformError("methodNotAllowed", `use ${right} here`);
}

function ownNames({ productKey, deviceName }: DeviceRef) {
  return { productKey, deviceName };
}

/** The topic a path names: percent-encoding undone once, the query left out. */
function topicOf(url: string): string {
  const query = url.indexOf("?");
  try {
    return decodeURIComponent(query === -1 ? url : url.slice(0, query));
  } catch {
    throw new PlatformError("invalidArgument", "the path is not percent-encoded UTF-8");
  }
}

/** Says the message in the device's name. The body is the reply; a failure without one is told as a problem. */
async function say(
  deps: HttpDoorDeps,
  identity: DeviceIdentity,
  { topic, meaning }: { readonly topic: string; readonly meaning: TopicMeaning },
  { request, reply }: Exchange,
): Promise<FastifyReply> {
  const { device } = identity;
  deps.counters.messagesInHttp++;
  const key = request.headers["idempotency-key"];
  if (key !== undefined && !(typeof key === "string" && isGivenId(key))) {
    deps.counters.refusedInvalid++;
    throw refused(deps, device, topic, new PlatformError("invalidArgument", `the header Idempotency-Key ${givenIdRule}`));
  }
  const givenId = key === undefined ? "" : deriveMessageId(device.deviceId, "idempotency-key", key);
  const payload = request.body instanceof Buffer ? request.body : Buffer.alloc(0);
  const { body, code, message } = await sayMessage(deps, identity, { topic, meaning, payload, givenId });
  if (body === undefined && code !== undefined) throw new PlatformError(code, message);
  reply.code(code === undefined ? 200 : errorTable[code].http);
  return body === undefined ? reply.send() : reply.header("content-type", "application/json").send(Buffer.from(body));
}

async function poll(calls: HttpCalls, identity: DeviceIdentity, { request, reply }: Exchange): Promise<FastifyReply> {
  const given = (request.query as Readonly<Record<string, unknown>>)["waitMs"];
  const waitMs = given === undefined ? waitMsDefault : typeof given === "string" && /^[0-9]{1,6}$/.test(given) ? Number(given) : -1;
  if (waitMs < 0 || waitMs > waitMsMax) throw invalidField("/waitMs", `must be a whole number from 0 to ${waitMsMax}`);
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  const call = await calls.poll(identity, peerAddress(request.raw.socket), waitMs, gone.signal);
  if (call === undefined) return reply.code(204).send();
  return reply
    .header("content-type", "application/octet-stream")
    .header("mooring-message-id", call.messageId ?? "")
    .send(Buffer.from(call.payload));
}

/** Fastify's own refusals (body too large, broken framing) as errors of the platform. */
function fromFastify(error: unknown, log: Log): unknown {
  if (error instanceof PlatformError) return error;
  const status = (error as { statusCode?: unknown }).statusCode;
  if (status === 413) return new PlatformError("payloadTooLarge", `the body has more than ${payloadBytesMax} bytes`);
  if (typeof status === "number" && status >= 400 && status < 500)
    return new PlatformError("invalidArgument", "the request is not well-formed");
  log.error({ err: error }, "an HTTPS request failed");
  return error;
}
