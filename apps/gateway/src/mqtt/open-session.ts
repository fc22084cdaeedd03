// From a signed-on CONNECT to its session: taken over, taken up again, or new.
import { type ConnectPacket, ReasonCode } from "@mooring/mqtt";
import { type Session, sessionKey } from "../broker/session.ts";
import type { Space } from "../broker/space.ts";
import { chooseSessionExpiry } from "./acceptance.ts";
import { SignOnRefused } from "./connect.ts";

export interface OpenedSession {
  readonly session: Session;
  /** It was there before, with all that waits in it [MQTT-3.2.2-3]. */
  readonly isPresent: boolean;
}

/**
 * The session that CONNECT finds, as far as it may be had. Changes nothing. Throws SignOnRefused for a client id that belongs to another identity,
 * and when the tenant has no room for another session that is kept.
 */
export function findSession(space: Space, packet: ConnectPacket, owner: string, clientId: string): Session | undefined {
  const before = space.find(sessionKey(owner, clientId));
  if (before !== undefined && before.owner !== owner) throw new SignOnRefused(ReasonCode.NotAuthorized, "identityMismatch");
  const expiryS = chooseSessionExpiry(packet, space.limits.sessionExpirySMax);
  // In place of one that is kept another may be.
  if (expiryS > 0 && before?.isDurable !== true && space.keptSessions >= space.limits.sessionsMax) {
    throw new SignOnRefused(ReasonCode.QuotaExceeded, "sessionLimit");
  }
  return before;
}

/**
 * Ends the connection that has the session now [MQTT-3.1.4-3]; its will goes out as if it had been lost. Throws as `findSession` does, and then
 * that connection stays.
 */
export function openSession(space: Space, packet: ConnectPacket, owner: string, clientId: string): OpenedSession {
  const key = sessionKey(owner, clientId);
  const before = findSession(space, packet, owner, clientId);
  before?.channel?.takeOver();
  let session = space.find(key);
  if (session !== undefined && packet.cleanStart) space.end(session); // [MQTT-3.1.2-4]
  session = space.find(key);
  const isPresent = session !== undefined;
  session ??= space.create(clientId, owner);
  session.protocolLevel = packet.protocolLevel;
  session.setExpiry(chooseSessionExpiry(packet, space.limits.sessionExpirySMax));
  return { session, isPresent };
}

/**
 * Ends the kept session that CONNECT takes the place of: with a clean start, and where it does not outlive its connection. Returns what is to be waited
 * for before the client hears that it has none: that the end of the sessions before is on disk, also when something else has ended them. A crash after
 * CONNACK would bring them back otherwise [MQTT-3.2.2-2]. Undefined when there is nothing to wait for; to be asked again after that.
 * Only for a CONNECT that nothing else stands against.
 */
export function endSessionBefore(space: Space, { cleanStart }: ConnectPacket, owner: string, clientId: string): Promise<void> | undefined {
  const key = sessionKey(owner, clientId);
  const before = space.find(key);
  if (before?.isDurable === true && before.owner === owner) {
    if (cleanStart || before.expiryS === 0) before.channel?.takeOver();
    if (cleanStart) space.end(before);
  }
  return space.endings.of(key);
}
