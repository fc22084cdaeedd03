import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fastFolder } from "@mooring/testkit";
import type { TestProject } from "vitest/node";
import { type Mode, type Platform, type PlatformAddress, startPlatform } from "./platform.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where a test file asks for the platform that a run's files share, which starts when the first one asks. */
    platformDoor: string;
    /** For whatever the tests write; removed at the end of the run. */
    runFolder: string;
  }
}

/** One platform for all test files of a mode, started only if one asks. Returns the teardown, which runs also when tests have failed. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const mode: Mode = project.config.env["MOORING_TEST_MODE"] === "split" ? "split" : "all-in-one";
  let platform: Promise<Platform> | undefined;
  // The answer holds an API key, so the path is a secret.
  const path = `/${randomUUID()}`;
  const door = createServer((request, response) => {
    if (request.url !== path) {
      response.writeHead(404).end();
      return;
    }
    platform ??= startPlatform(mode);
    void answer(platform, response);
  }).listen(0, "127.0.0.1");
  await once(door, "listening");
  const runFolder = mkdtempSync(join(fastFolder(), `mooring-e2e-${mode}-`));
  // Postgres runs as another user when we are root, and has to get through.
  chmodSync(runFolder, 0o711);
  project.provide("runFolder", runFolder);
  project.provide("platformDoor", `http://127.0.0.1:${(door.address() as AddressInfo).port}${path}`);
  return async () => {
    door.close();
    door.closeAllConnections();
    // A start that failed was reported to those who asked.
    await (await platform?.catch(() => undefined))?.stop();
    rmSync(runFolder, { recursive: true, force: true });
  };
}

async function answer(starting: Promise<Platform>, response: ServerResponse): Promise<void> {
  try {
    const { mode, rest, grpc, amqp, mqtts, mqttPsk, https, caFile, apiKey, databaseUrl } = await starting;
    response.end(JSON.stringify({ mode, rest, grpc, amqp, mqtts, mqttPsk, https, caFile, apiKey, databaseUrl } satisfies PlatformAddress));
  } catch (error) {
    response.writeHead(500).end(error instanceof Error ? error.message : String(error));
  }
}
