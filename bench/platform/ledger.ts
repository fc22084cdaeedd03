import { pause } from "@mooring/kit";
import pg from "pg";
import { temperatureSteps } from "../load/post.ts";

/** Of the property reports that came into the log after a mark. */
export interface Kept {
  /** By the device's name. */
  readonly records: ReadonlyMap<string, number>;
  /** Values in the history. */
  readonly points: number;
  /** Records that are not the next one of their device. */
  readonly outOfOrder: number;
}

/** What the platform kept, read from its database and not from what it says. */
export interface Ledger {
  /** The log's last offset: a place to count from. */
  mark(): Promise<number>;
  /** The offset of the last property report; devices that leave are in the log after it. */
  lastReport(): Promise<number>;
  /** Waits until history and shadows hold everything in the log. Throws after `timeoutMs`. */
  caughtUp(timeoutMs: number): Promise<void>;
  read(mark: number): Promise<Kept>;
  /** Commits so far, whatever they were for. */
  commits(): Promise<number>;
  /** Authorities that signed devices' certificates, PEM. */
  deviceAuthorities(): Promise<string>;
  version(): Promise<string>;
  close(): Promise<void>;
}

/** Temperatures are 10.00 to 99.99 in steps of 0.01, one step per message. */
const outOfOrder = `
  SELECT count(*) AS found FROM (
    SELECT round((body->'properties'->'Temperature'->>'value')::numeric * 100)::int AS step,
           lag(round((body->'properties'->'Temperature'->>'value')::numeric * 100)::int)
             OVER (PARTITION BY device_id ORDER BY "offset") AS before
    FROM event_log WHERE "offset" > $1 AND kind = 'properties') AS steps
  WHERE before IS NOT NULL AND (step - before + ${temperatureSteps}) % ${temperatureSteps} <> 1`;

const behind = `
  SELECT 1 FROM (SELECT coalesce(max("offset"), 0) AS last FROM event_log) AS log
  WHERE coalesce((SELECT min("offset") FROM history_cursors), 0) < last OR coalesce((SELECT min("offset") FROM shadow_cursors), 0) < last`;

export async function openLedger(databaseUrl: string): Promise<Ledger> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "bench-ledger" });
  // What ends the connection ends the question that waits, too, and is told there.
  client.on("error", () => undefined);
  await client.connect();
  const one = async (text: string, values: unknown[] = []): Promise<string> => {
    const { rows } = await client.query<{ found: string }>(text, values);
    return rows[0]?.found ?? "";
  };
  return {
    mark: async () => Number(await one(`SELECT coalesce(max("offset"), 0) AS found FROM event_log`)),
    lastReport: async () => Number(await one(`SELECT coalesce(max("offset"), 0) AS found FROM event_log WHERE kind = 'properties'`)),
    async caughtUp(timeoutMs) {
      const giveUpMs = performance.now() + timeoutMs;
      while ((await client.query(behind)).rowCount !== 0) {
        if (performance.now() > giveUpMs) throw new Error(`history and shadows were still behind after ${timeoutMs} ms`);
        await pause(50);
      }
    },
    async read(mark) {
      const { rows } = await client.query<{ device_name: string; found: string }>(
        `SELECT device_name, count(*) AS found FROM event_log WHERE "offset" > $1 AND kind = 'properties' GROUP BY device_name`,
        [mark],
      );
      const records = new Map(rows.map((row) => [row.device_name, Number(row.found)]));
      const points = Number(await one(`SELECT count(*) AS found FROM property_history WHERE "offset" > $1`, [mark]));
      return { records, points, outOfOrder: Number(await one(outOfOrder, [mark])) };
    },
    commits: async () => Number(await one("SELECT xact_commit AS found FROM pg_stat_database WHERE datname = current_database()")),
    deviceAuthorities: () => one(`SELECT string_agg(root_pem || E'\\n' || issuing_pem, E'\\n') AS found FROM authorities`),
    version: () => one("SELECT current_setting('server_version') AS found"),
    close: () => client.end(),
  };
}
