import { createHash } from "node:crypto";
import { PlatformError } from "@mooring/contracts";
import type { Log } from "@mooring/kit";
import { Redis } from "ioredis";

/** A command that takes longer is given up: callers have deadlines of their own, and better things to do with them. */
const commandTimeoutMs = 1_000;
/** Silence after a command for this long means a dead connection, which TCP alone would notice after a quarter of an hour. */
const socketTimeoutMs = 3_000;
const connectTimeoutMs = 2_000;
const retryMsMax = 1_000;

/** Answers of a Redis that is there but cannot serve now. Any other error reply is a mistake of ours and stays what it is. */
const unavailableReply = /^(OOM|READONLY|LOADING|BUSY|MASTERDOWN|MISCONF|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM|TRYAGAIN|CLUSTERDOWN)\b/;

export interface ConnectionOptions {
  /** `redis://` or `rediss://`, with user and password where needed. */
  readonly url: string;
  readonly log: Log;
  /** Shown by CLIENT LIST. */
  readonly name: string;
}

/**
 * A connected client that never queues: while Redis is away each command fails at once or after `commandTimeoutMs`, and the
 * client reconnects by itself, at most a second after Redis is back. Rejects with `unavailable` if the first attempt fails.
 */
export async function openRedisClient(options: ConnectionOptions): Promise<Redis> {
  const client = new Redis(options.url, {
    lazyConnect: true,
    connectionName: options.name,
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    socketTimeout: socketTimeoutMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // A command that was on its way may have been done: sending it again behind the caller's back could undo later ones.
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), retryMsMax) * (0.5 + Math.random() / 2),
  });
  let down = false;
  client.on("error", (error: Error) => {
    if (!down) options.log.warn({ err: error, connection: options.name }, "Redis cannot be reached; trying again until it can");
    down = true;
  });
  client.on("ready", () => {
    if (down) options.log.info({ connection: options.name }, "Redis is reached again");
    down = false;
  });
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.disconnect();
    throw unavailable(error);
  }
}

export function unavailable(cause: unknown): PlatformError {
  return new PlatformError("unavailable", "the cluster's store cannot be reached", { cause });
}

/** Runs one operation and names its failure. */
export async function guarded<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof Error && error.name === "ReplyError" && !unavailableReply.test(error.message)) throw error;
    throw unavailable(error);
  }
}

/** A Lua script, which Redis runs as one atomic step. It reaches keys by prefix, so it is for one Redis, not a sharded one. */
export interface Script {
  readonly lua: string;
  readonly sha1: string;
}

export function defineScript(lua: string): Script {
  return { lua, sha1: createHash("sha1").update(lua).digest("hex") };
}

/** Runs a script by its digest; a Redis that was restarted or flushed is given the text again. */
export function runScript(client: Redis, script: Script, args: readonly (string | number)[]): Promise<unknown> {
  return guarded(async () => {
    try {
      return await client.evalsha(script.sha1, 0, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return client.eval(script.lua, 0, ...args);
    }
  });
}
