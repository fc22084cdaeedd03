import { assertMay, type Caller, type DeadLetter, type EventApi } from "@mooring/contracts";
import { notFound } from "./errors.ts";
import type { Groups } from "./groups.ts";
import { checkName, checkOffsets, checkPage, offsetOf, tokenOf } from "./input.ts";
import { deadLettersMax } from "./limits.ts";
import type { DeadLetterStore, StoredDeadLetter, SubscriptionStore } from "./ports.ts";

export interface DeadLettersDeps {
  readonly subscriptions: SubscriptionStore;
  readonly deadLetters: DeadLetterStore;
  readonly groups: Groups;
}

/** Of bodies in one page: half of what a message between processes may have. */
const pageBytesMax = 2 * 1024 * 1024;

/** What may be asked of records that were delivered in vain. */
export function createDeadLettersPart(
  deps: DeadLettersDeps,
): Pick<EventApi, "listDeadLetters" | "replayDeadLetters" | "deleteDeadLetters"> {
  const { subscriptions, deadLetters, groups } = deps;
  const existing = async (caller: Caller, name: string): Promise<void> => {
    checkName(name);
    if ((await subscriptions.find(caller.tenantId, name)) === undefined) throw notFound(name);
  };

  return {
    async listDeadLetters(caller, { name, ...page }) {
      assertMay(caller, "events.listDeadLetters");
      const { limit, after } = checkPage(page);
      const from = offsetOf(after);
      await existing(caller, name);
      const found = await deadLetters.list(caller.tenantId, name, from, limit + 1);
      const shown = firstBytes(found.slice(0, limit)).map(toDeadLetter);
      const last = found.length > shown.length ? shown.at(-1) : undefined;
      return { deadLetters: shown, ...(last === undefined ? {} : { nextPageToken: tokenOf(last.record.offset) }) };
    },

    async replayDeadLetters(caller, { name, offsets }) {
      assertMay(caller, "events.replayDeadLetters");
      const chosen = checkOffsets(offsets, "/offsets", deadLettersMax);
      await existing(caller, name);
      const count = await deadLetters.replay(caller.tenantId, name, chosen);
      await groups.refresh(caller.tenantId, name);
      return { count };
    },

    async deleteDeadLetters(caller, { name, offsets }) {
      assertMay(caller, "events.deleteDeadLetters");
      const chosen = checkOffsets(offsets, "/offsets", deadLettersMax);
      await existing(caller, name);
      return { count: await deadLetters.discard(caller.tenantId, name, chosen) };
    },
  };
}

/** As many as go into one answer, and one at least. */
function firstBytes(letters: readonly StoredDeadLetter[]): readonly StoredDeadLetter[] {
  let bytes = 0;
  const over = letters.findIndex(({ record }, i) => {
    bytes += Buffer.byteLength(record.body);
    return i > 0 && bytes > pageBytesMax;
  });
  return over === -1 ? letters : letters.slice(0, over);
}

function toDeadLetter({ record, deliveries, reason, failedAtMs, replayedAtMs }: StoredDeadLetter): DeadLetter {
  return { record, deliveries, reason, failedAtMs, ...(replayedAtMs === undefined ? {} : { replayedAtMs }) };
}
