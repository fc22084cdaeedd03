import type { Broadcast } from "../broadcast.ts";
import { assertChannel, type Channels, encodeMessage } from "../channels.ts";

export function createMemoryBroadcast(channels: Channels): Broadcast {
  return {
    async publish(channel, message) {
      const text = encodeMessage(channel, message);
      // Not within the publisher's own turn, as over a network: a handler may not run inside publish.
      setImmediate(() => channels.deliver(channel, text));
    },
    async subscribe(channel, handler, options = {}) {
      assertChannel(channel);
      return channels.add(channel, handler, options);
    },
  };
}
