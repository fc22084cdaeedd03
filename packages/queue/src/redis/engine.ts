import type { Log } from "@mooring/kit";
import { createRedisBackend, Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import type { Engine } from "../engine.ts";

const commandTimeoutMs = 2_000;
const connectTimeoutMs = 3_000;
const socketTimeoutMs = 5_000;
/** Of a worker's connection, which waits for jobs: BullMQ asks again after 10 s at most, so that more silence means a dead connection. */
const workerSocketTimeoutMs = 15_000;
const prefix = "mooring-jobs";

const retryStrategy = (times: number): number => Math.min(100 * 2 ** Math.min(times, 10), 2_000) * (0.5 + Math.random() / 2);

export interface RedisEngineOptions {
  readonly url: string;
  readonly log: Log;
}

/**
 * BullMQ on Redis, its keys under `mooring-jobs:`. Adding fails fast: one shared connection that never queues. Workers have
 * connections of their own, which wait for Redis however long it is away.
 */
export async function openRedisEngine({ url, log }: RedisEngineOptions): Promise<Engine> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectionName: "mooring-jobs",
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    socketTimeout: socketTimeoutMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy,
  });
  let down = false;
  client.on("error", (error: Error) => {
    if (!down) log.warn({ err: error }, "the job queue cannot reach Redis; trying again until it can");
    down = true;
  });
  client.on("ready", () => {
    down = false;
  });
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    throw error;
  }
  const timeouts = { connectTimeout: connectTimeoutMs, socketTimeout: workerSocketTimeoutMs };
  const workerConnection = { url, maxRetriesPerRequest: null, ...timeouts, retryStrategy };
  return {
    createQueue: (name, options) => new Queue(name, { ...options, connection: client, prefix }, createRedisBackend),
    createWorker: (name, processor, options) =>
      new Worker(name, processor, { ...options, connection: workerConnection, prefix }, createRedisBackend),
    async close() {
      client.disconnect();
    },
  };
}
