// One HTTP GET of a revocation list, at an address that a tenant or its authority chose: see kit's outgoing/target.ts.
import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { type AddressRules, lookUpTarget, type Resolve, readTarget, TargetRefused } from "@mooring/kit";

export interface FetchDeps {
  readonly rules: AddressRules;
  readonly resolve: Resolve;
  /** For all of it, the name's look-up included. */
  readonly timeoutMs: number;
  readonly bytesMax: number;
}

/** Why nothing was fetched, in words for operators; nothing of the answer's body or of the network is repeated in them. */
export class FetchFailure extends Error {
  override readonly name = "FetchFailure";
}

/**
 * The body of a 200; redirects are not followed. Rejects with FetchFailure. Plain http will do, also to public addresses: a list is signed, and
 * authorities give it out by http so that nobody needs to check a certificate for it (RFC 5280 §8).
 */
export async function fetchList(deps: FetchDeps, url: string, signal: AbortSignal): Promise<Buffer> {
  const target = readTarget(url);
  const { hostname, port, secure, host, path } = target;
  const over = AbortSignal.any([signal, AbortSignal.timeout(deps.timeoutMs)]);
  try {
    const lookup = await lookUpTarget(deps, target, { signal: over, trustsPlain: true });
    const headers = { Host: host, Accept: "application/pkix-crl, */*", "User-Agent": "Mooring" };
    const answer = await ask({ method: "GET", host: hostname, port, path, headers, lookup, agent: false, signal: over }, secure);
    if (answer.statusCode !== 200) {
      answer.destroy();
      throw new FetchFailure(`the server answered ${answer.statusCode ?? "nothing"}`);
    }
    return await readBody(answer, deps.bytesMax);
  } catch (error) {
    if (error instanceof FetchFailure) throw error;
    if (error instanceof TargetRefused) throw new FetchFailure(error.message);
    throw new FetchFailure(over.aborted ? `no whole answer within ${deps.timeoutMs} ms` : `could not be reached (${codeOf(error)})`);
  }
}

function ask(options: RequestOptions, secure: boolean): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = secure ? httpsRequest(options) : httpRequest(options);
    request.on("error", reject);
    request.on("response", resolve);
    request.end();
  });
}

async function readBody(answer: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop destroys the answer and its socket.
    if (bytes > bytesMax) throw new FetchFailure(`the answer has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "connection failed";
}
