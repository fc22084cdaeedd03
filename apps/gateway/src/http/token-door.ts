// HTTPS for devices with a secret and no certificate (wire formats §2.11): a token for a signature, then messages with it.
//
//   POST /auth             {"productKey","deviceName","clientId","timestamp","signmethod","sign"}  -->  {"code":0,...,"info":{"token"}}
//   POST /topic/{topic}    header password: {token}                                                 -->  {"code":0,...,"info":{"messageId"}}
import {
  type DeviceApi,
  type DeviceIdentity,
  deviceNamePattern,
  errorTable,
  PlatformError,
  parseUplinkTopic,
  productKeyPattern,
  serviceCaller,
  toPlatformError,
} from "@mooring/contracts";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { claimOf, claimOfSession, type Guard } from "../auth/guard.ts";
import { secretProofOf } from "../auth/secret.ts";
import type { GatewayCounters } from "../counters.ts";
import { isOwnTopic } from "../route/acl.ts";
import type { Refusals } from "../route/refusals.ts";
import { peerAddress } from "../sockets.ts";
import { httpProtocol, type IdentifyDeps } from "./identify.ts";
import { type SayDeps, sayMessage } from "./message.ts";

export interface TokenDoorDeps extends IdentifyDeps, SayDeps {
  readonly devices: Pick<DeviceApi, "authenticateCertificate" | "authenticateSecret" | "createDeviceSession" | "authenticateDeviceSession">;
  readonly guard: Pick<Guard, "mayTry" | "failed" | "succeeded">;
  readonly refusals: Pick<Refusals, "add">;
  readonly counters: GatewayCounters;
  /** The client is known: its connection counts as a stranger's no more. */
  readonly onKnown: (request: FastifyRequest) => void;
  /** Takes a place among the device's requests under way, or throws; the answer gives it back. */
  readonly enter: (deviceId: string) => () => void;
}

const bodyBytesMax = 4_096;
/** How firmware tells failures apart. Any token that is not good is told as one that is over: then it fetches another. */
const Code = {
  Common: 10_000,
  Parameter: 10_001,
  Auth: 20_000,
  TokenOver: 20_001,
  TokenMissing: 20_002,
  Publish: 30_001,
  Rate: 40_000,
} as const;

class Refused extends Error {
  readonly code: number;
  readonly status: number;

  constructor(code: number, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export function addTokenRoutes(app: Pick<FastifyInstance, "route">, deps: TokenDoorDeps): void {
  const route = (url: string, bodyLimit: number | undefined, answer: (request: FastifyRequest) => Promise<string>): void => {
    app.route({
      method: "POST",
      url,
      ...(bodyLimit === undefined ? {} : { bodyLimit }),
      handler: async (request, reply) => {
        try {
          return send(reply, 200, `{"code":0,"message":"success","info":${await answer(request)}}`);
        } catch (error) {
          const { code, status, message } = toRefused(error);
          return send(reply, status, JSON.stringify({ code, message }));
        }
      },
    });
  };
  route("/auth", bodyBytesMax, async (request) => JSON.stringify({ token: await signOn(deps, request) }));
  route("/topic/*", undefined, async (request) => `{"messageId":${await publish(deps, request)}}`);
}

async function signOn({ devices, guard, rare }: TokenDoorDeps, request: FastifyRequest): Promise<string> {
  const fields = readFields(request.body);
  const [productKey = "", deviceName = ""] = [fields?.get("productKey"), fields?.get("deviceName")];
  if (fields === undefined || !productKeyPattern.test(productKey) || !deviceNamePattern.test(deviceName))
    throw new Refused(Code.Parameter, 400, "the body must be JSON with productKey, deviceName and sign");
  const device = { productKey, deviceName };
  const [claim, origin] = [claimOf(device), originOf(request)];
  if (!guard.mayTry(claim, origin)) {
    rare.onAuthFailure("heldOff");
    throw new Refused(Code.Rate, 429, "too many failures before; wait a minute");
  }
  try {
    const caller = serviceCaller("gateway");
    const identity = await devices.authenticateSecret(caller, { ...secretProofOf(device, fields), origin });
    guard.succeeded(claim, origin);
    return (await devices.createDeviceSession(caller, { deviceId: identity.device.deviceId, credentialId: identity.credentialId })).token;
  } catch (error) {
    const isVerdict = error instanceof PlatformError && error.code === "unauthenticated";
    rare.onAuthFailure(isVerdict ? "secret" : isSuspended(error) ? "tenantSuspended" : "unavailable");
    if (!isVerdict) throw error;
    guard.failed(claim, origin);
    throw new Refused(Code.Auth, 401, "auth check error");
  }
}

async function publish(deps: TokenDoorDeps, request: FastifyRequest): Promise<string> {
  const identity = await authenticate(deps, request);
  const { device } = identity;
  deps.onKnown(request);
  const leave = deps.enter(device.deviceId);
  try {
    const topic = topicOf(request.url);
    const refuse = (status: number, code: "permissionDenied" | "notFound", message: string): never => {
      deps.refusals.add({ device, protocol: httpProtocol, topic, code, message });
      throw new Refused(Code.Publish, status, message);
    };
    if (!isOwnTopic(device, topic)) return refuse(403, "permissionDenied", "this is no topic of this device's");
    const meaning = parseUplinkTopic(topic);
    if (meaning === undefined) return refuse(404, "notFound", "this topic means nothing here");
    deps.counters.messagesInHttp++;
    const payload = request.body instanceof Buffer ? request.body : Buffer.alloc(0);
    const { code, message } = await sayMessage(deps, identity, { topic, meaning, payload, givenId: "" });
    if (code !== undefined) throw new Refused(code === "quotaExceeded" ? Code.Rate : Code.Publish, errorTable[code].http, message);
    return nextMessageId();
  } finally {
    leave();
  }
}

async function authenticate({ devices, guard, rare }: TokenDoorDeps, request: FastifyRequest): Promise<DeviceIdentity> {
  const token = request.headers["password"];
  if (typeof token !== "string" || token === "") throw new Refused(Code.TokenMissing, 401, "token is null");
  const [claim, origin] = [claimOfSession(), originOf(request)];
  if (!guard.mayTry(claim, origin)) throw new Refused(Code.Rate, 429, "too many failures before; wait a minute");
  try {
    return await devices.authenticateDeviceSession(serviceCaller("gateway"), { token, origin });
  } catch (error) {
    const isVerdict = error instanceof PlatformError && error.code === "unauthenticated";
    rare.onAuthFailure(isVerdict ? "token" : isSuspended(error) ? "tenantSuspended" : "unavailable");
    if (!isVerdict) throw error;
    // Not counted against anybody: a token that is none costs no look-up, and good devices come with tokens that are over, all at once after a week.
    throw new Refused(Code.TokenOver, 401, "token is expired");
  }
}

const isSuspended = (error: unknown): boolean => error instanceof PlatformError && error.code === "permissionDenied";

function originOf({ raw }: FastifyRequest) {
  return { protocol: httpProtocol, address: peerAddress(raw.socket) ?? "" };
}

/** The members of a JSON object that are texts or numbers, as texts; undefined for anything else. */
function readFields(body: unknown): ReadonlyMap<string, string> | undefined {
  try {
    const value: unknown = JSON.parse(body instanceof Buffer ? body.toString("utf8") : "");
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const isScalar = ([, member]: [string, unknown]): boolean => typeof member === "string" || typeof member === "number";
    return new Map(
      Object.entries(value)
        .filter(isScalar)
        .map(([name, member]) => [name, String(member)]),
    );
  } catch {
    return undefined;
  }
}

function topicOf(url: string): string {
  const query = url.indexOf("?");
  try {
    return decodeURIComponent(query === -1 ? url : url.slice(0, query)).slice("/topic".length);
  } catch {
    throw new Refused(Code.Parameter, 400, "the path is not percent-encoded UTF-8");
  }
}

let lastId = 0n;

/** Grows, and fits into 63 bits: milliseconds and a count. For the device's log alone. */
function nextMessageId(): string {
  const fromClock = BigInt(Date.now()) << 20n;
  lastId = fromClock > lastId ? fromClock : lastId + 1n;
  return String(lastId);
}

function toRefused(error: unknown): Refused {
  if (error instanceof Refused) return error;
  const { code, message } = toPlatformError(error);
  return new Refused(
    code === "quotaExceeded" ? Code.Rate : Code.Common,
    errorTable[code].http,
    code === "internal" ? "internal error" : message,
  );
}

function send(reply: FastifyReply, status: number, body: string): FastifyReply {
  return reply.code(status).header("content-type", "application/json").send(Buffer.from(body));
}
