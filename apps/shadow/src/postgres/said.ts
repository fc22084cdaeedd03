import { bigintArray, textArray, uuidArray } from "@mooring/db";
import type { PoolClient } from "pg";
import type { Accepted, Change } from "../change.ts";
import type { Repeated } from "../ports.ts";
import { idOf } from "./lock.ts";

/** More than one insert writes, so that the table does not grow beyond its time. */
const forgetMax = 2_000;

/**
 * What was made under ids that clients gave: of earlier transactions, and of this one. The devices are locked, so of two changes under one id the
 * second sees the first, whatever process it comes to.
 */
export class SaidChanges {
  readonly #known = new Map<string, Repeated>();
  readonly #made: (Repeated & { readonly change: Change })[] = [];

  static async open(client: PoolClient, changes: readonly Change[], sinceMs: number): Promise<SaidChanges> {
    const said = new SaidChanges();
    const given = changes.filter(({ givenId }) => givenId !== undefined);
    if (given.length > 0) await said.#load(client, given, sinceMs);
    return said;
  }

  /** What the change repeats; undefined when it is new. */
  find(change: Change): Repeated | undefined {
    return change.givenId === undefined ? undefined : this.#known.get(keyOf(change, change.givenId));
  }

  add(change: Change, { after, reportId }: Accepted): void {
    if (change.givenId === undefined) return;
    const repeated = { repeats: after.version, ...(reportId === undefined ? {} : { reportId }) };
    this.#known.set(keyOf(change, change.givenId), repeated);
    this.#made.push({ ...repeated, change });
  }

  async save(client: PoolClient, atMs: number, sinceMs: number): Promise<void> {
    const made = this.#made;
    if (made.length === 0) return;
    await client.query({
      name: "shadow-said",
      text: `WITH gone AS (DELETE FROM shadow_said WHERE (device_id, name, message_id) IN (
               SELECT device_id, name, message_id FROM shadow_said WHERE at < to_timestamp($7 / 1000.0) ORDER BY at LIMIT $8 FOR UPDATE SKIP LOCKED))
             INSERT INTO shadow_said (device_id, name, message_id, version, report_id, at)
             SELECT s.*, to_timestamp($6 / 1000.0)
             FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::uuid[]) AS s (device_id, name, message_id, version, report_id)
             ON CONFLICT (device_id, name, message_id) DO UPDATE SET version = excluded.version, report_id = excluded.report_id, at = excluded.at`,
      values: [
        uuidArray(made.map(({ change }) => change.key.deviceId)),
        textArray(made.map(({ change }) => change.key.name)),
        made.map(({ change }) => change.givenId),
        bigintArray(made.map(({ repeats }) => repeats)),
        made.map(({ reportId }) => reportId ?? null),
        atMs,
        sinceMs,
        forgetMax,
      ],
    });
  }

  async #load(client: PoolClient, given: readonly Change[], sinceMs: number): Promise<void> {
    const { rows } = await client.query<{ device_id: string; name: string; message_id: string; version: string; report_id: string | null }>(
      {
        name: "shadow-said-find",
        text: `SELECT s.device_id, s.name, s.message_id, s.version, s.report_id
             FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[], $3::uuid[])) AS g (device_id, name, message_id)
             JOIN shadow_said AS s USING (device_id, name, message_id) WHERE s.at >= to_timestamp($4 / 1000.0)`,
        values: [
          uuidArray(given.map(({ key }) => key.deviceId)),
          textArray(given.map(({ key }) => key.name)),
          given.map(({ givenId }) => givenId),
          sinceMs,
        ],
      },
    );
    for (const { device_id: deviceId, name, message_id, version, report_id } of rows) {
      const repeated = { repeats: Number(version), ...(report_id === null ? {} : { reportId: report_id }) };
      this.#known.set(keyOf({ key: { deviceId, name } }, message_id), repeated);
    }
  }
}

function keyOf({ key }: { readonly key: Pick<Change["key"], "deviceId" | "name"> }, givenId: string): string {
  return `${givenId} ${idOf(key)}`;
}
