import type { AddressInfo } from "node:net";
import type { EventApi } from "@mooring/contracts";
import type { FastifyInstance } from "fastify";
import { afterEach } from "vitest";
import type { MemoryLog } from "../memory-events.test-support.ts";
import { createMemoryServices, createTestDeps, keyOf } from "../memory-services.test-support.ts";
import { createAdminServer } from "../server.ts";
import { type EventStream, openEventStream } from "./event-stream.test-support.ts";
import type { StreamLimits } from "./event-stream.ts";

interface Options {
  readonly limits?: Partial<StreamLimits>;
  readonly events?: (events: EventApi) => Partial<EventApi>;
  readonly revoked?: ReadonlySet<string>;
  /** About these keys nobody answers. */
  readonly frozen?: ReadonlySet<string>;
  readonly nowMs?: () => number;
}

/** The streams of a server in front of a log in memory: `start` in each test, whose end stops them. */
export function useEventStreams() {
  let app: FastifyInstance;
  let log: MemoryLog;
  const open = new Set<EventStream>();
  afterEach(async () => {
    for (const stream of open) stream.close();
    open.clear();
    await app.close();
  });

  async function start(options: Options = {}): Promise<void> {
    const memory = createMemoryServices(options.revoked === undefined ? {} : { revoked: options.revoked });
    log = memory.log;
    const events = { ...memory.services.events, ...options.events?.(memory.services.events) };
    const { access } = memory.services;
    const authenticateKey: typeof access.authenticateKey = (caller, request) =>
      options.frozen?.has(request.secret) ? new Promise(() => undefined) : access.authenticateKey(caller, request);
    const services = { ...memory.services, access: { ...access, authenticateKey }, events };
    const deps = createTestDeps(services, options.nowMs ?? Date.now);
    app = createAdminServer({ ...deps, ...(options.limits === undefined ? {} : { streamLimits: options.limits }) });
    await app.listen({ host: "127.0.0.1", port: 0 });
  }

  async function connect(query = "", headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
    const { port } = app.server.address() as AddressInfo;
    const stream = await openEventStream(`http://127.0.0.1:${port}/v1/events${query}`, {
      authorization: `Bearer ${keyOf("owner")}`,
      ...headers,
    });
    open.add(stream);
    return stream;
  }

  return {
    start,
    connect,
    get app() {
      return app;
    },
    get log() {
      return log;
    },
  };
}

export const errorOf = (stream: EventStream) => JSON.parse(stream.frames.find((frame) => frame.event === "error")?.data ?? "{}");
