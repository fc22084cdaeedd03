// The tenant's say in each provisioning: a signed POST whose answer allows it, changes it or refuses it. No answer is no.
//
//   -> {"claim","productKey","serial","deviceName","parameters","publicKey","address"}     publicKey: SHA-256 of the SubjectPublicKeyInfo, hex
//   <- 200 {"allowProvisioning":true,"deviceName"?,"tags"?} or {"allowProvisioning":false,"reason"?}
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { deviceNamePattern, PlatformError } from "@mooring/contracts";
import {
  type AddressRules,
  type Clock,
  createResolve,
  lookUpTarget,
  type Resolve,
  readTarget,
  signBody,
  TargetRefused,
} from "@mooring/kit";
import type { Tags } from "./ports.ts";
import { parseTags } from "./tags.ts";

/** As AWS's pre-provisioning hooks; a device waits meanwhile. */
const timeoutMsDefault = 5_000;
/** A name and 64 tags. */
const answerBytesMax = 65_536;
const reasonCharactersMax = 200;
/** Of all claims of this process: a hook that hangs costs its own fleet alone. */
const askedAtOnceMax = 256;
const askedAtOncePerClaimMax = 16;

export interface HookDeps {
  readonly rules: AddressRules;
  readonly resolve?: Resolve;
  readonly clock: Clock;
  readonly timeoutMs?: number;
}

export interface HookQuestion {
  readonly claimId: string;
  readonly url: string;
  readonly secret: string;
  readonly body: object;
}

export type HookAnswer =
  | { readonly allowed: true; readonly deviceName?: string; readonly tags?: Tags }
  | { readonly allowed: false; readonly reason: string };

/** Rejects with `unavailable`, and what is wrong with the hook, when nobody said yes or no. */
export type AskHook = (question: HookQuestion) => Promise<HookAnswer>;

export function createAskHook({
  rules,
  resolve = createResolve(rules.knowsInside),
  clock,
  timeoutMs = timeoutMsDefault,
}: HookDeps): AskHook {
  const asked = new Map<string, number>();
  let all = 0;

  async function ask({ url, secret, body }: HookQuestion): Promise<HookAnswer> {
    const signal = AbortSignal.timeout(timeoutMs);
    const bytes = Buffer.from(JSON.stringify(body));
    const target = readTarget(url);
    const { hostname, port, secure, host, path } = target;
    try {
      const lookup = await lookUpTarget({ rules, resolve }, target, { signal });
      const headers = {
        ...signBody(secret, randomUUID(), clock.now(), bytes),
        ...{ Host: host, "Content-Type": "application/json", "Content-Length": bytes.length, "User-Agent": "Mooring" },
      };
      const options = { method: "POST", host: hostname, port, path, headers, agent: false as const, lookup, signal };
      const answer = await send(secure ? httpsRequest(options) : httpRequest(options), bytes);
      return readAnswer(answer.statusCode ?? 0, await readBody(answer));
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      if (signal.aborted) throw failed(`did not answer within ${timeoutMs} ms`);
      throw failed(error instanceof TargetRefused ? error.message : "could not be reached");
    }
  }

  return async (question) => {
    const { claimId } = question;
    const mine = asked.get(claimId) ?? 0;
    if (all >= askedAtOnceMax || mine >= askedAtOncePerClaimMax) throw failed("is being asked too often at once; try again");
    all++;
    asked.set(claimId, mine + 1);
    try {
      return await ask(question);
    } finally {
      all--;
      const rest = (asked.get(claimId) ?? 1) - 1;
      if (rest === 0) asked.delete(claimId);
      else asked.set(claimId, rest);
    }
  };
}

const failed = (what: string): PlatformError => new PlatformError("unavailable", `the provisioning hook ${what}`);

function send(request: ReturnType<typeof httpRequest>, bytes: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", resolve);
    request.end(bytes);
  });
}

async function readBody(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    length += (chunk as Buffer).length;
    if (length > answerBytesMax) throw failed(`answered more than ${answerBytesMax} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readAnswer(status: number, text: string): HookAnswer {
  if (status !== 200) throw failed(`answered ${status}`);
  const answer = parseObject(text);
  const { allowProvisioning, reason, deviceName, tags } = answer ?? {};
  if (allowProvisioning === false) return { allowed: false, reason: readReason(reason) };
  if (allowProvisioning !== true) throw failed("answered without allowProvisioning true or false");
  const name = deviceName ?? undefined;
  if (name !== undefined && !(typeof name === "string" && deviceNamePattern.test(name))) throw failed("answered a deviceName that is none");
  return { allowed: true, ...(name === undefined ? {} : { deviceName: name as string }), ...readTags(tags) };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function readReason(reason: unknown): string {
  return typeof reason === "string"
    ? reason
        .replaceAll(/\p{Cc}/gu, " ")
        .slice(0, reasonCharactersMax)
        .toWellFormed()
    : "";
}

function readTags(tags: unknown): { readonly tags?: Tags } {
  if (tags === undefined || tags === null) return {};
  try {
    return { tags: parseTags(tags) };
  } catch {
    throw failed("answered tags that are none");
  }
}
