import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { SessionSweep, Step, TableSize } from "./ports.ts";

const everyMs = 60_000;
/** Between steps, so that a long walk leaves most of the database to others. */
const restMs = 50;
/** What expired is kept a little longer: the clocks of gateways differ, and a client may be coming back this very moment. */
const graceMs = 60_000;

export interface SweeperDeps {
  readonly sweep: Pick<SessionSweep, "sessions" | "messages" | "retained" | "sizes">;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Sweeper extends Running {
  /** As of the last walk. */
  readonly sizes: readonly TableSize[];
}

/** Walks over what is kept once a minute and removes what has expired and what nothing refers to. Any number of processes may run it. */
export function startSweeper({ sweep, clock, log }: SweeperDeps): Sweeper {
  let sizes: readonly TableSize[] = [];
  const walk = async (signal: AbortSignal): Promise<void> => {
    const before = (): number => clock.now() - graceMs;
    const sessions = await toEnd((after: string | undefined) => sweep.sessions(after, before()), signal);
    const messages = await toEnd((after: string | undefined) => sweep.messages(after, before()), signal);
    const retained = await toEnd((after: Parameters<SessionSweep["retained"]>[0]) => sweep.retained(after, before()), signal);
    sizes = await sweep.sizes();
    if (sessions + messages + retained > 0) log.info({ sessions, messages, retained }, "removed what had expired");
    await pause(everyMs, signal);
  };
  const loop = startLoop(walk, { retryMs: 5_000, onError: (error) => log.warn({ err: error }, "cannot remove what has expired") });
  return {
    get sizes() {
      return sizes;
    },
    stop: () => loop.stop(),
  };
}

async function toEnd<Place>(step: (after: Place | undefined) => Promise<Step<Place>>, signal: AbortSignal): Promise<number> {
  let removed = 0;
  for (let after: Place | undefined; !signal.aborted; ) {
    const done = await step(after);
    removed += done.removed;
    after = done.next;
    if (after === undefined) break;
    await pause(restMs, signal);
  }
  return removed;
}
