import type { Pool, PoolClient } from "pg";

/**
 * Runs `work` in a transaction on one connection. When this resolves, the work is committed and on disk. When `work` throws, everything is
 * rolled back and its error comes through. Retries nothing. A COMMIT that fails throws: whether it took effect may then be unknown. `first` are
 * statements without parameters that go over together with BEGIN.
 */
export async function transaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>, first = ""): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query(`BEGIN; ${first}`);
    const result = await work(client);
    const { command } = await client.query("COMMIT");
    // Postgres answers COMMIT of a transaction that has failed with a silent ROLLBACK, for instance after an error that `work` caught.
    if (command !== "COMMIT") throw new Error("the transaction was rolled back: a statement in it had failed");
    return result;
  } catch (error) {
    broken = !(await rolledBack(client));
    throw error;
  } finally {
    client.release(broken);
  }
}

/** False when the connection cannot even roll back; it is then closed, and the server rolls back. */
async function rolledBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query("ROLLBACK");
    return true;
  } catch {
    return false;
  }
}
