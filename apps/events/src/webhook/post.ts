// One HTTP POST to an address that somebody else chose: see kit's outgoing/target.ts.
import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { type AddressRules, lookUpTarget, type Resolve, readTarget, TargetRefused } from "@mooring/kit";

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
  const target = readTarget(url);
  const { hostname, port, secure, host, path } = target;
  const over = AbortSignal.any([signal, AbortSignal.timeout(deps.timeoutMs)]);
  const lookup = await lookUpTarget(deps, target, { signal: over }).catch((error: unknown) => {
    throw error instanceof TargetRefused ? new PostFailure(error.message, "outage") : error;
  });
  const options: RequestOptions = {
    method: "POST",
    host: hostname,
    ...{ port, path, lookup },
    headers: { ...headers, Host: host, "Content-Type": "application/json", "Content-Length": body.length, "User-Agent": "Mooring" },
    // No shared sockets: each connection is opened, and its address checked, for one subscription.
    agent: false,
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

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "connection failed";
}
