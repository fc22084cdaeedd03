import type { LedgerMessage } from "@mooring/testkit";
import type { Target } from "../e2e/harness/devices.ts";

/** A back end as they should be: it acknowledges what it has written down, and comes again whenever its stream ends. */
export interface LedgerSubscriber {
  readonly name: string;
  readonly receipts: ReceiptBook;
  /** Makes the subscription if there has to be one first, and receives until stopped. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface SubscriberOptions {
  readonly name: string;
  readonly tenant: string;
  readonly platform: Target;
}

const reasonsMax = 5;

/** What came to one subscriber, in the order in which it came, and why its streams ended. */
export class ReceiptBook {
  readonly tenant: string;
  readonly messages: LedgerMessage[] = [];
  streams = 0;
  /** The last ones. */
  readonly reasons: string[] = [];
  readonly #seen = new Map<string, Set<number>>();
  #distinct = 0;

  constructor(tenant: string) {
    this.tenant = tenant;
  }

  /** Messages that came at least once. */
  get distinct(): number {
    return this.#distinct;
  }

  /** Reports of somebody else's are passed over. */
  write(deviceName: unknown, firmwareVersion: unknown): void {
    const sequence = sequenceOf(firmwareVersion);
    if (sequence === undefined || typeof deviceName !== "string") return;
    this.messages.push({ device: deviceName, sequence });
    const seen = this.#seen.get(deviceName) ?? new Set();
    this.#seen.set(deviceName, seen);
    if (seen.has(sequence)) return;
    seen.add(sequence);
    this.#distinct += 1;
  }

  note(reason: string): void {
    this.reasons.push(reason);
    if (this.reasons.length > reasonsMax) this.reasons.shift();
  }
}

/** The body of a property report in the log's form, as gRPC, webhooks and event streams carry it. */
export interface ReportBody {
  readonly properties: Readonly<Record<string, { readonly value: unknown } | undefined>>;
}

export function versionIn(body: ReportBody): unknown {
  return body.properties["FirmwareVersion"]?.value;
}

export function sequenceOf(value: unknown): number | undefined {
  const match = typeof value === "string" ? /^1\.0\.(\d+)$/.exec(value) : null;
  return match === null ? undefined : Number(match[1]);
}

/** Makes a subscription of property reports from the log's beginning, over REST. */
export async function createSubscription(
  { name, platform }: SubscriberOptions,
  more: Readonly<Record<string, string | object>> = {},
): Promise<void> {
  const body = { name, filter: { kinds: ["properties"] }, start: { from: "earliest" }, ...more } as never;
  const { status, text } = await platform.api("/v1/subscriptions", { method: "POST", body });
  if (status !== 201) throw new Error(`the subscription ${name} was refused: ${text}`);
}
