import { assertMay, type EventApi, invalidField } from "@mooring/contracts";
import { appendStream } from "../append.ts";
import type { GroupCommit } from "../group-commit.ts";
import type { EventLog } from "../ports.ts";
import type { Signal } from "../signal.ts";
import type { Consumers } from "./consumers.ts";

export interface LogPartDeps {
  readonly log: EventLog;
  readonly commits: GroupCommit;
  readonly consumers: Consumers;
  /** Fires after each commit made by this process. */
  readonly appended: Signal;
}

const readLimitMax = 1_000;
const waitMsMax = 30_000;
/** How often a waiting reader looks by itself: another process may have appended. */
const lookMs = 250;

/** The log as gateways and the platform's own consumers see it. */
export function createLogPart(deps: LogPartDeps): Pick<EventApi, "append" | "read"> {
  return {
    append(caller, frames) {
      assertMay(caller, "events.append");
      return appendStream(deps.commits, frames);
    },

    async read(caller, request) {
      assertMay(caller, "events.read");
      if (!(request.limit >= 1 && request.limit <= readLimitMax)) throw invalidField("/limit", `must be 1 to ${readLimitMax}`);
      if (!(Number.isSafeInteger(request.after) && request.after >= 0)) throw invalidField("/after", "must be a whole number, 0 or more");
      const until = performance.now() + Math.min(request.waitMs, waitMsMax);
      for (;;) {
        deps.consumers.report(request.consumer, request.after);
        const records = await deps.log.read(request.after, request.limit);
        const leftMs = until - performance.now();
        if (records.length > 0 || leftMs <= 0) return { records };
        await deps.appended.wait(Math.min(leftMs, lookMs));
      }
    },
  };
}
