// Hot path (style: Hot): one transaction per run of ops, one statement per kind of change.
import type { SessionOp } from "@mooring/contracts";
import type { Pool } from "pg";
import { Plan } from "../plan.ts";
import { CrowdedSession, type SessionWriter, UnstorableOps } from "../ports.ts";
import { crowdedSql, toStatements } from "./statements.ts";
import { writing } from "./write-lock.ts";

export function createPostgresSessionWriter(pool: Pool, { subscriptionsMax }: { readonly subscriptionsMax: number }): SessionWriter {
  return {
    async apply(ops: readonly SessionOp[]) {
      const { list, subscribed } = toStatements(new Plan(ops));
      if (list.length === 0) return;
      try {
        await writing(pool, async (client) => {
          for (const statement of list) await client.query(statement);
          if (subscribed.length === 0) return;
          const { rows } = await client.query<{ session_id: string }>({
            name: "sessions-crowded",
            text: crowdedSql,
            values: [subscribed, subscriptionsMax],
          });
          if (rows[0] !== undefined) throw new CrowdedSession(rows[0].session_id);
        });
      } catch (error) {
        if (isDataError(error)) throw new UnstorableOps(`cannot be stored: ${error.message}`, { cause: error });
        throw error;
      }
    },
  };
}

/** SQLSTATE classes 22 (data exception), 23 (integrity): the same data will be refused again. */
function isDataError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && typeof error.code === "string" && /^2[23]/.test(error.code);
}
