import { type NewRecord, PlatformError } from "@mooring/contracts";
import { transaction } from "@mooring/db";
import type { Clock } from "@mooring/kit";
import type { Pool, PoolClient } from "pg";
import { type Accepted, applyChange, type Change } from "../change.ts";
import { emptyDocument, type ShadowDocument } from "../document.ts";
import { DocumentCache } from "../document-cache.ts";
import { refusedOf } from "../follow.ts";
import type { Outcome, ShadowKey, ShadowStore } from "../ports.ts";
import { reportOf } from "../report.ts";
import { ensureDay, isDayMissing } from "./history-days.ts";
import { idOf, lockDocuments } from "./lock.ts";
import { openNameQuota } from "./name-quota.ts";
import { insertReports } from "./report-outbox.ts";
import { findRefused, saveRefused } from "./report-refusals.ts";
import { SaidChanges } from "./said.ts";
import { type Changed, type Made, saveAll } from "./save.ts";
import { markRemoved } from "./shadow-removals.ts";
import { type ShadowRow, toDocument } from "./shadow-row.ts";

const cursorName = "reported";
/** Midnight may pass between making a day and the next try; more often than that something else is wrong. */
const triesMax = 3;

export interface ShadowStoreOptions {
  readonly pool: Pool;
  readonly clock: Clock;
  /** Both sections of a document together, as JSON. */
  readonly documentBytesMax: number;
  /** For how long a change is made once under the id it was given. An hour when not given. */
  readonly deduplicationMs?: number;
}

export function createPostgresShadowStore(options: ShadowStoreOptions): ShadowStore {
  const { pool, deduplicationMs = 3_600_000 } = options;
  const cache = new DocumentCache();

  async function commit(changes: readonly Change[], move?: Move): Promise<readonly Outcome[] | undefined> {
    for (let tries = 1; ; tries++) {
      let atMs = 0;
      try {
        const done = await transaction(pool, async (client) => {
          if (move !== undefined && !(await move.cursor(client))) return undefined;
          // Nothing of these records is for shadows; the cursor moves all the same.
          if (changes.length === 0) return { outcomes: [], changed: [] };
          const stored = await lockDocuments(client, keysOf(changes), cache);
          // Under the lock: the history of a shadow runs in the order of its versions.
          atMs = options.clock.now();
          const limits = { bytesMax: options.documentBytesMax, saidSinceMs: atMs - deduplicationMs };
          const applied = await applyAll(client, { changes, stored, atMs, ...limits });
          await move?.refused(client, applied.outcomes);
          return applied;
        });
        // Only what is committed may be taken for known.
        for (const { key, after } of done?.changed ?? []) cache.put(idOf(key), after);
        return done?.outcomes;
      } catch (error) {
        // Who comes back after a failure may find a database that was set back to an earlier time, where versions are given anew.
        cache.clear();
        if (!isDayMissing(error) || tries === triesMax) throw error;
        await ensureDay(pool, atMs);
      }
    }
  }

  return {
    load: (key) => loadDocument(pool, key),
    listNames: (device, after, limit) => listNames(pool, device, after, limit),
    apply: async (changes) => (await commit(changes)) ?? [],
    follow: ({ changes, unfit, removed, from, to }) =>
      commit(changes, {
        async cursor(client) {
          if (!(await moveCursor(client, from, to))) return false;
          await markRemoved(client, removed, options.clock.now());
          await saveRefused(client, unfit, options.clock.now());
          return true;
        },
        refused: (client, outcomes) => saveRefused(client, refusedOf(changes, outcomes), options.clock.now()),
      }),
    refused: (messageIds) => findRefused(pool, messageIds),

    async cursor() {
      await pool.query(`INSERT INTO shadow_cursors (name, "offset") VALUES ($1, 0) ON CONFLICT DO NOTHING`, [cursorName]);
      const { rows } = await pool.query<{ offset: string }>({
        name: "shadow-cursor",
        text: `SELECT "offset" FROM shadow_cursors WHERE name = $1`,
        values: [cursorName],
      });
      return Number(rows[0]?.offset);
    },
  };
}

/** What else happens in the transaction of reports. */
interface Move {
  /** False when the cursor is elsewhere. */
  cursor(client: PoolClient): Promise<boolean>;
  refused(client: PoolClient, outcomes: readonly Outcome[]): Promise<void>;
}

function keysOf(changes: readonly Change[]): readonly ShadowKey[] {
  return changes.map(({ key }) => key);
}

async function moveCursor(client: PoolClient, from: number, to: number): Promise<boolean> {
  const text = `UPDATE shadow_cursors SET "offset" = $3 WHERE name = $1 AND "offset" = $2`;
  return (await client.query({ name: "shadow-cursor-move", text, values: [cursorName, from, to] })).rowCount === 1;
}

interface Work {
  readonly changes: readonly Change[];
  /** The documents as they are stored, locked. */
  readonly stored: ReadonlyMap<string, ShadowDocument>;
  readonly atMs: number;
  readonly bytesMax: number;
  /** What was said under an id before is another change. */
  readonly saidSinceMs: number;
}

async function applyAll(client: PoolClient, { changes, stored, atMs, bytesMax, saidSinceMs }: Work) {
  const quota = await openNameQuota(client, keysOf(changes), stored);
  const said = await SaidChanges.open(client, changes, saidSinceMs);
  const changed = new Map<string, Changed>();
  const made: Made[] = [];
  const reports: NewRecord[] = [];
  const outcomes: Outcome[] = [];
  for (const change of changes) {
    const id = idOf(change.key);
    const there = stored.get(id);
    try {
      // The row of a device's classic shadow is missing only if none may be made any more.
      if (!stored.has(change.key.deviceId)) throw new PlatformError("notFound", "the device is deleted");
      const repeated = said.find(change);
      if (repeated !== undefined) {
        outcomes.push(repeated);
        continue;
      }
      const applied: Accepted = applyChange(changed.get(id)?.after ?? there ?? emptyDocument, change, { atMs, bytesMax });
      quota.take(change.key, applied);
      changed.set(id, { key: change.key, stored: there, after: applied.after });
      const report = reportOf({ change, accepted: applied, atMs });
      if (report !== undefined) reports.push(report);
      const accepted = report === undefined ? applied : { ...applied, reportId: report.messageId };
      said.add(change, accepted);
      made.push({ change, accepted });
      outcomes.push(accepted);
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      outcomes.push({ refused: error });
    }
  }
  const documents = [...changed.values()];
  await saveAll(client, documents, made, atMs);
  await insertReports(client, reports);
  await said.save(client, atMs, saidSinceMs);
  return { outcomes, changed: documents };
}

async function loadDocument(pool: Pool, key: ShadowKey): Promise<ShadowDocument> {
  const { rows } = await pool.query<ShadowRow>({
    name: "shadow-load",
    text: `SELECT version, desired::text AS desired, reported::text AS reported, metadata::text AS metadata,
             desired_versions::text AS desired_versions, floor(extract(epoch FROM updated_at) * 1000)::double precision AS updated_ms
           FROM shadows WHERE device_id = $1 AND name = $2 AND tenant_id = $3`,
    values: [key.deviceId, key.name, key.tenantId],
  });
  return rows[0] === undefined ? emptyDocument : toDocument(rows[0]);
}

async function listNames(
  pool: Pool,
  device: { readonly tenantId: string; readonly deviceId: string },
  after: string,
  limit: number,
): Promise<readonly string[]> {
  const { rows } = await pool.query<{ name: string }>({
    name: "shadow-names",
    text: `SELECT name FROM shadows
           WHERE device_id = $1 AND tenant_id = $2 AND name <> '' AND name COLLATE "C" > $3
             AND (desired::text <> '{}' OR reported::text <> '{}')
           ORDER BY name COLLATE "C" LIMIT $4`,
    values: [device.deviceId, device.tenantId, after, limit],
  });
  return rows.map(({ name }) => name);
}
