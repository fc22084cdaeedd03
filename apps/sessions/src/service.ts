import {
  assertMay,
  PlatformError,
  parseLoadQueue,
  parseRetainedPage,
  parseSessionPage,
  parseTenantPage,
  retainedToken,
  type SessionApi,
  type SessionLimits,
  uuidPattern,
} from "@mooring/contracts";
import { GroupCommit } from "./group-commit.ts";
import type { SessionReader, SessionWriter } from "./ports.ts";
import { writeStream } from "./write-stream.ts";

export interface SessionDeps {
  readonly writer: SessionWriter;
  readonly reader: SessionReader;
  readonly limits: SessionLimits;
  /** Told after each commit how many seconds it took. */
  readonly onCommit?: (seconds: number) => void;
}

export interface SessionService extends SessionApi {
  readonly commits: GroupCommit;
}

export function createSessionService({ writer, reader, limits, onCommit }: SessionDeps): SessionService {
  const commits = new GroupCommit(writer, onCommit ?? (() => undefined));
  return {
    commits,

    write(caller, frames) {
      assertMay(caller, "sessions.write");
      return writeStream(commits, limits, frames);
    },

    async listSessions(caller, request) {
      assertMay(caller, "sessions.listSessions");
      const { limit, after } = parseSessionPage(request);
      // A gateway that starts again sees what its streams before have left here; the store waits for those of other processes.
      if (after === undefined) await commits.settled();
      const { items: sessions, next } = await reader.sessions(after, limit);
      return { sessions, limits, ...(next === undefined ? {} : { nextPageToken: next }) };
    },

    async loadQueue(caller, request) {
      assertMay(caller, "sessions.loadQueue");
      const { sessionId, ...from } = parseLoadQueue(request);
      return reader.queue(sessionId, from);
    },

    async listRetained(caller, request) {
      assertMay(caller, "sessions.listRetained");
      const { limit, after } = parseRetainedPage(request);
      const { items: messages, next } = await reader.retained(after, limit);
      return { messages, ...(next === undefined ? {} : { nextPageToken: retainedToken(next) }) };
    },

    async listTenantSessions(caller, request) {
      assertMay(caller, "sessions.listTenantSessions");
      const { limit, after } = parseTenantPage(request);
      const { clientId, owner } = request;
      const { items: sessions, next } = await reader.summaries(caller.tenantId, { after, limit, clientId, owner });
      return { sessions, ...(next === undefined ? {} : { nextPageToken: next }) };
    },

    async getSession(caller, { sessionId }) {
      assertMay(caller, "sessions.getSession");
      const found = uuidPattern.test(sessionId) ? await reader.find(caller.tenantId, sessionId) : undefined;
      if (found === undefined) throw new PlatformError("notFound", "there is no such session");
      return found;
    },
  };
}
