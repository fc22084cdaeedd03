import { type Delivery, invalidField, PlatformError, type SubscribeRequest, type TenantId } from "@mooring/contracts";
import type { Groups } from "./groups.ts";
import { type CheckedStart, checkOffsets, checkStart } from "./input.ts";
import { streamsPerTenantMax } from "./limits.ts";
import type { DeliveryLog, Member, SubscriptionStore } from "./ports.ts";
import { offsetFor } from "./subscriptions.ts";

export interface StreamDeps {
  readonly log: DeliveryLog;
  readonly subscriptions: SubscriptionStore;
  readonly groups: Groups;
  /** Streams that are open, by tenant. */
  readonly open: Map<TenantId, number>;
}

/**
 * One stream of a back end. Records flow while requests are read: both have a pump of their own. The stream ends with its requests, once the cursor is
 * written; a request that is wrong ends it with the reason.
 */
export async function* subscribeStream(
  deps: StreamDeps,
  tenantId: TenantId,
  requests: AsyncIterable<SubscribeRequest>,
): AsyncGenerator<Delivery> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const request: SubscribeRequest = first.done === true ? {} : first.value;
  const start = checkStart(request.start);
  const count = deps.open.get(tenantId) ?? 0;
  if (count >= streamsPerTenantMax) throw new PlatformError("quotaExceeded", `the tenant has ${streamsPerTenantMax} streams open already`);
  deps.open.set(tenantId, count + 1);
  let member: Member | undefined;
  try {
    member = await enter(deps, tenantId, start);
    const { start: _, ...rest } = request;
    const pumping = pump(member, rest, iterator);
    yield* member.deliveries;
    const failure = await pumping;
    if (failure !== undefined) throw failure.error;
  } finally {
    await member?.close();
    // Not awaited: who waits for the peer's next word answers when it comes.
    iterator.return?.().catch(() => undefined);
    const left = (deps.open.get(tenantId) ?? 1) - 1;
    if (left === 0) deps.open.delete(tenantId);
    else deps.open.set(tenantId, left);
  }
}

/** Joins the subscription; it is made, or given the filter, before. */
async function enter({ log, subscriptions, groups }: StreamDeps, tenantId: TenantId, start: CheckedStart): Promise<Member> {
  const { name, filter, position, credit } = start;
  const there = await subscriptions.find(tenantId, name);
  if (there === undefined) {
    const cursor = await offsetFor(log, position, "/start/fromOffset");
    try {
      await subscriptions.create({ tenantId, name, cursor, ...(filter === undefined ? {} : { filter }) });
    } catch (error) {
      // Another stream of it has come at the same time.
      if (!(error instanceof PlatformError && error.code === "alreadyExists")) throw error;
    }
  } else if (there.webhook === undefined && filter !== undefined && JSON.stringify(filter) !== JSON.stringify(there.filter)) {
    await subscriptions.update(tenantId, name, { filter });
    await groups.refresh(tenantId, name);
  }
  return groups.join(tenantId, name, credit === undefined ? {} : { credit });
}

/** Does what requests say until they end or one is wrong; either way the member leaves. */
async function pump(
  member: Member,
  first: SubscribeRequest,
  requests: AsyncIterator<SubscribeRequest>,
): Promise<{ readonly error: unknown } | undefined> {
  try {
    apply(member, first);
    let leave = first.leave;
    while (leave === undefined) {
      const next = await requests.next();
      if (next.done === true) return undefined;
      if (next.value.start !== undefined) throw invalidField("/start", "may be sent once");
      apply(member, next.value);
      leave = next.value.leave;
    }
    await member.close(checkOffsets(leave.handed, "/leave/handed") ?? []);
    return undefined;
  } catch (error) {
    return { error };
  } finally {
    await member.close();
  }
}

/** Failures first: what is said to be done up to an offset does not include them. */
function apply(member: Member, request: SubscribeRequest): void {
  const rejected = checkOffsets(request.rejected, "/rejected");
  const acknowledged = checkOffsets(request.acknowledged, "/acknowledged");
  const [upTo] = checkOffsets(request.acknowledgedOffset === undefined ? [] : [request.acknowledgedOffset], "/acknowledgedOffset") ?? [];
  const extended = checkOffsets(request.extended, "/extended");
  if (extended !== undefined) member.extend(extended);
  if (rejected !== undefined) member.reject(rejected);
  if (acknowledged !== undefined) member.acknowledge(acknowledged);
  if (upTo !== undefined) member.acknowledgeUpTo(upTo);
  if (request.credit !== undefined) member.addCredit(request.credit);
}
