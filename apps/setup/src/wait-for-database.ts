import { openDatabase } from "@mooring/db";
import { type Log, pause, StartError } from "@mooring/kit";

const retryMs = 500;

/**
 * Resolves when the database answers. Throws a StartError when it has not within `timeoutMs`, and at once when it does answer and refuses the
 * user or does not know the database, which waiting does not mend (SQLSTATE classes 28 and 3D).
 */
export async function waitForDatabase(connectionString: string, timeoutMs: number, log: Log): Promise<void> {
  const database = openDatabase({ connectionString, poolSize: 1, applicationName: "mooring-setup", log });
  const deadlineMs = performance.now() + timeoutMs;
  try {
    for (;;) {
      try {
        await database.pool.query("SELECT 1");
        return;
      } catch (cause) {
        const { code, message } = cause as { readonly code?: string; readonly message: string };
        const reason = message || code || "no reason given";
        if (code !== undefined && /^(28|3D)/.test(code)) throw new StartError(`The database refuses: ${reason}`, { cause });
        if (performance.now() + retryMs > deadlineMs) {
          throw new StartError(`The database has not answered within ${timeoutMs / 1000} s: ${reason}`, { cause });
        }
        log.debug({ reason }, "the database does not answer yet");
      }
      await pause(retryMs);
    }
  } finally {
    await database.close();
  }
}
