import {
  assertMay,
  type Caller,
  checkSessionFrame,
  messageBytes,
  PlatformError,
  parseLoadQueue,
  parseRetainedPage,
  parseSessionPage,
  parseTenantPage,
  retainedToken,
  type SessionAck,
  type SessionApi,
  type SessionFrame,
  type SessionLimits,
  sessionLimitsDefault,
  tooManySubscriptions,
} from "@mooring/contracts";
import { type Clock, systemClock } from "@mooring/kit";
import { MemorySessionRows } from "./memory-session-rows.ts";

export interface MemorySessions extends SessionApi {
  /** From now on nothing is committed, so nothing is acknowledged. */
  hold(): void;
  /** What was held up is committed and acknowledged, and what comes from now on at once. */
  release(): void;
  /** As when gateways die, or the service: every stream fails, and what was not committed never will be. */
  breakStreams(): void;
  /** The next frame is committed, and its stream fails before it says so. */
  loseNextAck(): void;
  /** Rows that there are. */
  readonly figures: MemorySessionRows["figures"];
}

export interface MemorySessionsOptions {
  readonly clock?: Clock;
  readonly limits?: SessionLimits;
}

/** SessionApi in memory, which outlives the gateways that a test starts and kills. It passes the service's conformance suite. */
export function createMemorySessions({ clock = systemClock, limits = sessionLimitsDefault }: MemorySessionsOptions = {}): MemorySessions {
  const rows = new MemorySessionRows();
  const streams = new Set<WriteStream>();
  let gate: PromiseWithResolvers<void> | undefined;
  let losesNextAck = false;

  const commit = async (stream: WriteStream, frame: SessionFrame): Promise<SessionAck> => {
    while (gate !== undefined && !stream.isBroken) await Promise.race([gate.promise, stream.broken]);
    if (stream.isBroken) throw broken();
    const { error } = checkSessionFrame(frame, limits);
    if (error !== undefined) return { sequence: frame.sequence, error };
    const crowded = rows.crowdedBy(frame.ops, limits.subscriptionsMax);
    if (crowded !== undefined) return { sequence: frame.sequence, error: tooManySubscriptions(frame.ops, crowded, limits) };
    for (const op of frame.ops) rows.apply(op);
    if (losesNextAck) {
      losesNextAck = false;
      throw broken();
    }
    return { sequence: frame.sequence };
  };

  return {
    write(caller, frames) {
      assertMay(caller, "sessions.write");
      return { [Symbol.asyncIterator]: () => new WriteStream(frames, commit, streams) };
    },
    ...createLists(rows, clock, limits),
    hold: () => {
      gate ??= Promise.withResolvers<void>();
    },
    release() {
      gate?.resolve();
      gate = undefined;
    },
    breakStreams() {
      for (const stream of streams) stream.break();
    },
    loseNextAck() {
      losesNextAck = true;
    },
    get figures() {
      return rows.figures;
    },
  };
}

function broken(): PlatformError {
  return new PlatformError("unavailable", "the stream broke");
}

/** Not a generator: one that waits cannot be told that its reader has gone, and a frame of a gateway that died must not be committed later. */
class WriteStream implements AsyncIterator<SessionAck> {
  readonly #frames: AsyncIterator<SessionFrame>;
  readonly #commit: (stream: WriteStream, frame: SessionFrame) => Promise<SessionAck>;
  readonly #streams: Set<WriteStream>;
  readonly #broken = Promise.withResolvers<void>();
  isBroken = false;

  constructor(
    frames: AsyncIterable<SessionFrame>,
    commit: (stream: WriteStream, frame: SessionFrame) => Promise<SessionAck>,
    streams: Set<WriteStream>,
  ) {
    this.#frames = frames[Symbol.asyncIterator]();
    this.#commit = commit;
    this.#streams = streams;
    streams.add(this);
  }

  get broken(): Promise<void> {
    return this.#broken.promise;
  }

  break(): void {
    this.isBroken = true;
    this.#broken.resolve();
    this.#streams.delete(this);
    this.#frames.return?.()?.catch(() => undefined);
  }

  async next(): Promise<IteratorResult<SessionAck>> {
    if (this.isBroken) throw broken();
    try {
      const frame = await Promise.race([this.#frames.next(), this.broken.then(() => Promise.reject(broken()))]);
      if (frame.done !== true) return { done: false, value: await this.#commit(this, frame.value) };
      this.#streams.delete(this);
      return { done: true, value: undefined };
    } catch (error) {
      this.break();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<SessionAck>> {
    this.break();
    return { done: true, value: undefined };
  }
}

function createLists(rows: MemorySessionRows, clock: Clock, limits: SessionLimits): Omit<SessionApi, "write"> {
  const ofTenant = ({ tenantId }: Caller) => rows.summaries(clock.now()).flatMap((one) => (one.tenantId === tenantId ? [one.summary] : []));
  return {
    async listSessions(caller, request) {
      assertMay(caller, "sessions.listSessions");
      const { limit, after } = parseSessionPage(request);
      const { page: sessions, last } = cut(rows.sessions(clock.now()), limit, ({ sessionId }) => after === undefined || sessionId > after);
      return { sessions, limits, ...(last === undefined ? {} : { nextPageToken: last.sessionId }) };
    },

    async loadQueue(caller, request) {
      assertMay(caller, "sessions.loadQueue");
      const { sessionId, afterSeq, limit, bytesMax } = parseLoadQueue(request);
      const rest = rows.queue(sessionId, { afterSeq, max: limit + 1, nowMs: clock.now() });
      let bytes = 0;
      const items = rest.slice(0, limit).filter(({ message }, i) => {
        bytes += messageBytes(message);
        return i === 0 || bytes <= bytesMax;
      });
      return { items, isLast: items.length === rest.length };
    },

    async listRetained(caller, request) {
      assertMay(caller, "sessions.listRetained");
      const { limit, after } = parseRetainedPage(request);
      const follows = ({ tenantId, topic }: { tenantId: string; topic: string }): boolean =>
        after === undefined || tenantId > after.tenantId || (tenantId === after.tenantId && topic > after.topic);
      const { page: messages, last } = cut(rows.retained(clock.now()), limit, follows);
      return { messages, ...(last === undefined ? {} : { nextPageToken: retainedToken(last) }) };
    },

    async listTenantSessions(caller, request) {
      assertMay(caller, "sessions.listTenantSessions");
      const { limit, after } = parseTenantPage(request);
      const { clientId, owner } = request;
      const { page: sessions, last } = cut(ofTenant(caller), limit, (one) => {
        if (clientId !== undefined && one.clientId !== clientId) return false;
        if (owner !== undefined && one.owner !== owner) return false;
        return after === undefined || one.sessionId > after;
      });
      return { sessions, ...(last === undefined ? {} : { nextPageToken: last.sessionId }) };
    },

    async getSession(caller, { sessionId }) {
      assertMay(caller, "sessions.getSession");
      const session = ofTenant(caller).find((one) => one.sessionId === sessionId);
      if (session === undefined) throw new PlatformError("notFound", "there is no such session");
      const listed = rows.sessions(clock.now()).find((one) => one.sessionId === sessionId);
      return { session, subscriptions: listed?.subscriptions ?? [] };
    },
  };
}

/** The first `limit` of those that fit; `last` only when more follow. */
function cut<T>(
  all: readonly T[],
  limit: number,
  fits: (one: T) => boolean,
): { readonly page: readonly T[]; readonly last: T | undefined } {
  const fitting = all.filter(fits);
  const page = fitting.slice(0, limit);
  return { page, last: fitting.length > page.length ? page.at(-1) : undefined };
}
