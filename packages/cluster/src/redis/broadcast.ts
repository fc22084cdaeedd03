import type { Log } from "@mooring/kit";
import type { Redis } from "ioredis";
import type { Broadcast } from "../broadcast.ts";
import { assertChannel, type Channels, encodeMessage } from "../channels.ts";
import { guarded } from "./connection.ts";

/** A quiet subscriber cannot tell silence from a dead connection without asking. */
const pingMs = 1_000;

export interface RedisBroadcastDeps {
  readonly client: Redis;
  /** A connection of its own, which does nothing but listen. */
  readonly listener: Redis;
  readonly prefix: string;
  readonly channels: Channels;
  readonly log: Log;
}

export interface RedisBroadcast extends Broadcast {
  close(): void;
}

export function createRedisBroadcast({ client, listener, prefix, channels, log }: RedisBroadcastDeps): RedisBroadcast {
  const keyOf = (channel: string): string => `${prefix}broadcast:${channel}`;
  const skip = keyOf("").length;

  const resubscribe = async (): Promise<void> => {
    const names = channels.names();
    try {
      if (names.length > 0) await listener.subscribe(...names.map(keyOf));
      channels.gap();
    } catch (error) {
      log.warn({ err: error }, "subscribing to broadcasts again failed; reconnecting");
      listener.disconnect(true);
    }
  };
  listener.on("message", (key: string, text: string) => channels.deliver(key.slice(skip), text));
  listener.on("ready", () => void resubscribe());
  const pings = setInterval(() => {
    // A missing answer ends the connection (socketTimeout), and with that comes `ready` again.
    if (listener.status === "ready") listener.ping().catch(() => undefined);
  }, pingMs);

  return {
    async publish(channel, message) {
      const text = encodeMessage(channel, message);
      await guarded(() => client.publish(keyOf(channel), text));
    },
    async subscribe(channel, handler, options = {}) {
      assertChannel(channel);
      const remove = channels.add(channel, handler, options);
      try {
        await guarded(() => listener.subscribe(keyOf(channel)));
      } catch (error) {
        remove();
        throw error;
      }
      return () => {
        remove();
        // Failing is harmless: a message on a channel without handlers goes nowhere, and a new connection does not ask for it.
        if (!channels.has(channel)) listener.unsubscribe(keyOf(channel)).catch(() => undefined);
      };
    },
    close: () => clearInterval(pings),
  };
}
