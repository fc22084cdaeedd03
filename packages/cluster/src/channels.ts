import { type JsonValue, PlatformError } from "@mooring/contracts";
import type { Log } from "@mooring/kit";
import { type BroadcastHandler, broadcastBytesMax, channelPattern, type SubscribeOptions } from "./broadcast.ts";

/** The subscribers of this process, by channel: what both adapters share. */
export interface Channels {
  add(channel: string, handler: BroadcastHandler, options: SubscribeOptions): () => void;
  has(channel: string): boolean;
  names(): readonly string[];
  deliver(channel: string, text: string): void;
  gap(): void;
}

interface Subscriber {
  readonly handler: BroadcastHandler;
  readonly onGap: (() => void) | undefined;
}

export function createChannels(log: Log): Channels {
  const subscribers = new Map<string, Set<Subscriber>>();
  const guarded = (channel: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      log.error({ err: error, channel }, "a broadcast handler threw");
    }
  };
  return {
    add(channel, handler, options) {
      const all = subscribers.get(channel) ?? new Set();
      const subscriber = { handler, onGap: options.onGap };
      subscribers.set(channel, all.add(subscriber));
      return () => {
        all.delete(subscriber);
        if (all.size === 0 && subscribers.get(channel) === all) subscribers.delete(channel);
      };
    },
    has: (channel) => subscribers.has(channel),
    names: () => [...subscribers.keys()],
    deliver(channel, text) {
      // Each handler gets an object of its own: what one changes the next does not see, as on another node.
      for (const { handler } of [...(subscribers.get(channel) ?? [])]) guarded(channel, () => handler(JSON.parse(text)));
    },
    gap() {
      for (const [channel, all] of subscribers) for (const { onGap } of [...all]) if (onGap) guarded(channel, onGap);
    },
  };
}

export function assertChannel(channel: string): void {
  if (!channelPattern.test(channel))
    throw new PlatformError("invalidArgument", `"${channel}" is not a channel name (${channelPattern.source})`);
}

/** The message as it travels. */
export function encodeMessage(channel: string, message: JsonValue): string {
  assertChannel(channel);
  const text = JSON.stringify(message);
  const bytes = Buffer.byteLength(text);
  if (bytes > broadcastBytesMax) {
    throw new PlatformError("payloadTooLarge", `a broadcast on ${channel} has ${bytes} bytes, more than ${broadcastBytesMax}`);
  }
  return text;
}
