// What sessions and retained messages the store has, put back when a node starts.
import {
  type ListedSession,
  type SessionApi,
  type SessionLimits,
  type StoredSubscription,
  serviceCaller,
  sessionLimitsDefault,
} from "@mooring/contracts";
import type { Clock, Log } from "@mooring/kit";
import type { Qos } from "@mooring/mqtt";
import { AwayQueue } from "./away-queue.ts";
import { neverExpires, Session, sessionKey } from "./session.ts";
import type { Space } from "./space.ts";
import type { Spaces } from "./spaces.ts";
import { messageOfStored, willOfStored } from "./stored.ts";
import { chosen, type SubscriptionOptions } from "./subscription.ts";

export interface RestoreDeps {
  readonly sessions: Pick<SessionApi, "listSessions" | "listRetained">;
  readonly spaces: Spaces;
  /** Told what the store takes, before any session is put back. What it throws ends the start. */
  readonly onStoreLimits: (limits: SessionLimits) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Reads everything, before the doors open. Rejects while the sessions service cannot be reached. */
export async function restoreSessions(deps: RestoreDeps): Promise<void> {
  const caller = serviceCaller("gateway");
  let [sessions, retained] = [0, 0];
  // Retained first: a will that fires now may replace one.
  for (let pageToken: string | undefined; ; ) {
    const page = await deps.sessions.listRetained(caller, pageToken === undefined ? {} : { pageToken });
    for (const stored of page.messages) deps.spaces.of(stored.tenantId).retained.put(messageOfStored(stored, true));
    retained += page.messages.length;
    pageToken = page.nextPageToken;
    if (pageToken === undefined) break;
  }
  const cut: Session[] = [];
  const over: Session[] = [];
  for (let pageToken: string | undefined; ; ) {
    const page = await deps.sessions.listSessions(caller, pageToken === undefined ? {} : { pageToken });
    if (pageToken === undefined) deps.onStoreLimits(page.limits ?? sessionLimitsDefault);
    for (const stored of page.sessions) {
      const session = readSession(deps.spaces.of(stored.tenantId), stored, deps.clock.now());
      if (isOver(stored, deps.clock.now())) {
        over.push(session);
        continue;
      }
      session.space.restore(session);
      if (stored.disconnectedAtMs === undefined) cut.push(session);
    }
    sessions += page.sessions.length;
    pageToken = page.nextPageToken;
    if (pageToken === undefined) break;
  }
  // Only now, so that every session that is kept gets the wills of those that were connected when the process ended.
  for (const session of cut) session.afterCrash();
  for (const session of over) {
    session.space.publishWill(session);
    session.space.shared.settle(session);
  }
  for (const space of deps.spaces.all()) for (const session of [...space.all()]) session.scheduleEnd(session.disconnectedAtMs);
  if (sessions + retained > 0) deps.log.info({ sessions, retained }, "sessions and retained messages are back");
}

/** It has ended, and is there for its will and what others may have of its queue. Its client may have another one by now. */
function isOver({ expiryIntervalS, disconnectedAtMs, will }: ListedSession, nowMs: number): boolean {
  if (disconnectedAtMs === undefined || expiryIntervalS === neverExpires) return false;
  // Its end and its will have come in the time without a node: they come now.
  if (will !== undefined && expiryIntervalS > 0) return false;
  return disconnectedAtMs + expiryIntervalS * 1_000 <= nowMs;
}

function readSession(space: Space, stored: ListedSession, nowMs: number): Session {
  const session = new Session(space, sessionKey(stored.owner, stored.clientId), stored.clientId, stored.owner);
  session.id = stored.sessionId;
  session.away = new AwayQueue(session);
  session.expiryS = stored.expiryIntervalS;
  session.protocolLevel = stored.protocolLevel;
  session.connectedAtMs = stored.connectedAtMs ?? 0;
  session.disconnectedAtMs = stored.disconnectedAtMs ?? nowMs;
  session.will = stored.will === undefined ? null : willOfStored(stored.will);
  session.lastSeq = stored.queue.lastSeq;
  session.away.set(stored.queue.count, stored.queue.bytes);
  session.away.mayHaveExpired = stored.queue.count > 0;
  session.mayHoldShared = stored.queue.count > 0;
  if (stored.receivedPacketIds.length > 0) session.received = new Set(stored.receivedPacketIds);
  for (const subscription of stored.subscriptions) session.subscriptions.set(subscription.filter, optionsOf(subscription));
  return session;
}

function optionsOf({ qos, subscriptionId, ...flags }: StoredSubscription): SubscriptionOptions {
  return chosen(qos as Qos, flags, subscriptionId);
}
