import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { startTestPostgres, type TestPostgres } from "./postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where a test asks for the run's Postgres, which starts when the first one asks. */
    postgresDoor: string;
  }
}

/** What Vitest's global setup is given; only what is used here. */
interface Project {
  provide(key: "postgresDoor", value: string): void;
}

/**
 * One Postgres for the whole run, started only if a test asks: tests run in processes of their own, so they ask over HTTP on loopback.
 * Returns the teardown.
 */
export async function setupPostgres(project: Project): Promise<() => Promise<void>> {
  let postgres: Promise<TestPostgres> | undefined;
  // The answer holds a password, so the path is a secret.
  const path = `/${randomUUID()}`;
  const door = createServer((request, response) => {
    if (request.url !== path) {
      response.writeHead(404).end();
      return;
    }
    postgres ??= startTestPostgres();
    void answer(postgres, response);
  }).listen(0, "127.0.0.1");
  await once(door, "listening");
  project.provide("postgresDoor", `http://127.0.0.1:${(door.address() as AddressInfo).port}${path}`);
  return async () => {
    door.close();
    door.closeAllConnections();
    // A start that failed was reported to those who asked.
    const started = await postgres?.catch(() => undefined);
    await started?.stop();
  };
}

async function answer(postgres: Promise<TestPostgres>, response: ServerResponse): Promise<void> {
  try {
    const { connectionString, template } = await postgres;
    response.end(JSON.stringify({ connectionString, template }));
  } catch (error) {
    response.writeHead(500).end(error instanceof Error ? error.message : String(error));
  }
}
