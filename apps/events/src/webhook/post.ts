// One HTTP POST to an address that somebody else chose. The address is checked where the socket is opened, after the name was looked up for this
// very connection, so that a name that points elsewhere a moment later (DNS rebinding) changes nothing.
import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { AddressRules } from "./networks.ts";
import type { Resolve } from "./resolve.ts";

export interface PostDeps {
  readonly rules: AddressRules;
  readonly resolve: Resolve;
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
}

export interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly signal: AbortSignal;
}

/**
 * What a failure says. `refused`: the endpoint does not want this content. `failed`: it had the content, and failed or did not answer: the content may
 * be why. `outage`: it takes nothing now, whatever the content.
 */
export type FailureKind = "refused" | "failed" | "outage";

export class PostFailure extends Error {
  override readonly name = "PostFailure";
  readonly kind: FailureKind;
  /** How long the endpoint asks to wait. */
  readonly retryAfterMs: number | undefined;
  /** The endpoint answered, with whatever status. */
  readonly isAnswer: boolean;

  constructor(message: string, kind: FailureKind, answer?: { readonly retryAfterMs: number | undefined }) {
    super(message);
    this.kind = kind;
    this.retryAfterMs = answer?.retryAfterMs;
    this.isAnswer = answer !== undefined;
  }
}

/** RFC 9110 §15.5.9, §15.6.4; RFC 8470 §5.2; RFC 6585 §4: later, the same request may do. */
const later = new Set([408, 425, 429, 503]);

/** Resolves when the endpoint has answered 2xx. Rejects with PostFailure, in whose message nothing of the answer's body or of the network is repeated. */
export async function post(deps: PostDeps, { url, headers, body, signal }: PostRequest): Promise<void> {
  const target = new URL(url);
  const secure = target.protocol === "https:";
  const port = Number(target.port || (secure ? 443 : 80));
  // [::1] is written in brackets in a URL and without them everywhere else.
  const hostname = target.hostname.replace(/^\[(.*)\]$/, "$1");
  const over = AbortSignal.any([signal, AbortSignal.timeout(deps.timeoutMs)]);
  const addresses = await allowedAddresses(deps, { hostname, port, secure }, over);
  const options: RequestOptions = {
    method: "POST",
    host: hostname,
    port,
    path: `${target.pathname}${target.search}`,
    headers: { ...headers, Host: target.host, "Content-Type": "application/json", "Content-Length": body.length, "User-Agent": "Mooring" },
    // No shared sockets: each connection is opened, and its address checked, for one subscription.
    agent: false,
    lookup: lookupIn(addresses),
    signal: over,
  };
  const request = secure ? httpsRequest(options) : httpRequest(options);
  let isConnected = false;
  request.once("socket", (socket) => socket.once(secure ? "secureConnect" : "connect", () => (isConnected = true)));
  const { status, answer } = await send(request, body).catch((error: unknown) => {
    const message = over.aborted ? `no answer within ${deps.timeoutMs} ms` : `could not be reached (${codeOf(error)})`;
    throw new PostFailure(message, isConnected ? "failed" : "outage");
  });
  drain(answer, deps.answerBytesMax);
  if (status >= 200 && status < 300) return;
  throw new PostFailure(`the endpoint answered ${status}`, kindOf(status), {
    retryAfterMs: retryAfterMs(answer.headers["retry-after"], Date.now()),
  });
}

/** A redirect, which is not followed, says that the address is wrong, and nothing of the content. */
function kindOf(status: number): FailureKind {
  if (later.has(status) || status < 400) return "outage";
  return status < 500 ? "refused" : "failed";
}

/** RFC 9110 §10.2.3: seconds, or a date. Undefined for anything else, and for what is past. */
function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,10}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return ms > 0 ? ms : undefined;
}

type Answer = import("node:http").IncomingMessage;

function send(request: import("node:http").ClientRequest, body: Buffer): Promise<{ readonly status: number; readonly answer: Answer }> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (answer) => resolve({ status: answer.statusCode ?? 0, answer }));
    request.end(body);
  });
}

/** Lets the connection end in order; an answer that is long is cut off. */
function drain(answer: Answer, bytesMax: number): void {
  let bytes = 0;
  answer.on("error", () => undefined);
  answer.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) answer.destroy();
  });
}

interface Target {
  readonly hostname: string;
  readonly port: number;
  readonly secure: boolean;
}

async function allowedAddresses(deps: PostDeps, { hostname, port, secure }: Target, over: AbortSignal): Promise<readonly string[]> {
  const found = isIP(hostname) === 0 ? await orAbort(deps.resolve(hostname), over) : [hostname];
  const refusals = found.map((address) => deps.rules.refusal(address, port, secure));
  const allowed = found.filter((_, at) => refusals[at] === undefined);
  if (allowed.length > 0) return allowed;
  throw new PostFailure(refusals[0] ?? "the name has no address", "outage");
}

function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new PostFailure("the name could not be looked up in time", "outage")), { once: true });
    promise.then(resolve, () => reject(new PostFailure("the name could not be looked up", "outage")));
  });
}

/** Gives a socket the addresses that were checked, whatever the name means by now. */
function lookupIn(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, options, callback) => {
    const [first] = entries;
    if (options.all) callback(null, entries);
    else callback(null, first?.address ?? "", first?.family ?? 0);
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "connection failed";
}
