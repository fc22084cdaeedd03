import type { Pool } from "pg";
import type { ConsumerStore } from "../log/ports.ts";

export function createPostgresConsumerStore(pool: Pool): ConsumerStore {
  return {
    async save(name, offset) {
      await pool.query({
        name: "events-consumer",
        text: `
          INSERT INTO log_consumers AS c (name, "offset", seen_at) VALUES ($1, $2, now())
          ON CONFLICT (name) DO UPDATE SET "offset" = greatest(c."offset", excluded."offset"), seen_at = excluded.seen_at`,
        values: [name, offset],
      });
    },
  };
}
