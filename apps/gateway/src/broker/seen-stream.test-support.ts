// A stream to a store in memory, and the frames that it sent there.
import type { SessionFrame } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { createMemorySessions } from "@mooring/testkit";
import { StoreStream } from "./store-stream.ts";

export interface SeenStream {
  readonly store: StoreStream;
  readonly frames: readonly SessionFrame[];
  stop(): Promise<void>;
}

export function startSeenStream(): SeenStream {
  const frames: SessionFrame[] = [];
  const sessions = createMemorySessions();
  const write: typeof sessions.write = (caller, sent) => {
    async function* seen() {
      for await (const frame of sent) {
        frames.push(frame);
        yield frame;
      }
    }
    return sessions.write(caller, seen());
  };
  const store = new StoreStream({ sessions: { ...sessions, write }, log: silentLog, onCongestion: () => undefined });
  const running = store.start();
  return { store, frames, stop: () => running.stop() };
}
