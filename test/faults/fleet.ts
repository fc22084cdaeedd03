import { pause } from "@mooring/kit";
import { MessageLedger, until, type Verdict } from "@mooring/testkit";
import { createApi } from "../e2e/harness/api.ts";
import { createDevice, createProduct, type Target } from "../e2e/harness/devices.ts";
import type { Platform } from "../e2e/harness/platform.ts";
import { createTenant } from "../e2e/harness/tenants.ts";
import { readEvidence } from "./evidence.ts";
import { LedgerDevice } from "./ledger-device.ts";
import type { LedgerSubscriber } from "./subscriber.ts";
import { AmqpSubscriber } from "./subscribers/amqp.ts";
import { GrpcSubscriber } from "./subscribers/grpc.ts";
import { SseSubscriber } from "./subscribers/sse.ts";
import { WebhookSubscriber } from "./subscribers/webhook.ts";

const tickMs = 10;
const watchMs = 500;
/** Nothing that a fault does to the platform may take longer to be over. */
const drainMsMax = 120_000;
/** When subscribers have everything, shadow and history are not far. */
const projectionMsMax = 60_000;

const transports = { grpc: GrpcSubscriber, webhook: WebhookSubscriber, amqp: AmqpSubscriber, sse: SseSubscriber };

export interface FleetOptions {
  readonly devicesPerTenant: number;
  /** `host:port` of the devices' MQTT door, as they are told it. */
  readonly gateway: string;
}

/** Devices of two tenants that post all the time, a subscriber of each tenant over each transport, and the ledger of what they said. */
export class Fleet {
  readonly ledger = new MessageLedger();
  readonly devices: LedgerDevice[] = [];
  readonly subscribers: LedgerSubscriber[] = [];
  readonly #databaseUrl: string;
  #timer: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;

  private constructor(databaseUrl: string) {
    this.#databaseUrl = databaseUrl;
  }

  static async create(platform: Platform, { devicesPerTenant, gateway }: FleetOptions): Promise<Fleet> {
    const [host = "", port] = gateway.split(":");
    const fleet = new Fleet(platform.databaseUrl);
    const keys = { one: platform.apiKey, two: await createTenant(platform) };
    for (const [tenant, apiKey] of Object.entries(keys)) {
      const target: Target = { ...platform, mqtts: { host, port: Number(port) }, apiKey, api: createApi(platform.rest, apiKey) };
      const product = await createProduct(target);
      for (let place = 0; place < devicesPerTenant; place += 1) {
        const device = await createDevice(target, product);
        fleet.ledger.enlist(device.deviceName, tenant);
        fleet.devices.push(new LedgerDevice(device, fleet.ledger));
      }
      for (const [transport, Subscriber] of Object.entries(transports)) {
        fleet.subscribers.push(new Subscriber({ name: `faults-${tenant}-${transport}`, tenant, platform: target }));
      }
    }
    return fleet;
  }

  async start(): Promise<void> {
    for (const subscriber of this.subscribers) await subscriber.start();
    for (const device of this.devices) device.start();
    this.#watch = setInterval(() => {
      for (const device of this.devices) device.watch(performance.now());
    }, watchMs);
  }

  /** Posts by the clock, device after device, until told otherwise. What cannot be sent waits with the device. */
  post(messagesPerS: number): void {
    const startMs = performance.now();
    let posted = 0;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      for (; posted < ((nowMs - startMs) * messagesPerS) / 1_000; posted += 1) this.devices[posted % this.devices.length]?.post();
    }, tickMs);
  }

  /** Sends nothing more, and waits until everything that was sent is acknowledged and has come to the subscribers. Returns how long that took. */
  async drain(): Promise<number> {
    clearInterval(this.#timer);
    const startMs = performance.now();
    for (const device of this.devices) device.hold();
    try {
      await until("everything to be acknowledged", () => this.devices.every((device) => device.unacknowledged === 0), drainMsMax);
    } catch (error) {
      const stuck = this.devices.filter((device) => device.unacknowledged > 0);
      throw new Error(`${(error as Error).message}: ${stuck.map(({ name, reasons }) => `${name} (${reasons.join("; ")})`).join(", ")}`);
    }
    return performance.now() - startMs;
  }

  /**
   * Waits until each subscriber has got as many messages as its tenant's devices had acknowledged, or until each must have. Returns those that
   * have not, or else the one that was the last.
   */
  async settle(): Promise<{ readonly late: readonly string[]; readonly last: string }> {
    const waiting = new Set(this.subscribers);
    let last = "";
    const isThere = (): boolean => {
      for (const subscriber of [...waiting]) {
        const { distinct, tenant } = subscriber.receipts;
        if (distinct < this.ledger.acknowledgedOf(tenant)) continue;
        waiting.delete(subscriber);
        last = subscriber.name;
      }
      return waiting.size === 0;
    };
    await until("everything to be delivered", isThere, drainMsMax).catch(() => undefined);
    return { late: [...waiting].map(({ name }) => name), last };
  }

  /** The verdict once projections and subscribers have come to the log's end, or after a time in which they must have. */
  async judge(): Promise<Verdict> {
    let verdict = this.ledger.judge(await readEvidence(this.#databaseUrl, this.subscribers));
    const giveUpMs = performance.now() + projectionMsMax;
    while (verdict.violations.length > 0 && performance.now() < giveUpMs) {
      await pause(500);
      verdict = this.ledger.judge(await readEvidence(this.#databaseUrl, this.subscribers));
    }
    return verdict;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    clearInterval(this.#watch);
    for (const device of this.devices) device.stop();
    await Promise.all(this.subscribers.map((subscriber) => subscriber.stop()));
  }
}
