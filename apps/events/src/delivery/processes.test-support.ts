// Processes of the platform that deliver from one database, as far as delivery goes: each with its own owner, timers and memory.
import { randomBytes } from "node:crypto";
import type { EventApi, NewRecord } from "@mooring/contracts";
import { createMetrics, type Running, silentLog } from "@mooring/kit";
import { createSealer, sealKeyBytes } from "@mooring/pki";
import { openTestDatabase, overWire } from "@mooring/testkit";
import { startLog } from "../log/start.ts";
import { createPostgresDeadLetterStore } from "../postgres/dead-letter-store.ts";
import { createPostgresSubscriptionStore } from "../postgres/subscription-store.ts";
import { Signal } from "../signal.ts";
import { createDeliveryPart, type DeliveryDeps, type DeliveryPart } from "./part.ts";
import type { DeadLetterStore, SubscriptionStore } from "./ports.ts";
import { memoryTags } from "./tags.test-support.ts";

export interface TestProcess extends Running {
  readonly delivery: DeliveryPart;
  readonly api: EventApi;
  /** From now on it cannot reach the database; what it says there is lost. */
  cutOff(): void;
  /** It reaches it again. */
  reconnect(): void;
}

export async function openProcesses(name: string) {
  const database = await openTestDatabase(name);
  const { eventLog, stop: stopLog } = startLog({
    data: database.pool,
    control: database.pool,
    settings: { logRetentionHours: 168, logBytesMax: 0, logDeduplicationMinutes: 60, logBehindMax: 0 },
    log: silentLog,
    metrics: createMetrics(),
  });
  const appended = new Signal();
  const tags = memoryTags();
  const seal = createSealer([randomBytes(sealKeyBytes)]);
  const started: TestProcess[] = [];

  return {
    database,
    eventLog,
    appended,
    tags,
    async append(...records: readonly NewRecord[]): Promise<void> {
      await eventLog.append(records);
      appended.notify();
    },
    start(more: Partial<DeliveryDeps> = {}): TestProcess {
      let isCutOff = false;
      const breakable = <T extends object>(store: T): T =>
        new Proxy(store, {
          get: (target, key) => {
            const method = Reflect.get(target, key) as (...given: unknown[]) => Promise<unknown>;
            return (...given: unknown[]) =>
              isCutOff ? Promise.reject(new Error("the database cannot be reached")) : method.apply(target, given);
          },
        });
      const delivery = createDeliveryPart({
        log: eventLog,
        appended,
        subscriptions: breakable<SubscriptionStore>(createPostgresSubscriptionStore(database.pool)),
        deadLetters: breakable<DeadLetterStore>(createPostgresDeadLetterStore(database.pool)),
        devices: tags.directory,
        seal,
        logger: silentLog,
        // So long that none ends because the machine is busy; a test that waits for an end says how long that is.
        leaseMs: 10_000,
        ...more,
      });
      const running = delivery.start();
      const process: TestProcess = {
        delivery,
        // What is asked of it here is delivery alone.
        api: delivery.api as unknown as EventApi,
        stop: () => running.stop(),
        cutOff: () => {
          isCutOff = true;
        },
        reconnect: () => {
          isCutOff = false;
        },
      };
      started.push(process);
      return process;
    },
    /** The same process, spoken to over gRPC. */
    overWire: (process: TestProcess) => overWire("events", process.api),
    async stop(): Promise<void> {
      for (const process of started) await process.stop();
      await stopLog();
      await database.stop();
    },
  };
}
