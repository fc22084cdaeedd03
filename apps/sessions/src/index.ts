export { sessionSettings, toLimits } from "./config.ts";
export { createPostgresSessionReader } from "./postgres/session-reader.ts";
export { createPostgresSessionSweep } from "./postgres/session-sweep.ts";
export { createPostgresSessionWriter } from "./postgres/session-writer.ts";
export { createSessionService, type SessionDeps, type SessionService } from "./service.ts";
export { type StartSessionsDeps, startSessions } from "./start.ts";
