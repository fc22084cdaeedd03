import { asDeviceId, asDeviceName, asProductKey, asTenantId, type Delivery, type EndpointStatus, PlatformError } from "@mooring/contracts";
import type { DeliveryGroups, JoinOptions, Member, WebhookSubscription, Webhooks } from "../delivery/ports.ts";
import { Signal } from "../signal.ts";

export const tenantId = asTenantId("7f000000-0000-4000-8000-000000000001");

/** Subscriptions with webhooks in memory: what a member leaves behind, the next one gets. */
export class MemoryGroups implements DeliveryGroups {
  readonly #subscriptions = new Map<
    string,
    { settings: WebhookSubscription; waiting: Delivery[]; statuses: EndpointStatus[]; push: ((record: Delivery) => void) | undefined }
  >();
  readonly #offsets = { last: 0 };
  readonly acknowledged: number[] = [];
  readonly dead: { readonly offset: number; readonly reason: string }[] = [];
  onDead: () => void = () => undefined;
  readonly extended = new Set<number>();
  /** How often it was asked which there are. */
  listed = 0;
  /** Another process has them. */
  elsewhere = false;

  readonly webhooks: Webhooks = {
    changed: new Signal(),
    list: async () => {
      this.listed++;
      return [...this.#subscriptions.values()].map(({ settings }) => settings);
    },
  };

  set(settings: Partial<WebhookSubscription> & { readonly url: string }): void {
    const full = { tenantId, name: "hook", secret: "s3cret", deliveriesMax: 10, revision: 1, ...settings };
    const there = this.#subscriptions.get(full.name);
    if (there === undefined) this.#subscriptions.set(full.name, { settings: full, waiting: [], statuses: [], push: undefined });
    else there.settings = full;
    this.webhooks.changed.notify();
  }

  say(deviceName: string, more: Partial<Delivery> & { readonly name?: string } = {}): number {
    const { name = "hook", ...given } = more;
    const subscription = this.#subscriptions.get(name);
    if (subscription === undefined) throw new Error(`no subscription ${name}`);
    const offset = ++this.#offsets.last;
    const device = {
      tenantId,
      deviceId: asDeviceId(`id-${deviceName}`),
      productKey: asProductKey("pk01"),
      deviceName: asDeviceName(deviceName),
    };
    const body = `{"properties":{"n":{"value":${offset},"time":1}}}`;
    const record: Delivery = {
      offset,
      messageId: `m${offset}`,
      device,
      kind: "properties",
      receivedAtMs: offset,
      body,
      attempt: 1,
      ...given,
    };
    subscription.waiting.push(record);
    subscription.push?.(record);
    return offset;
  }

  /** What was said of the endpoint, in order. */
  statusesOf(name = "hook"): readonly EndpointStatus[] {
    return this.#subscriptions.get(name)?.statuses ?? [];
  }

  async join(_: unknown, name: string, { webhook }: JoinOptions): Promise<Member> {
    const subscription = this.#subscriptions.get(name);
    if (subscription === undefined || webhook !== true) throw new PlatformError("notFound", "there is none");
    if (this.elsewhere) throw new PlatformError("unavailable", "another process has it");
    const queue = [...subscription.waiting];
    let wake: (() => void) | undefined;
    let closed = false;
    subscription.push = (record) => {
      queue.push(record);
      wake?.();
    };
    const { statuses } = subscription;
    const done = (offsets: readonly number[]): void => {
      subscription.waiting = subscription.waiting.filter(({ offset }) => !offsets.includes(offset));
    };
    const records = async function* (): AsyncGenerator<Delivery> {
      while (!closed) {
        const next = queue.shift();
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    };
    return {
      deliveries: records(),
      acknowledgeUpTo: () => undefined,
      acknowledge: (offsets) => {
        this.acknowledged.push(...offsets);
        done(offsets);
      },
      reject: () => undefined,
      giveUp: (offsets, reason) => {
        this.onDead();
        this.dead.push(...offsets.map((offset) => ({ offset, reason })));
        done(offsets);
      },
      extend: (offsets) => {
        for (const offset of offsets) this.extended.add(offset);
      },
      addCredit: () => undefined,
      get endpoint() {
        return statuses.at(-1);
      },
      reportEndpoint: (status) => statuses.push(status),
      close: async () => {
        closed = true;
        subscription.push = undefined;
        wake?.();
      },
    };
  }
}
