// Runs the shadow cases in the words of devices: what is said for a step, and what must be heard.
import { isDeepStrictEqual } from "node:util";
import { type DeviceAddress, errorTable, formatTopic, type JsonObject, type TopicDialect } from "@mooring/contracts";
import type { ShadowCase, ShadowOutcome, ShadowStep } from "./shadow-cases.ts";

/** A request of a device and the two topics one of which answers it. */
export interface ShadowQuestion {
  readonly topic: string;
  readonly payload: string;
  readonly accepted: string;
  readonly rejected: string;
}

export interface ShadowAnswer {
  readonly isAccepted: boolean;
  readonly body: JsonObject;
}

/** One way to reach the platform as a device. */
export interface ShadowDoor {
  readonly device: DeviceAddress;
  readonly dialect: TopicDialect;
  ask(question: ShadowQuestion): Promise<ShadowAnswer>;
}

const kinds = {
  get: ["shadowGet", "shadowGetAccepted", "shadowGetRejected"],
  update: ["shadowUpdate", "shadowUpdateAccepted", "shadowUpdateRejected"],
  delete: ["shadowDelete", "shadowDeleteAccepted", "shadowDeleteRejected"],
} as const;

/** What a device says for a step. */
export function questionOf(step: ShadowStep, device: DeviceAddress, dialect: TopicDialect): ShadowQuestion {
  const [topic, accepted, rejected] = kinds[step.operation].map((kind) => formatTopic(kind, device, step.shadowName, dialect));
  const { desired, reported, version, clientToken } = step;
  const state = step.operation === "update" ? { state: { desired, reported } } : {};
  const payload = step.payload ?? JSON.stringify({ ...state, version, clientToken });
  return { topic: topic ?? "", accepted: accepted ?? "", rejected: rejected ?? "", payload };
}

/** Does the steps of a case in order; returns what came out otherwise than it should, which is nothing when all is well. */
export async function runShadowCase({ steps }: ShadowCase, door: ShadowDoor): Promise<readonly string[]> {
  const findings: string[] = [];
  const check = (what: string, actual: unknown, expected: unknown): void => {
    if (!isDeepStrictEqual(actual, expected)) findings.push(`${what}: ${brief(actual)} instead of ${brief(expected)}`);
  };
  for (const [at, step] of steps.entries()) {
    const what = `step ${at + 1} (${step.operation})`;
    const { isAccepted, body } = await door.ask(questionOf(step, door.device, door.dialect));
    const { outcome } = step;
    if (outcome.refused !== undefined) {
      check(what, [isAccepted, body["code"]], [false, errorTable[outcome.refused].http]);
      if (isToken(step.clientToken)) check(`${what}, token`, body["clientToken"], step.clientToken);
      continue;
    }
    // What AWS calls a shadow holds something; a get of one that does not is refused there.
    const isMissing = door.dialect === "aws" && step.operation === "get" && isEmpty(outcome);
    check(what, [isAccepted, isMissing ? body["code"] : body["version"]], isMissing ? [false, 404] : [true, outcome.version]);
    check(`${what}, token`, body["clientToken"], step.clientToken);
    const read = step.operation === "get" ? { isAccepted, body } : await door.ask(readerOf(step, door));
    checkDocument(`${what}, document`, { read, outcome, isAws: door.dialect === "aws" }, check);
  }
  return findings;
}

type Document = Extract<ShadowOutcome, { readonly refused?: undefined }>;
type Check = (what: string, actual: unknown, expected: unknown) => void;

function checkDocument(
  what: string,
  { read, outcome, isAws }: { readonly read: ShadowAnswer; readonly outcome: Document; readonly isAws: boolean },
  check: Check,
): void {
  if (isAws && isEmpty(outcome)) return check(what, [read.isAccepted, read.body["code"]], [false, 404]);
  const state = (read.body["state"] ?? {}) as JsonObject;
  const { desired = {}, reported = {}, delta = {} } = state;
  const { version } = outcome;
  check(
    what,
    { version: read.body["version"], desired, reported, delta },
    { version, desired: outcome.desired, reported: outcome.reported, delta: outcome.delta },
  );
}

function readerOf({ shadowName }: ShadowStep, { device, dialect }: ShadowDoor): ShadowQuestion {
  const step: ShadowStep = { operation: "get", ...(shadowName === undefined ? {} : { shadowName }), outcome: { refused: "notFound" } };
  return questionOf(step, device, dialect);
}

function isEmpty({ desired, reported }: Document): boolean {
  return Object.keys(desired).length + Object.keys(reported).length === 0;
}

/** A token that is itself what is wrong does not come back. */
function isToken(token: string | undefined): boolean {
  return token !== undefined && Buffer.byteLength(token) <= 64;
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}
