// Where our gateway keeps what is to outlive it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPostgresSessionReader, createPostgresSessionWriter, createSessionService } from "@mooring/app-sessions";
import { type SessionAck, type SessionApi, sessionLimitsDefault } from "@mooring/contracts";
import { migrate, openDatabase, startEmbeddedPostgres } from "@mooring/db";
import { type Running, silentLog, systemClock } from "@mooring/kit";
import { createMemorySessions } from "@mooring/testkit";
import type { SessionsKind } from "./start-node-broker.ts";

export interface OpenSessions extends Running {
  readonly api: Pick<SessionApi, "write" | "loadQueue" | "listSessions" | "listRetained">;
}

const nothing = (): Promise<void> => Promise.resolve();
const migrations = new URL("../../prisma/migrations", import.meta.url).pathname;

export async function openSessions(kind: SessionsKind): Promise<OpenSessions> {
  if (kind === "nowhere") return { api: nowhere, stop: nothing };
  if (kind === "memory") return { api: createMemorySessions(), stop: nothing };
  const dataDir = mkdtempSync(join(tmpdir(), "mooring-bench-kept-"));
  const postgres = await startEmbeddedPostgres({ dataDir, port: 0, log: silentLog });
  const { connectionString } = postgres;
  await migrate({ connectionString, directory: migrations, log: silentLog });
  const database = openDatabase({ connectionString, poolSize: 4, applicationName: "bench", log: silentLog });
  const api = createSessionService({
    writer: createPostgresSessionWriter(database.pool, sessionLimitsDefault),
    reader: createPostgresSessionReader(database.pool, systemClock),
    limits: sessionLimitsDefault,
  });
  return {
    api,
    async stop() {
      await database.close();
      await postgres.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Acknowledges, and keeps nothing: what a kept message costs the gateway itself, and not who keeps it. */
const nowhere: OpenSessions["api"] = {
  async *write(_caller, frames): AsyncGenerator<SessionAck> {
    for await (const { sequence } of frames) yield { sequence };
  },
  loadQueue: async () => ({ items: [], isLast: true }),
  listSessions: async () => ({ sessions: [] }),
  listRetained: async () => ({ messages: [] }),
};
