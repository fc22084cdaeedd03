import { randomBytes } from "node:crypto";
import {
  assertMay,
  type EventApi,
  invalidField,
  type StartPosition,
  type Subscription,
  type TenantId,
  type Webhook,
} from "@mooring/contracts";
import type { Signal } from "../signal.ts";
import { notFound } from "./errors.ts";
import type { Groups } from "./groups.ts";
import { checkName, checkPage, checkPosition, checkSettings, tokenOf } from "./input.ts";
import type { DeliveryLog, SecretSeal, SubscriptionChange, SubscriptionStore, SubscriptionView } from "./ports.ts";

export interface SubscriptionsDeps {
  readonly log: DeliveryLog;
  readonly subscriptions: SubscriptionStore;
  readonly groups: Groups;
  readonly seal: SecretSeal;
  /** Fires when a subscription with a webhook may have changed. */
  readonly changed: Signal;
}

export type SubscriptionsPart = Pick<
  EventApi,
  "createSubscription" | "getSubscription" | "listSubscriptions" | "updateSubscription" | "seekSubscription" | "deleteSubscription"
>;

const secretBytes = 32;

/** What may be said of subscriptions by those who own them. */
export function createSubscriptionsPart(deps: SubscriptionsDeps): SubscriptionsPart {
  const { log, subscriptions, groups, changed } = deps;

  /** Sealed, and as it may be shown: with the secret only when this request set or made it. */
  const sealed = (tenantId: TenantId, name: string, { url, secret }: Webhook) => {
    const clear = secret ?? randomBytes(secretBytes).toString("base64url");
    return { url, clear, sealedSecret: deps.seal.seal(clear, secretPlace(tenantId, name)) };
  };

  const show = async (tenantId: TenantId, name: string, secret?: string): Promise<Subscription> => {
    await groups.write(tenantId, name);
    const view = await subscriptions.view(tenantId, name);
    if (view === undefined) throw notFound(name);
    const shown = toSubscription(view, groups);
    return shown.webhook === undefined || secret === undefined ? shown : { ...shown, webhook: { ...shown.webhook, secret } };
  };

  /** Tells who has it here, and the webhook runner. */
  const tell = async (tenantId: TenantId, name: string): Promise<void> => {
    await groups.refresh(tenantId, name);
    changed.notify();
  };

  return {
    async createSubscription(caller, { start = {}, ...request }) {
      assertMay(caller, "events.createSubscription");
      const { tenantId } = caller;
      const { webhook, name, ...settings } = checkSettings(request);
      checkPosition(start, { from: "/start/from", timeMs: "/start/timeMs", offset: "/start/offset" });
      const hook = webhook === undefined ? undefined : sealed(tenantId, name, webhook);
      const cursor = await offsetFor(log, start, "/start/offset");
      await subscriptions.create({ tenantId, name, cursor, ...settings, ...(hook === undefined ? {} : { webhook: hook }) });
      if (hook !== undefined) changed.notify();
      return show(tenantId, name, hook?.clear);
    },

    async getSubscription(caller, { name }) {
      assertMay(caller, "events.getSubscription");
      return show(caller.tenantId, checkName(name));
    },

    async listSubscriptions(caller, page) {
      assertMay(caller, "events.listSubscriptions");
      const { limit, after } = checkPage(page);
      await groups.write(caller.tenantId);
      const found = await subscriptions.list(caller.tenantId, after ?? "", limit + 1);
      const shown = found.slice(0, limit).map((view) => toSubscription(view, groups));
      const last = found.length > limit ? shown.at(-1) : undefined;
      return { subscriptions: shown, ...(last === undefined ? {} : { nextPageToken: tokenOf(last.name) }) };
    },

    async updateSubscription(caller, request) {
      assertMay(caller, "events.updateSubscription");
      const { tenantId } = caller;
      const { webhook, name, ...settings } = checkSettings(request);
      const there = await subscriptions.find(tenantId, name);
      if (there === undefined) throw notFound(name);
      // A new address alone leaves the secret as it is; nobody would expect bodies to be signed otherwise from then on.
      const keeps = webhook !== undefined && webhook.secret === undefined && there.webhook !== undefined;
      const made = webhook === undefined || keeps ? undefined : sealed(tenantId, name, webhook);
      const hook = keeps && there.webhook !== undefined ? { url: webhook.url, sealedSecret: there.webhook.sealedSecret } : made;
      const change: SubscriptionChange = { ...settings, ...(hook === undefined ? {} : { webhook: hook }) };
      if (!(await subscriptions.update(tenantId, name, change))) throw notFound(name);
      await tell(tenantId, name);
      return show(tenantId, name, made?.clear);
    },

    async seekSubscription(caller, { name, position }) {
      assertMay(caller, "events.seekSubscription");
      checkName(name);
      checkPosition(position ?? {}, { from: "/position/from", timeMs: "/position/timeMs", offset: "/position/offset" });
      const cursor = await offsetFor(log, position ?? {}, "/position/offset");
      if (!(await subscriptions.seek(caller.tenantId, name, cursor))) throw notFound(name);
      await groups.refresh(caller.tenantId, name);
      return show(caller.tenantId, name);
    },

    async deleteSubscription(caller, { name }) {
      assertMay(caller, "events.deleteSubscription");
      if (!(await subscriptions.delete(caller.tenantId, checkName(name)))) throw notFound(name);
      await tell(caller.tenantId, name);
      return {};
    },
  };
}

/** The cursor for a position. `pointer` names the offset, should it be beyond the log. */
export async function offsetFor(log: DeliveryLog, { from, timeMs, offset }: StartPosition, pointer: string): Promise<number> {
  if (from === "earliest") return Math.max(0, (await log.first()) - 1);
  if (timeMs !== undefined) return log.offsetAt(timeMs);
  const end = await log.end();
  if (offset === undefined) return end;
  if (offset > end) throw invalidField(pointer, `the log ends at ${end}`);
  return offset;
}

function toSubscription(view: SubscriptionView, groups: Groups): Subscription {
  const held = groups.find(view.tenantId, view.name);
  // What a process said that died since is of no account.
  const told = view.owner !== undefined && view.owner.leftMs > 0 ? view.progress : {};
  const { name, filter, acknowledgeWithinMs, deliveriesMax, createdAtMs, cursor, backlog, lagMs, deadLetters, lost, webhook } = view;
  const endpoint = held?.group.endpoint ?? view.progress.endpoint;
  return {
    name,
    filter,
    acknowledgeWithinMs,
    deliveriesMax,
    ...(webhook === undefined ? {} : { webhook: { url: webhook.url }, ...(endpoint === undefined ? {} : { endpoint }) }),
    createdAtMs,
    cursor,
    backlog,
    lagMs,
    inFlight: held?.group.inFlight() ?? told.inFlight ?? 0,
    members: held?.group.members.size ?? told.members ?? 0,
    deadLetters,
    lost,
  };
}

/** Where a webhook's secret belongs: sealed for another subscription it does not open. */
export function secretPlace(tenantId: TenantId, name: string): string {
  return `webhook:${tenantId}:${name}`;
}
