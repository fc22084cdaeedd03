import { assertMay, type DeviceApi, invalidField, PlatformError } from "@mooring/contracts";
import { type Clock, pause } from "@mooring/kit";
import type { ChangeStore } from "./ports.ts";

export interface ChangeFeedDeps {
  readonly changes: ChangeStore;
  /** How long a reader has waited is told by it: one that nobody can set. */
  readonly clock: Clock;
}

/** Gateways wait here, one call each; more is a mistake or an attack. */
export const waitersMax = 256;
export const waitMsMax = 30_000;
/** How soon a change made by another process is seen. Gateways must have acted within 2 s. */
const pollMs = 250;
const changesPerAnswerMax = 1_000;

/**
 * The feed of changes. Offsets grow in commit order, so a reader that goes on from `next` misses nothing.
 *
 * An answer without changes whose `next` is not the `after` that was asked for says: the feed does not reach from there to here, either
 * because what followed `after` is no longer kept or because the feed ends before it (a database put back from a backup). The reader must then
 * look at everything it holds again, and go on from `next`.
 */
export function createChangeFeed({ changes, clock }: ChangeFeedDeps): Pick<DeviceApi, "listChanges"> {
  let waiters = 0;

  async function readOnce(after: number) {
    const { first, last, changes: found } = await changes.read(after, changesPerAnswerMax);
    // Numbers are left out where a change was rolled back, so a gap before `first` may be harmless; looking again is, too.
    const isBroken = after > last || after < first - 1;
    if (isBroken) return { changes: [], next: last };
    return { changes: found, next: found.at(-1)?.offset ?? after };
  }

  async function readOrWait(after: number, waitMs: number) {
    const deadlineMs = clock.now() + waitMs;
    for (;;) {
      const wake = new AbortController();
      // Listening begins before reading: a change committed in between ends the pause at once.
      const stopListening = changes.onAppended(() => wake.abort());
      try {
        const answer = await readOnce(after);
        const leftMs = deadlineMs - clock.now();
        if (answer.next !== after || leftMs <= 0) return answer;
        await pause(Math.min(pollMs, leftMs), wake.signal);
      } finally {
        stopListening();
      }
    }
  }

  return {
    async listChanges(caller, request) {
      assertMay(caller, "devices.listChanges");
      const { after, waitMs = 0 } = request;
      if (!Number.isInteger(waitMs) || waitMs < 0 || waitMs > waitMsMax) {
        throw invalidField("/waitMs", `must be a whole number from 0 to ${waitMsMax}`);
      }
      if (after === undefined) return { changes: [], next: (await changes.read(0, 0)).last };
      if (!Number.isSafeInteger(after) || after < 0) throw invalidField("/after", "must be an offset this feed has given");
      if (waiters >= waitersMax) throw new PlatformError("quotaExceeded", `${waitersMax} callers are waiting for changes already`);
      waiters++;
      try {
        return await readOrWait(after, waitMs);
      } finally {
        waiters--;
      }
    },
  };
}
