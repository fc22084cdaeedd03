import {
  deviceCaller,
  type JsonObject,
  type JsonValue,
  type LifecycleBody,
  type LogRecord,
  PlatformError,
  type PropertiesBody,
  serviceCaller,
  shadowRefusal,
} from "@mooring/contracts";
import { type Log, type Running, startLoop } from "@mooring/kit";
import type { Applied } from "./applied.ts";
import type { Change } from "./change.ts";
import { parseEdit } from "./edit.ts";
import type { LogReader, Outcome, RefusedReport, ShadowStore } from "./ports.ts";

/** Records in one transaction, and as many as one read may ask for: so that a document is written once for several of its reports. */
const batchMax = 1_000;
const waitMs = 1_000;
/** What comes in this time is applied together: a transaction per message would cost more than the message. A report shows this much later. */
const gatherMs = 50;

export interface FollowDeps {
  readonly events: LogReader;
  readonly store: Pick<ShadowStore, "follow" | "cursor">;
  /** Hears how far the log is applied. */
  readonly applied: Applied;
  readonly log: Log;
}

export interface ShadowFollower extends Running {
  readonly stats: FollowStats;
}

/** Of this process. */
export interface FollowStats {
  readonly applied: number;
  /** Reports that no document could take: too large, or not what a document may hold. */
  readonly unfit: number;
}

/** Keeps `reported` up with what devices posted, until stopped: one accepted change per property report, applied exactly once. */
export function startShadowFollower(deps: FollowDeps): ShadowFollower {
  const self = serviceCaller("shadow");
  const stats = { applied: 0, unfit: 0 };
  let cursor: number | undefined;
  let limit = batchMax;
  const read = async (after: number): Promise<readonly LogRecord[]> => {
    for (;;) {
      try {
        const { records } = await deps.events.read(self, { consumer: "shadow", after, limit, waitMs });
        limit = Math.min(batchMax, limit + Math.ceil(limit / 8));
        return records;
      } catch (error) {
        // So many records are more than one answer may hold.
        if (!(error instanceof PlatformError && error.code === "payloadTooLarge") || limit === 1) throw error;
        limit = Math.floor(limit / 2);
      }
    }
  };
  const loop = startLoop(
    async (signal) => {
      cursor ??= await deps.store.cursor();
      deps.applied.advance(cursor);
      const records = await read(cursor);
      const last = records.at(-1);
      if (last === undefined) return;
      const { changes, unfit } = readReports(records);
      const outcomes = await deps.store.follow({ changes, unfit, removed: removedIn(records), from: cursor, to: last.offset });
      // Another process has moved it: what was read may be done already.
      cursor = outcomes === undefined ? undefined : last.offset;
      if (outcomes === undefined) return;
      deps.applied.advance(last.offset);
      const refused = [...unfit, ...refusedOf(changes, outcomes)];
      stats.applied += changes.length + unfit.length - refused.length;
      stats.unfit += refused.length;
      if (refused.length > 0) await report(deps, records, refused);
      if (records.length < batchMax / 2) await deps.applied.gather(gatherMs, signal);
    },
    { retryMs: 200, onError: (error) => deps.log.warn({ err: error }, "the shadow could not follow the log; trying again") },
  );
  return { stop: () => loop.stop(), stats };
}

function readReports(records: readonly LogRecord[]) {
  const changes: Change[] = [];
  const unfit: RefusedReport[] = [];
  for (const record of records) {
    const read = toChange(record);
    if (read === undefined) continue;
    if ("reason" in read) unfit.push(read);
    else changes.push(read);
  }
  return { changes, unfit };
}

/** Undefined for what says nothing of properties, or nothing new, or came from a shadow; why for a report that no document may hold. */
function toChange(record: LogRecord): Change | RefusedReport | undefined {
  if (record.kind !== "properties") return undefined;
  const { device, offset, messageId, receivedAtMs } = record;
  const { properties, past, source } = JSON.parse(record.body) as Partial<PropertiesBody>;
  if (past === true || source === "shadow") return undefined;
  const reported: Record<string, JsonValue> = {};
  for (const name of Object.keys(properties ?? {})) {
    // A report from before names were checked: assigning it would set the object's prototype.
    if (name !== "__proto__") reported[name] = properties?.[name]?.value ?? null;
  }
  try {
    return {
      key: { tenantId: device.tenantId, deviceId: device.deviceId, name: "" },
      kind: "report",
      principal: deviceCaller(device).principal,
      edit: parseEdit({ reported: reported as JsonObject }),
      offset,
      messageId,
      receivedAtMs,
    };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { messageId, code: error.code, reason: error.message };
  }
}

function removedIn(records: readonly LogRecord[]): readonly string[] {
  const isRemoval = ({ kind, body }: LogRecord): boolean =>
    kind === "lifecycle" && (JSON.parse(body) as Partial<LifecycleBody>).action === "deleted";
  return records.filter(isRemoval).map(({ device }) => device.deviceId);
}

export function refusedOf(changes: readonly Change[], outcomes: readonly Outcome[]): readonly RefusedReport[] {
  return outcomes.flatMap((outcome, i) => {
    const messageId = changes[i]?.messageId;
    if (messageId === undefined || !("refused" in outcome)) return [];
    return [{ messageId, code: outcome.refused.code, reason: outcome.refused.message }];
  });
}

/** As many as one request may hold. */
const refusalsMax = 500;

/**
 * A report that was refused stays in the log and the history; one device may not stop the others. Best effort as all refusals: whoever looks at what
 * became of the device's messages sees it there.
 */
async function report({ events, log }: FollowDeps, records: readonly LogRecord[], refused: readonly RefusedReport[]): Promise<void> {
  const byId = new Map(records.map((record) => [record.messageId, record]));
  const refusals = refused.flatMap(({ messageId, code, reason }) => {
    const record = byId.get(messageId);
    if (record === undefined) return [];
    const { device, offset, receivedAtMs: atMs } = record;
    return [{ device, atMs, protocol: shadowRefusal.protocol, topic: shadowRefusal.topicOf(offset), code, reason }];
  });
  try {
    for (let at = 0; at < refusals.length; at += refusalsMax) {
      await events.recordRefusals(serviceCaller("shadow"), { refusals: refusals.slice(at, at + refusalsMax) });
    }
  } catch (error) {
    log.warn({ err: error, refused: refused.length }, "could not report what does not fit shadows");
  }
}
