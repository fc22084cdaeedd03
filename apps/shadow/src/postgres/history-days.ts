// The history of shadows lies in partitions by days, UTC.
import { dropPartition, ensurePartition, listPartitions } from "@mooring/db";
import type { Pool } from "pg";

const table = "shadow_changes";
const dayMs = 86_400_000;

/** The day that a time lies in, counted from 1970. */
export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / dayMs);
}

export async function ensureDay(pool: Pool, timeMs: number): Promise<void> {
  const from = new Date(dayOf(timeMs) * dayMs).toISOString();
  const to = new Date((dayOf(timeMs) + 1) * dayMs).toISOString();
  await ensurePartition(pool, { table, key: "at", name: `${table}_${from.slice(0, 10).replaceAll("-", "")}`, from, to });
}

export async function dropDaysBefore(pool: Pool, timeMs: number): Promise<number> {
  let dropped = 0;
  for (const { name } of await listPartitions(pool, table)) {
    // The bounds come in the time zone of the connection; the name is ours.
    const day = /^shadow_changes_(\d{4})(\d\d)(\d\d)$/.exec(name);
    if (day === null || Date.parse(`${day[1]}-${day[2]}-${day[3]}T00:00:00Z`) + dayMs > timeMs) continue;
    await dropPartition(pool, table, name);
    dropped++;
  }
  return dropped;
}

/** Whether a change found no partition for its day. */
export function isDayMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "23514" && "table" in error && error.table === table;
}
